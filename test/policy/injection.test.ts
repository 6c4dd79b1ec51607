import { describe, expect, test } from 'vitest';
import { injectionDecision, injectProxy } from '../../src/policy/injection.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { readPod } from '../../src/policy/workload.ts';

type Texts = Record<string, string>;

function pod(annotations: Texts = {}, spec: Record<string, unknown> = {}, labels: Texts = { app: 'orders' }, namespace = 'shop'): Resource {
  const containers = [{ name: 'app', ports: [{ name: 'http', containerPort: 8080 }] }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'orders', namespace, labels, annotations }, spec: { containers, ...spec } };
}

function namespace(annotations: Texts, labels: Texts = {}): Resource {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', namespace: '', labels, annotations } };
}

const inject = (value: string) => ({ 'linkerd.io/inject': value });
const YES = 'yes';

describe('injectionDecision', () => {
  test.each<[string, Resource, Resource | null, string]>([
    ['enabled on the namespace', pod(), namespace(inject('enabled')), YES],
    ['ingress on the namespace', pod(), namespace(inject('ingress')), YES],
    ['enabled on the pod', pod(inject('enabled')), null, YES],
    ['enabled on the pod, disabled on the namespace', pod(inject('enabled')), namespace(inject('disabled')), YES],
    [
      'disabled on the pod, enabled on the namespace',
      pod(inject('disabled')),
      namespace(inject('enabled')),
      'the pod has the annotation linkerd.io/inject: disabled',
    ],
    ['nowhere', pod(), namespace({}), 'neither the namespace nor the pod has the annotation linkerd.io/inject: enabled'],
    [
      'disabled on the namespace',
      pod(),
      namespace(inject('disabled')),
      'neither the namespace nor the pod has the annotation linkerd.io/inject: enabled',
    ],
    [
      'as a label of the namespace it means nothing',
      pod(),
      namespace({}, inject('enabled')),
      'neither the namespace nor the pod has the annotation linkerd.io/inject: enabled',
    ],
    [
      'as a label of the pod it means nothing',
      pod({}, {}, inject('enabled')),
      namespace({}),
      'neither the namespace nor the pod has the annotation linkerd.io/inject: enabled',
    ],
    [
      'an unknown value on the pod',
      pod(inject('true')),
      namespace(inject('enabled')),
      "the pod's annotation linkerd.io/inject has no valid value",
    ],
    [
      'an unknown value on the namespace',
      pod(inject('enabled')),
      namespace(inject('true')),
      "the namespace's annotation linkerd.io/inject has no valid value",
    ],
    [
      'a pod on the node’s network',
      pod(inject('enabled'), { hostNetwork: true }),
      null,
      'the pod uses the network of its node (hostNetwork)',
    ],
    ['no token is mounted: no obstacle since 2.12', pod(inject('enabled'), { automountServiceAccountToken: false }), null, YES],
    [
      'linkerd-proxy is there already',
      pod(inject('enabled'), { containers: [{ name: 'linkerd-proxy' }] }),
      null,
      'the pod has a proxy already',
    ],
    [
      'linkerd-proxy is there as a native sidecar',
      pod(inject('enabled'), { initContainers: [{ name: 'linkerd-proxy', restartPolicy: 'Always' }] }),
      null,
      'the pod has a proxy already',
    ],
    [
      'a proxy of Linkerd under another name',
      pod(inject('enabled'), { containers: [{ name: 'p', image: 'cr.l5d.io/linkerd/proxy:edge-26.8.3' }] }),
      null,
      'the pod has a proxy already',
    ],
    ['Istio is there', pod(inject('enabled'), { containers: [{ name: 'istio-proxy' }] }), null, 'the pod has a proxy already'],
    [
      'webhooks are off for the namespace',
      pod(inject('enabled')),
      namespace({}, { 'config.linkerd.io/admission-webhooks': 'disabled' }),
      'the namespace has the label config.linkerd.io/admission-webhooks: disabled',
    ],
    ['kube-system', pod(inject('enabled'), {}, {}, 'kube-system'), null, 'namespace kube-system is never injected'],
    [
      'a pod of the control plane',
      pod(inject('enabled'), {}, { 'linkerd.io/control-plane-component': 'identity' }),
      null,
      'the pod has the label linkerd.io/control-plane-component',
    ],
  ])('%s', (_, p, ns, expected) => {
    const decision = injectionDecision(p, ns);
    expect(decision.inject ? YES : decision.why).toBe(expected);
  });
});

