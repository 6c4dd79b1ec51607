/** Each practice on small clusters: what makes it hold, what breaks it, and what is said where it is not known. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openCluster } from '../../src/commands/cluster-view.ts';
import type { CountedTraffic } from '../../src/commands/observed-traffic.ts';
import { runPosture } from '../../src/commands/posture-run.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import { findWorkload, type Snapshot } from '../../src/policy/snapshot.ts';
import { PRACTICES, stateOf } from '../../src/posture/posture.ts';
import { type Judgement, type PostureFacts, PRACTICE_IDS, type PracticeId } from '../../src/posture/practice.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 30);

interface World {
  /** Applied one after the other, a day each. */
  readonly later?: readonly string[];
  readonly alerting?: PostureFacts['alerting'];
  /** Identity (null: none), pod and port, and how long was watched. */
  readonly seen?: readonly (readonly [identity: string | null, pod: string, port: number])[];
  readonly days?: number;
  /** Which of the judgements is looked at; the first where left out. */
  readonly nth?: number;
}

const NOBODY_ASKED: PostureFacts['alerting'] = { prometheus: null, targets: null, rules: null };

function judge(
  id: PracticeId,
  yaml: string,
  { alerting = NOBODY_ASKED, seen = [], days = 8, later = [] }: World = {},
): readonly Judgement[] {
  const { changes } = mergeManifests([readManifests(yaml, 'shop.yaml')]);
  const after = later.flatMap((text, i) =>
    mergeManifests([readManifests(text, 'later.yaml')]).changes.map((change) => ({ ...change, at: NOW - (later.length - i) * DAY })),
  );
  const record = { changes: [...changes, ...after], files: new Map(), notices: [], isHistory: after.length > 0 };
  const { view, settings } = openCluster(record, { defaultPolicy: 'all-unauthenticated' });
  const snapshot = view.at(null);
  const traffic = seen.map(([identity, pod, port]) => trafficOf(snapshot, identity, pod, port));
  const [first, last] = seen.length === 0 ? [null, null] : [NOW - days * DAY, NOW];
  const { namespaces } = runPosture({
    ...{ snapshot, settings, view, alerting, observed: { traffic, unplaced: 0 }, namespace: 'shop', now: NOW },
    basis: { requests: traffic.length, first, last },
  });
  return namespaces[0]?.practices.find((practice) => practice.id === id)?.judgements ?? [];
}

function trafficOf(snapshot: Snapshot, identity: string | null, pod: string, port: number): CountedTraffic {
  const server = findWorkload(snapshot, 'Pod', 'shop', pod);
  if (server === null) throw new Error(`no pod ${pod}`);
  const tls =
    identity === null
      ? ({ state: 'none', reason: 'no_tls_from_remote' } as const)
      : ({ state: 'established', clientId: id(identity) } as const);
  return {
    recorded: { server, port, tls, ip: '10.0.0.9', pod: null, traffic: { type: 'tcp' }, seen: 'allowed' },
    request: 'TCP',
    count: 7,
  };
}

const id = (account: string) => `${account}.shop.serviceaccount.identity.linkerd.cluster.local`;

interface PodOptions {
  readonly account?: string;
  readonly annotations?: string;
  readonly labels?: string;
  readonly extra?: string;
  readonly args?: string;
}

function pod(name: string, { account = name, annotations = '', labels = '', extra = '', args = '' }: PodOptions = {}): string {
  return `
apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: shop
  labels: {app: ${name}, linkerd.io/control-plane-ns: linkerd${labels}}
  annotations: {x: y${annotations}}
spec:
  serviceAccountName: ${account}
  containers:
  - {name: linkerd-proxy, env: [${args}]}
  - {name: app, ports: [{name: http, containerPort: 8080}]${extra}}
status: {podIP: 10.0.0.1, hostIP: 192.168.0.1}
---`;
}

function server(name: string, spec: string, metadata = ''): string {
  return `
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: ${name}, namespace: shop${metadata}}
spec: {podSelector: {matchLabels: {app: cart}}, ${spec}}
---`;
}

function grant(name: string, target: string, identities: string, metadata = ''): string {
  return `
apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata: {name: ${name}, namespace: shop}
spec: {identities: [${identities}]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: shop${metadata}}
spec:
  targetRef: {group: policy.linkerd.io, kind: Server, name: ${target}}
  requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: ${name}}]
---`;
}

function network(spec: string): string {
  return `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: cart, namespace: shop}
spec: {podSelector: {matchLabels: {app: cart}}, policyTypes: [Ingress], ${spec}}
---`;
}

