/** Namespaces that are named apart: nothing in them is meshed, or all of it is of Linkerd’s charts. */
import { describe, expect, it } from 'vitest';
import { CART, deployed, pod, postureIn } from './shop.ts';

const UNMESHED = (more = '') =>
  pod('cart', { labels: more }).replace(', linkerd.io/control-plane-ns: linkerd', '').replace('- {name: linkerd-proxy, env: []}', '');
const NAMESPACE = (annotations: string, labels = '', name = 'shop') => `
apiVersion: v1
kind: Namespace
metadata: {name: ${name}, annotations: {${annotations}}, labels: {${labels}}}
---`;
const within = (namespace: string, yaml: string) => yaml.replaceAll('namespace: shop', `namespace: ${namespace}`);

it.each([
  ['nothing asks for a proxy', 'shop', UNMESHED(), 'neither the namespace nor the pod has the annotation linkerd.io/inject: enabled'],
  [
    'the namespace says no',
    'shop',
    NAMESPACE('linkerd.io/inject: disabled') + UNMESHED(),
    'the namespace has the annotation linkerd.io/inject: disabled',
  ],
  [
    'the webhook is not called',
    'shop',
    NAMESPACE('linkerd.io/inject: enabled', 'config.linkerd.io/admission-webhooks: disabled') + UNMESHED(),
    'the namespace has the label config.linkerd.io/admission-webhooks: disabled',
  ],
  ['kube-system', 'kube-system', within('kube-system', UNMESHED()), 'namespace kube-system is never injected'],
  [
    'cni',
    'linkerd-cni',
    within('linkerd-cni', UNMESHED(', linkerd.io/cni-resource: "true"')),
    'the pod has the label linkerd.io/cni-resource',
  ],
])('not meshed: %s', (_, namespace, yaml, why) => {
  const { namespaces, plan } = postureIn(namespace, yaml);
  expect(namespaces).toEqual([{ namespace, outside: { reason: 'not-meshed', why }, practices: [] }]);
  expect(plan).toBeNull();
});

describe('judged', () => {
  const defaultDeny = (yaml: string) => {
    const [only] = postureIn('shop', yaml).namespaces;
    const judgements = only?.practices.find(({ id }) => id === 'default-deny')?.judgements ?? [];
    return { outside: only?.outside, said: judgements.map(({ workload, state, found }) => [workload, state, found]) };
  };

  it('a namespace that asks for proxies and has none: they come with a restart', () => {
    expect(defaultDeny(NAMESPACE('linkerd.io/inject: enabled') + UNMESHED())).toEqual({
      outside: null,
      said: [['po/cart', 'not', 'no proxy: Linkerd enforces nothing here']],
    });
  });

  it.each([
    ['an annotation', '', (yaml: string) => yaml.replace('{made-by: hand}', '{linkerd.io/inject: disabled}'), 'partly'],
    [
      'the network of its node',
      '',
      (yaml: string) => yaml.replace('serviceAccountName', 'hostNetwork: true\n  serviceAccountName'),
      'partly',
    ],
    ['nothing', '', (yaml: string) => yaml, 'not'],
  ])('a pod that is kept out by %s, beside one that is meshed', (_, __, kept, state) => {
    const { outside, said } = defaultDeny(pod('web') + kept(UNMESHED()));
    expect(outside).toBeNull();
    expect(said[0]?.slice(0, 2)).toEqual(['po/cart', state]);
  });

  it('the control plane: what an upgrade writes is not, nor is there a plan to close it', () => {
    const { namespaces, plan } = postureIn('linkerd', within('linkerd', CART));
    expect(namespaces[0]?.outside).toEqual({ reason: 'linkerd', why: 'Linkerd’s control plane' });
    expect(namespaces[0]?.practices.map(({ id }) => id)).toEqual([
      'probes-and-scrapes',
      'denials-observable',
      'audit-ended',
      'changes-staged',
    ]);
    expect(plan).toBeNull();
  });

  it('an extension, by the label of its namespace', () => {
    const yaml = NAMESPACE('', 'linkerd.io/extension: viz', 'linkerd-viz') + within('linkerd-viz', CART);
    expect(postureIn('linkerd-viz', yaml).namespaces[0]?.outside).toEqual({ reason: 'linkerd', why: 'Linkerd’s extension viz' });
  });

  it('every namespace, each by itself', () => {
    const yaml = CART + within('kube-system', UNMESHED()) + within('linkerd', deployed('1', 'cart'));
    expect(postureIn(null, yaml).namespaces.map(({ namespace, outside }) => [namespace, outside?.reason ?? null])).toEqual([
      ['kube-system', 'not-meshed'],
      ['linkerd', 'linkerd'],
      ['shop', null],
    ]);
  });
});