describe('injectProxy', () => {
  const annotationsOf = (p: Resource, ns: Resource | null) => injectProxy(p, ns, null, LINKERD_DEFAULTS).metadata.annotations;

  test('the pod belongs to the control plane’s mesh and has the proxy’s ports and probes', () => {
    const injected = injectProxy(
      pod(inject('enabled')),
      null,
      { kind: 'StatefulSet', name: 'orders' },
      { ...LINKERD_DEFAULTS, controlPlaneNamespace: 'l5d' },
    );
    expect(injected.metadata.labels).toEqual({
      app: 'orders',
      'linkerd.io/control-plane-ns': 'l5d',
      'linkerd.io/workload-ns': 'shop',
      'linkerd.io/proxy-statefulset': 'orders',
    });
    const workload = readPod(injected);
    expect(workload.meshed).toBe(true);
    expect(workload.ports).toEqual([4143, 4191, 8080]);
    expect(workload.portNames.get('linkerd-admin')).toEqual([4191]);
    expect(workload.probes).toEqual(new Map([[4191, ['/live', '/ready']]]));
  });

  test('the namespace’s configuration is copied where the pod has none of its own, and nothing else of the namespace', () => {
    const ns = namespace({
      ...inject('ingress'),
      'config.linkerd.io/default-inbound-policy': 'deny',
      'config.linkerd.io/skip-inbound-ports': '25',
      'config.alpha.linkerd.io/proxy-wait-before-exit-seconds': '10',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
    });
    expect(annotationsOf(pod({ 'config.linkerd.io/default-inbound-policy': 'audit' }), ns)).toEqual({
      ...inject('ingress'),
      'config.linkerd.io/default-inbound-policy': 'audit',
      'config.linkerd.io/skip-inbound-ports': '25',
      'config.alpha.linkerd.io/proxy-wait-before-exit-seconds': '10',
    });
  });

  test.each<[string, Resource, Resource | null, string | undefined]>([
    [
      'the default opaque ports that the pod exposes',
      pod({}, { containers: [{ ports: [{ containerPort: 3306 }, { containerPort: 80 }, { containerPort: 25 }] }] }),
      null,
      '3306,25',
    ],
    ['none where it exposes none', pod(), null, undefined],
    ['none for UDP', pod({}, { containers: [{ ports: [{ containerPort: 25, protocol: 'UDP' }] }] }), null, undefined],
    [
      'the pod’s own list as it is',
      pod({ 'config.linkerd.io/opaque-ports': '8080' }, { containers: [{ ports: [{ containerPort: 25 }] }] }),
      null,
      '8080',
    ],
    [
      'the pod’s own empty list too',
      pod({ 'config.linkerd.io/opaque-ports': '' }, { containers: [{ ports: [{ containerPort: 25 }] }] }),
      null,
      '',
    ],
    [
      'the namespace’s list',
      pod({}, { containers: [{ ports: [{ containerPort: 25 }] }] }),
      namespace({ 'config.linkerd.io/opaque-ports': '9999' }),
      '9999',
    ],
  ])('opaque-ports: %s', (_, p, ns, expected) => {
    expect(annotationsOf(p, ns)?.['config.linkerd.io/opaque-ports']).toBe(expected);
  });

  test('the proxy listens where annotations say, and is no init container where native sidecars are off', () => {
    const annotations = {
      'config.linkerd.io/inbound-port': '5143',
      'config.linkerd.io/admin-port': '5191',
      'config.beta.linkerd.io/proxy-enable-native-sidecar': 'false',
    };
    const injected = injectProxy(pod(annotations), null, null, LINKERD_DEFAULTS);
    expect(readPod(injected).ports).toEqual([5143, 5191, 8080]);
    expect(readPod(injected).probes).toEqual(new Map([[5191, ['/live', '/ready']]]));
    expect(injected.spec).not.toHaveProperty('initContainers');
  });
});