const CILIUM = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: cilium, namespace: kube-system}
spec: {selector: {matchLabels: {k: c}}, template: {metadata: {labels: {k: c}}, spec: {containers: [{name: cilium-agent}]}}}
---`;
const DENY = ', config.linkerd.io/default-inbound-policy: deny';
const SERVERS = server('http', 'port: http') + server('admin', 'port: 4191');
const CART = pod('cart');
const PROBED = pod('cart', { extra: ', readinessProbe: {httpGet: {path: /healthz, port: 8080}}' });
const ROUTE = `
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{group: policy.linkerd.io, kind: Server, name: http}]
  rules: [{matches: [{path: {value: /orders}}]}]
---`;
/** As linkerd-viz has it. */
const PROMETHEUS = `
apiVersion: v1
kind: Pod
metadata: {name: prometheus, namespace: linkerd-viz, labels: {linkerd.io/control-plane-ns: linkerd}}
spec:
  serviceAccountName: prometheus
  containers: [{name: prometheus, args: [--storage.tsdb.retention.time=6h]}, {name: linkerd-proxy}]
status: {podIP: 10.0.0.7}
---`;
const deployed = (suffix: string, app: string) =>
  pod(`cart-${suffix}`)
    .replace(`app: cart-${suffix}`, `app: ${app}, pod-template-hash: f00`)
    .replace(
      '  annotations:',
      '  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: cart-f00, controller: true}]\n  annotations:',
    );
const DEPLOYMENT = (app: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec: {selector: {matchLabels: {app: ${app}}}, template: {metadata: {labels: {app: ${app}}}, spec: {containers: [{name: app}]}}}
---`;
const TARGET = (name: string, health: string) => ({
  labels: new Map([
    ['namespace', 'shop'],
    ['pod', name],
    ['job', 'linkerd-proxy'],
  ]),
  health,
  lastError: '',
});
const SCRAPED = (health: string): PostureFacts['alerting'] =>
  ({
    prometheus: 'http://prometheus',
    targets: [TARGET('cart', health)],
    rules: { good: 12, bad: [] },
  }) as unknown as PostureFacts['alerting'];

