/** A shop of a few objects, and what posture says of it. */
import { openCluster } from '../../src/commands/cluster-view.ts';
import type { CountedTraffic } from '../../src/commands/observed-traffic.ts';
import { type Posture, runPosture } from '../../src/commands/posture-run.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import { findWorkload, type Snapshot } from '../../src/policy/snapshot.ts';
import { ASKS_OF_FILES } from '../../src/posture/asks.ts';
import type { Judgement, PostureFacts, PracticeId } from '../../src/posture/practice.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 30);

export interface World {
  /** Applied one after the other, a day each. */
  readonly later?: readonly string[];
  readonly alerting?: PostureFacts['alerting'];
  /** Identity (null: none), pod and port, and how long was watched. */
  readonly seen?: readonly (readonly [identity: string | null, pod: string, port: number])[];
  /** The same, of what was refused. */
  readonly refused?: World['seen'];
  /** Addresses of clients are not known, as counters do not. */
  readonly noAddress?: boolean;
  readonly days?: number;
  readonly unread?: PostureFacts['unread'];
  /** Which of the judgements is looked at; the first where left out. */
  readonly nth?: number;
}

const NOBODY_ASKED: PostureFacts['alerting'] = { prometheus: null, targets: null, rules: null, retention: null };

/** Of namespace shop. */
export function judge(id: PracticeId, yaml: string, world: World = {}): readonly Judgement[] {
  return postureIn('shop', yaml, world).namespaces[0]?.practices.find((practice) => practice.id === id)?.judgements ?? [];
}

/** `namespace`: null: every one. */
export function postureIn(
  namespace: string | null,
  yaml: string,
  { alerting = NOBODY_ASKED, seen = [], days = 8, later = [], unread = new Map(), refused = [], noAddress = false }: World = {},
): Posture {
  const { changes } = mergeManifests([readManifests(yaml, 'shop.yaml')]);
  const after = later.flatMap((text, i) =>
    mergeManifests([readManifests(text, 'later.yaml')]).changes.map((change) => ({ ...change, at: NOW - (later.length - i) * DAY })),
  );
  const record = { changes: [...changes, ...after], files: new Map(), notices: [], isHistory: after.length > 0 };
  const { view, settings } = openCluster(record, { defaultPolicy: 'all-unauthenticated' });
  const snapshot = view.at(null);
  const trafficOf = (all: NonNullable<World['seen']>, how: 'allowed' | 'denied') =>
    all.map(([identity, pod, port]) => oneOf(snapshot, identity, pod, port, how, noAddress ? null : '10.0.0.9'));
  const traffic = [...trafficOf(seen, 'allowed'), ...trafficOf(refused, 'denied')];
  const [first, last] = seen.length === 0 ? [null, null] : [NOW - days * DAY, NOW];
  return runPosture({
    ...{ snapshot, settings, view, alerting, observed: { traffic, unplaced: 0 }, namespace, now: NOW, asks: ASKS_OF_FILES, unread },
    files: new Map([['shop.yaml', yaml]]),
    basis: { requests: traffic.length, first, last },
    watched: { first, last },
  });
}

function oneOf(
  snapshot: Snapshot,
  identity: string | null,
  pod: string,
  port: number,
  seen: 'allowed' | 'denied',
  ip: string | null,
): CountedTraffic {
  const server = findWorkload(snapshot, 'Pod', 'shop', pod);
  if (server === null) throw new Error(`no pod ${pod}`);
  const tls =
    identity === null
      ? ({ state: 'none', reason: 'no_tls_from_remote' } as const)
      : ({ state: 'established', clientId: id(identity) } as const);
  return {
    recorded: { server, port, tls, ip, pod: null, traffic: { type: 'tcp' }, seen },
    request: 'TCP',
    count: 7,
  };
}

export const id = (account: string) => `${account}.shop.serviceaccount.identity.linkerd.cluster.local`;

interface PodOptions {
  readonly account?: string;
  readonly annotations?: string;
  readonly labels?: string;
  readonly extra?: string;
  readonly args?: string;
}

export function pod(name: string, { account = name, annotations = '', labels = '', extra = '', args = '' }: PodOptions = {}): string {
  return `
apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: shop
  labels: {app: ${name}, linkerd.io/control-plane-ns: linkerd${labels}}
  annotations: {made-by: hand${annotations}}
spec:
  serviceAccountName: ${account}
  containers:
  - {name: linkerd-proxy, env: [${args}]}
  - {name: app, ports: [{name: http, containerPort: 8080}]${extra}}
status: {podIP: 10.0.0.1, hostIP: 192.168.0.1}
---`;
}

export function server(name: string, spec: string, metadata = ''): string {
  return `
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: ${name}, namespace: shop${metadata}}
spec: {podSelector: {matchLabels: {app: cart}}, ${spec}}
---`;
}

export function grant(name: string, target: string, identities: string, metadata = ''): string {
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

export function network(spec: string): string {
  return `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: cart, namespace: shop}
spec: {podSelector: {matchLabels: {app: cart}}, policyTypes: [Ingress], ${spec}}
---`;
}

export const CILIUM = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: cilium, namespace: kube-system}
spec: {selector: {matchLabels: {k: c}}, template: {metadata: {labels: {k: c}}, spec: {containers: [{name: cilium-agent}]}}}
---`;
export const DENY = ', config.linkerd.io/default-inbound-policy: deny';
export const SERVERS = server('http', 'port: http') + server('admin', 'port: 4191');
export const CART = pod('cart');
export const PROBED = pod('cart', { extra: ', readinessProbe: {httpGet: {path: /healthz, port: 8080}}' });
export const ROUTE = `
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{group: policy.linkerd.io, kind: Server, name: http}]
  rules: [{matches: [{path: {value: /orders}}]}]
---`;
/** As linkerd-viz has it. */
export const PROMETHEUS = `
apiVersion: v1
kind: Pod
metadata: {name: prometheus, namespace: linkerd-viz, labels: {linkerd.io/control-plane-ns: linkerd}}
spec:
  serviceAccountName: prometheus
  containers: [{name: prometheus, args: [--storage.tsdb.retention.time=6h]}, {name: linkerd-proxy}]
status: {podIP: 10.0.0.7}
---`;
export const deployed = (suffix: string, app: string) =>
  pod(`cart-${suffix}`)
    .replace(`app: cart-${suffix}`, `app: ${app}, pod-template-hash: f00`)
    .replace(
      '  annotations:',
      '  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: cart-f00, controller: true}]\n  annotations:',
    );
export const DEPLOYMENT = (app: string) => `
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
export const SCRAPED = (
  health: string,
  retention: PostureFacts['alerting']['retention'] = { time: 15 * DAY, size: null, source: '/api/v1/status/runtimeinfo' },
): PostureFacts['alerting'] =>
  ({
    prometheus: 'http://prometheus',
    targets: [TARGET('cart', health)],
    rules: { good: 12, bad: [] },
    retention,
  }) as unknown as PostureFacts['alerting'];