const CASES: readonly (readonly [PracticeId, string, string, World, Judgement['state'], RegExp])[] = [
  ['default-deny', 'the pod says deny', pod('cart', { annotations: DENY }), {}, 'holds', /default policy deny/],
  ['default-deny', 'nobody says anything', CART, {}, 'not', /all-unauthenticated lets everyone in/],
  [
    'default-deny',
    'any identity',
    pod('cart', { annotations: DENY.replace(': deny', ': all-authenticated') }),
    {},
    'partly',
    /every mesh identity/,
  ],
  [
    'default-deny',
    'no proxy',
    CART.replace(', linkerd.io/control-plane-ns: linkerd', '').replace('linkerd-proxy', 'sidecar'),
    {},
    'not',
    /no proxy/,
  ],
  ['ports-covered', 'both ports', CART + SERVERS, {}, 'holds', /each port/],
  ['ports-covered', 'the application’s alone', CART + server('http', 'port: http'), {}, 'partly', /4191 \(the proxy’s own\)/],
  ['ports-covered', 'a port of another name', CART + server('http', 'port: web'), {}, 'not', /8080 \(http\)/],
  ['own-service-account', 'its own', CART, {}, 'holds', /of its own/],
  ['own-service-account', 'shared', CART + pod('orders', { account: 'cart' }), {}, 'not', /shares ServiceAccount cart with another/],
  ['own-service-account', 'default', pod('cart', { account: 'default' }), {}, 'not', /ServiceAccount default/],
  ['network-layered', 'neither', CART, {}, 'not', /neither/],
  ['network-layered', 'Linkerd alone', CART + SERVERS, {}, 'partly', /Linkerd alone/],
  ['network-layered', 'NetworkPolicy alone', CART + network('ingress: []'), {}, 'partly', /NetworkPolicy alone/],
  ['network-layered', '8080 open, 4143 not', CART + SERVERS + network('ingress: [{ports: [{port: 8080}]}]'), {}, 'partly', /not 4143/],
  [
    'network-layered',
    'both, plugin unknown',
    CART + SERVERS + network('ingress: [{ports: [{port: 8080}, {port: 4143}]}]'),
    {},
    'unknown',
    /both refuse/,
  ],
  [
    'network-layered',
    'both, and Cilium',
    CILIUM + CART + SERVERS + network('ingress: [{ports: [{port: 8080}, {port: 4143}]}]'),
    {},
    'holds',
    /both refuse/,
  ],
  ['denials-observable', 'nobody was asked', CART, {}, 'unknown', /log denials/],
  ['denials-observable', 'scraped', CART, { alerting: SCRAPED('up') }, 'holds', /scraped and log/],
  ['denials-observable', 'not scraped', CART, { alerting: SCRAPED('down') }, 'partly', /does not read 1 of 1/],
  [
    'denials-observable',
    'log level',
    pod('cart', { args: '{name: LINKERD2_PROXY_LOG, value: "off"}' }),
    { alerting: SCRAPED('up') },
    'partly',
    /hides denials/,
  ],
  [
    'denials-observable',
    'both',
    pod('cart', { args: '{name: LINKERD2_PROXY_LOG, value: "off"}' }),
    { alerting: SCRAPED('down') },
    'not',
    /logs are off/,
  ],
  [
    'grants-used',
    'used for a week',
    CART + SERVERS + grant('web', 'http', id('web')),
    { seen: [['web', 'cart', 8080]] },
    'holds',
    /each grant was used/,
  ],
  [
    'grants-used',
    'one of two never',
    CART + SERVERS + grant('web', 'http', `${id('web')}, ${id('old')}`),
    { seen: [['web', 'cart', 8080]] },
    'partly',
    /nobody was seen to use/,
  ],
  [
    'grants-used',
    'never, in a day',
    CART + SERVERS + grant('web', 'http', `${id('web')}, ${id('old')}`),
    { seen: [['web', 'cart', 8080]], days: 1 },
    'unknown',
    /nobody was seen to use/,
  ],
  [
    'grants-used',
    'what Linkerd itself grants probes is nobody’s wildcard',
    PROBED + SERVERS + grant('web', 'http', id('web')),
    { seen: [['web', 'cart', 8080]] },
    'holds',
    /each grant was used/,
  ],
  ['grants-used', 'no traffic', CART + SERVERS + grant('web', 'http', id('web')), {}, 'unknown', /not known/],
  ['grants-used', 'any identity', CART + SERVERS + grant('web', 'http', '"*"'), { seen: [['web', 'cart', 8080]] }, 'not', /wildcard/],
  [
    'grants-used',
    'a whole namespace',
    CART + SERVERS + grant('web', 'http', id('"*').replace('local', 'local"')),
    { seen: [['web', 'cart', 8080]] },
    'not',
    /wildcard/,
  ],
  ['grants-used', 'accessPolicy', CART + server('http', 'port: http, accessPolicy: all-unauthenticated'), {}, 'not', /wildcard/],
  [
    'grants-used',
    'expired',
    CART + SERVERS + grant('web', 'http', id('web'), ', annotations: {denywhy.dev/expires: "2026-11-01T00:00:00Z"}'),
    { seen: [['web', 'cart', 8080]] },
    'partly',
    /expired/,
  ],
  ['audit-ended', 'nothing audits', CART + SERVERS, {}, 'holds', /no Server/],
  ['audit-ended', 'no traffic', CART + server('http', 'port: http, accessPolicy: audit'), {}, 'partly', /nobody is known/],
  [
    'audit-ended',
    'all granted for a week',
    CART + server('http', 'port: http, accessPolicy: audit') + grant('web', 'http', id('web')),
    { seen: [['web', 'cart', 8080]] },
    'partly',
    /ready to enforce/,
  ],
  [
    'audit-ended',
    'somebody is not granted',
    CART + server('http', 'port: http, accessPolicy: audit') + grant('web', 'http', id('web')),
    { seen: [['old', 'cart', 8080]] },
    'not',
    /would refuse 1 clients/,
  ],
  ['policies-documented', 'nothing', CART + SERVERS, {}, 'not', /2 of 2/],
  [
    'policies-documented',
    'half',
    CART + server('http', 'port: http', ', annotations: {kubernetes.io/description: web, owner: ann}') + server('admin', 'port: 4191'),
    {},
    'partly',
    /1 of 2/,
  ],
  [
    'policies-documented',
    'all',
    CART + server('http', 'port: http', ', annotations: {kubernetes.io/description: web, owner: ann}'),
    {},
    'holds',
    /each of 1/,
  ],
  ['labels-consistent', 'as it should be', CART + SERVERS, {}, 'holds', /each of 2/],
  ['probes-and-scrapes', 'no Prometheus is known', CART, {}, 'unknown', /no scrape that is known/],
  ['probes-and-scrapes', 'everything is open', CART + PROMETHEUS, {}, 'holds', /each of them/],
  ['probes-and-scrapes', 'scrapes refused', CART + PROMETHEUS + server('admin', 'port: 4191'), {}, 'not', /scrapes \(GET \/metrics\)/],
  [
    'probes-and-scrapes',
    'probes on a Server without routes',
    PROBED + PROMETHEUS + server('http', 'port: http'),
    {},
    'holds',
    /each of them/,
  ],
  [
    'probes-and-scrapes',
    'a first route takes the probes away',
    PROBED + PROMETHEUS + server('http', 'port: http') + ROUTE,
    {},
    'partly',
    /probes \(GET \/healthz\)/,
  ],
  [
    'denials-observable',
    'Prometheus remembers for hours',
    CART + PROMETHEUS,
    { alerting: SCRAPED('up'), nth: -1 },
    'partly',
    /forgets after 6 hours/,
  ],
  [
    'denials-observable',
    'no rule is loaded',
    CART,
    { alerting: { ...SCRAPED('up'), rules: { good: 0, bad: ['a'] } }, nth: 1 },
    'not',
    /no alert rule/,
  ],
  ['changes-staged', 'nobody recorded any', CART, {}, 'unknown', /no change/],
  ['changes-staged', 'a Server comes and closes', CART + pod('web'), { later: [server('http', 'port: http')] }, 'not', /1 of 1/],
  [
    'changes-staged',
    'a Server that lets everyone in',
    CART + pod('web'),
    { later: [server('http', 'port: http, accessPolicy: all-unauthenticated')] },
    'holds',
    /no recorded change/,
  ],
  [
    'changes-staged',
    'audit first',
    CART + pod('web'),
    { later: [server('http', 'port: http, accessPolicy: audit'), server('http', 'port: http')] },
    'holds',
    /audited first/,
  ],
  [
    'changes-staged',
    'one with and one without',
    CART + pod('web'),
    { later: [server('http', 'port: http, accessPolicy: audit'), server('http', 'port: http'), server('admin', 'port: 4191')] },
    'partly',
    /1 of 3/,
  ],
  ['labels-consistent', 'one of two pods', deployed('a', 'cart') + deployed('b', 'other') + SERVERS, {}, 'not', /some pods carry/],
  ['labels-consistent', 'the template says otherwise', deployed('a', 'cart') + DEPLOYMENT('other') + SERVERS, {}, 'not', /some pods carry/],
  ['labels-consistent', 'the template is not known', deployed('a', 'cart') + SERVERS, {}, 'unknown', /today/],
  ['labels-consistent', 'the template says so', deployed('a', 'cart') + DEPLOYMENT('cart') + SERVERS, {}, 'holds', /each of 2/],
  ['labels-consistent', 'nothing is selected', pod('orders') + SERVERS, {}, 'not', /2 of 2/],
];

describe.each(PRACTICE_IDS)('%s', (practice) => {
  it.each(CASES.filter(([of]) => of === practice).map(([, name, yaml, world, state, found]) => ({ name, yaml, world, state, found })))(
    '$name: $state',
    ({ yaml, world, state, found }) => {
      const first = judge(practice, yaml, world).at(world.nth ?? 0);
      expect(first).toMatchObject({ state, found: expect.stringMatching(found) });
      // Nothing is said without a reason, and what is not known names what would tell.
      if (first !== undefined) expect(first.evidence.length + first.lacking.length).toBeGreaterThan(0);
      if (state === 'unknown') expect(first?.lacking).not.toEqual([]);
      if (state === 'not') expect(first?.next).not.toBeNull();
    },
  );
});

it('ids, files and sections of the page are the same', () => {
  expect(PRACTICES.map(({ id: name }) => name)).toEqual([...PRACTICE_IDS]);
  const page = readFileSync('docs/posture.md', 'utf8');
  expect([...page.matchAll(/^### (\S+)$/gm)].map(([, name]) => name)).toEqual([...PRACTICE_IDS]);
});

it.each([
  [['holds', 'holds'], 'holds'],
  [['holds', 'unknown'], 'unknown'],
  [['holds', 'not'], 'partly'],
  [['not', 'not'], 'not'],
  [['not', 'unknown'], 'partly'],
  [['partly', 'unknown'], 'partly'],
] as const)('%j together: %s', (states, together) => {
  expect(stateOf(states.map((state) => ({ state })))).toBe(together);
});
