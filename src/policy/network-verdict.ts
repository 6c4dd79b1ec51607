/**
 * What NetworkPolicy says of one TCP connection, beside what Linkerd says. Both sides count: egress policies that select the client's pod and
 * ingress policies that select the server's. It holds only where the CNI enforces NetworkPolicy, which no object of the cluster tells.
 * Source: kubernetes.io/docs/concepts/services-networking/network-policies.
 */
import { contains, parseAddress } from './network.ts';
import type { NetworkPolicy, PolicyPeer, PolicyPort, PolicyRule } from './network-policy.ts';
import { listOf } from './reading.ts';
import type { ObjectRef, Resource } from './resource.ts';
import { isObject, type Labels, type Selector, selects } from './selector.ts';

/** `address`: known to belong to no pod (a node, the outside). `unknown`: may be a pod that is not among the objects. */
export type NetworkClient =
  | { readonly type: 'pod'; readonly pod: Resource; readonly ip: string | null }
  | { readonly type: 'address'; readonly ip: string }
  | { readonly type: 'unknown'; readonly ip: string | null };

/** One TCP connection; `port` is the one on the wire (`wire-port.ts`), not the application's. */
export interface NetworkFlow {
  readonly client: NetworkClient;
  readonly server: Resource;
  readonly port: number;
}

export interface NetworkLookups {
  networkPolicies(namespace: string): readonly NetworkPolicy[];
  /** True when some policy of the cluster isolates pods for egress. */
  readonly anyEgress: boolean;
  /** null: the Namespace is not among the objects. */
  namespaceLabels(namespace: string): Labels | null;
}

export type Match = 'yes' | 'no' | 'unobserved';
export type Direction = 'egress' | 'ingress';

/** `host-network`: what NetworkPolicy means for pods on the node's network is left to the CNI. */
export type NetworkMissing = 'client' | 'client-address' | 'server-address' | 'namespace-labels' | 'host-network';

/** One rule of one policy that isolates the pod, and why it does or does not match. */
export interface ConsideredRule {
  readonly policy: ObjectRef;
  /** Index in `spec.ingress` or `spec.egress`. */
  readonly rule: number;
  readonly match: Match;
  /** `allowed` empty: every port. */
  readonly port: { readonly match: 'yes' | 'no'; readonly allowed: readonly string[]; readonly observed: number };
  /** `allowed` empty: everyone. */
  readonly peer: { readonly match: Match; readonly allowed: readonly string[]; readonly observed: string };
}

export interface NetworkSide {
  readonly direction: Direction;
  readonly verdict: 'allow' | 'deny' | 'undecided';
  readonly missing: readonly NetworkMissing[];
  /** Why policies do not matter here: the pod's own node, the pod itself, or no pod at all on this side. */
  readonly exempt: 'own-node' | 'itself' | 'no-pod' | null;
  /** The policies that isolate the pod in this direction. */
  readonly policies: readonly ObjectRef[];
  /** Their rules, in order. A policy without rules allows nothing and has none here. */
  readonly considered: readonly ConsideredRule[];
}

export interface NetworkVerdict {
  readonly verdict: 'allow' | 'deny' | 'undecided';
  /** Not empty exactly when `undecided`. */
  readonly missing: readonly NetworkMissing[];
  readonly egress: NetworkSide;
  readonly ingress: NetworkSide;
  readonly holdsOnlyWhereEnforced: true;
}

export function networkVerdict(lookups: NetworkLookups, flow: NetworkFlow): NetworkVerdict {
  const server = endOf({ type: 'pod', pod: flow.server, ip: null }, 'server-address');
  const client = endOf(flow.client, 'client-address');
  const egress = sideOf('egress', client, server, lookups, flow);
  const ingress = sideOf('ingress', server, client, lookups, flow);
  const sides = [egress, ingress];
  const verdict = sides.some((s) => s.verdict === 'deny') ? 'deny' : sides.every((s) => s.verdict === 'allow') ? 'allow' : 'undecided';
  return {
    verdict,
    missing: verdict === 'undecided' ? [...new Set(sides.flatMap((s) => s.missing))] : [],
    egress,
    ingress,
    holdsOnlyWhereEnforced: true,
  };
}

/** One rule in words: what it allows, and what came instead. */
export function showConsideredRule(direction: Direction, rule: ConsideredRule): string {
  const [to, who] = direction === 'egress' ? ['to', 'the server'] : ['from', 'the client'];
  const ports = `only ${direction === 'egress' ? 'to' : 'on'} ${rule.port.allowed.join(', ')}, and ${rule.port.observed} is what goes over the wire`;
  const peers = `only ${to} ${rule.peer.allowed.join(' or ')}, and ${who} is ${rule.peer.observed}`;
  if (rule.match === 'yes') return `${direction} rule ${rule.rule} allows it`;
  if (rule.port.match === 'no') return `${direction} ${ports}${rule.peer.match === 'no' ? `; ${peers}` : ''}`;
  return `${direction} ${peers}${rule.match === 'unobserved' ? ', which does not tell' : ''}`;
}

/** One end of the connection, with what is known of it. */
interface End {
  readonly pod: Resource | null;
  /** False: it may be a pod that is not among the objects. */
  readonly known: boolean;
  readonly ips: readonly string[];
  readonly hostIps: readonly string[];
  readonly hostNetwork: boolean;
  readonly noAddress: NetworkMissing;
  readonly text: string;
}

function endOf(client: NetworkClient, noAddress: NetworkMissing): End {
  if (client.type !== 'pod') {
    const ips = client.ip === null ? [] : [client.ip];
    return { pod: null, known: client.type === 'address', ips, hostIps: [], hostNetwork: false, noAddress, text: client.ip ?? 'unknown' };
  }
  const { pod } = client;
  return {
    pod,
    known: true,
    ips: client.ip === null ? [...new Set(addresses(pod, 'podIP', 'podIPs'))] : [client.ip],
    hostIps: hostIps(pod),
    hostNetwork: isObject(pod.spec) && pod.spec['hostNetwork'] === true,
    noAddress,
    text: `pod ${pod.metadata.namespace}/${pod.metadata.name}${labelsText(pod.metadata.labels ?? {})}`,
  };
}

/** Addresses of the node that a pod runs on. */
export function hostIps(pod: Resource): readonly string[] {
  return addresses(pod, 'hostIP', 'hostIPs');
}

function addresses({ status }: Resource, one: string, many: string): readonly string[] {
  const fields = isObject(status) ? status : {};
  return [fields[one], ...listOf(fields[many]).map((a) => (isObject(a) ? a['ip'] : null))].filter((ip) => typeof ip === 'string');
}

function sideOf(direction: Direction, subject: End, other: End, lookups: NetworkLookups, flow: NetworkFlow): NetworkSide {
  const side = { direction, missing: [], exempt: null, policies: [], considered: [] };
  const { pod } = subject;
  if (pod === null) {
    if (subject.known) return { ...side, verdict: 'allow', exempt: 'no-pod' };
    return lookups.anyEgress ? { ...side, verdict: 'undecided', missing: ['client'] } : { ...side, verdict: 'allow' };
  }
  if (isSamePod(pod, other.pod)) return { ...side, verdict: 'allow', exempt: 'itself' };
  if (other.ips.some((ip) => subject.hostIps.includes(ip))) return { ...side, verdict: 'allow', exempt: 'own-node' };

  const policies = lookups
    .networkPolicies(pod.metadata.namespace)
    .filter((p) => p[direction] !== null && selects(p.podSelector, pod.metadata.labels ?? {}));
  if (policies.length === 0) return { ...side, verdict: 'allow' };
  const missing = new Set<NetworkMissing>();
  const considered = policies.flatMap((policy) =>
    (policy[direction] ?? []).map((rule, i) => consider(policy, rule, i, other, lookups, flow, missing)),
  );
  const refs = policies.map((p) => p.ref);
  if (considered.some((c) => c.match === 'yes')) return { ...side, verdict: 'allow', policies: refs, considered };
  if (subject.hostNetwork) missing.add('host-network');
  const open = subject.hostNetwork || considered.some((c) => c.match === 'unobserved');
  return { ...side, verdict: open ? 'undecided' : 'deny', missing: open ? [...missing] : [], policies: refs, considered };
}

function isSamePod(a: Resource, b: Resource | null): boolean {
  return b !== null && a.metadata.namespace === b.metadata.namespace && a.metadata.name === b.metadata.name;
}

function consider(
  policy: NetworkPolicy,
  rule: PolicyRule,
  index: number,
  other: End,
  lookups: NetworkLookups,
  flow: NetworkFlow,
  missing: Set<NetworkMissing>,
): ConsideredRule {
  const port = rule.ports.length === 0 || rule.ports.some((p) => portMatches(p, flow)) ? 'yes' : 'no';
  const lacking = new Set<NetworkMissing>();
  const peer = rule.peers.length === 0 ? 'yes' : any(rule.peers.map((p) => peerMatches(p, policy.ref.namespace, other, lookups, lacking)));
  const match = port === 'no' ? 'no' : peer;
  if (match === 'unobserved') for (const m of lacking) missing.add(m);
  return {
    policy: policy.ref,
    rule: index,
    match,
    port: { match: port, allowed: rule.ports.map((p) => portText(p, flow.server)), observed: flow.port },
    peer: { match: peer, allowed: rule.peers.map((p) => peerText(p, policy.ref.namespace)), observed: other.text },
  };
}

function any(matches: readonly Match[]): Match {
  return matches.includes('yes') ? 'yes' : matches.includes('unobserved') ? 'unobserved' : 'no';
}

function all(matches: readonly Match[]): Match {
  return matches.includes('no') ? 'no' : matches.includes('unobserved') ? 'unobserved' : 'yes';
}

function portMatches(port: PolicyPort, flow: NetworkFlow): boolean {
  if (port.protocol !== 'TCP') return false;
  if (port.port === null) return true;
  if (typeof port.port === 'string') return namedPorts(flow.server, port.port).includes(flow.port);
  return flow.port >= port.port && flow.port <= (port.endPort ?? port.port);
}

/** TCP ports of that name in the pod's containers and native sidecars (Kubernetes `podutil.FindPort`); plain init containers have ended by then. */
function namedPorts(pod: Resource, name: string): readonly number[] {
  const spec = isObject(pod.spec) ? pod.spec : {};
  const sidecars = listOf(spec['initContainers']).filter((c) => isObject(c) && c['restartPolicy'] === 'Always');
  const ports = [...listOf(spec['containers']), ...sidecars].filter(isObject).flatMap((c) => listOf(c['ports']).filter(isObject));
  return ports
    .filter((p) => p['name'] === name && (p['protocol'] ?? 'TCP') === 'TCP')
    .map((p) => p['containerPort'])
    .filter((p) => typeof p === 'number');
}

function portText(port: PolicyPort, server: Resource): string {
  const protocol = port.protocol === 'TCP' ? '' : `/${port.protocol}`;
  if (port.port === null) return port.protocol === 'TCP' ? 'any TCP port' : `any ${port.protocol} port`;
  if (typeof port.port === 'number') return `${port.port}${port.endPort === null ? '' : `-${port.endPort}`}${protocol}`;
  const numbers = port.protocol === 'TCP' ? namedPorts(server, port.port) : [];
  return `${port.port}${protocol} (${numbers.length === 0 ? 'no such port' : numbers.join(', ')})`;
}

function peerMatches(peer: PolicyPeer, namespace: string, other: End, lookups: NetworkLookups, missing: Set<NetworkMissing>): Match {
  if (peer.type === 'ip-block') return blockMatches(peer, other, missing);
  const { pod } = other;
  if (pod === null) return other.known ? 'no' : unobserved(missing, 'client');
  const namespaceMatch =
    peer.namespaceSelector === null
      ? yesIf(pod.metadata.namespace === namespace)
      : namespaceMatches(peer.namespaceSelector, pod, lookups, missing);
  const match = all([namespaceMatch, yesIf(peer.podSelector === null || selects(peer.podSelector, pod.metadata.labels ?? {}))]);
  return match !== 'no' && other.hostNetwork ? unobserved(missing, 'host-network') : match;
}

/** Every address must agree: a dual-stack pod uses one of its two, and which is not known. */
function blockMatches(block: PolicyPeer & { type: 'ip-block' }, other: End, missing: Set<NetworkMissing>): Match {
  const inside = other.ips.map((ip) => {
    const address = parseAddress(ip);
    return address !== null && contains(block.net, address) && !block.except.some((e) => contains(e, address));
  });
  if (inside.length > 0 && inside.every((yes) => yes)) return 'yes';
  return inside.length > 0 && !inside.includes(true) ? 'no' : unobserved(missing, other.noAddress);
}

/** `kubernetes.io/metadata.name` is set by the API server, whatever the manifest says; without the Namespace it is all that is known. */
function namespaceMatches(selector: Selector, pod: Resource, lookups: NetworkLookups, missing: Set<NetworkMissing>): Match {
  const name = { 'kubernetes.io/metadata.name': pod.metadata.namespace };
  const labels = lookups.namespaceLabels(pod.metadata.namespace);
  if (labels !== null) return yesIf(selects(selector, { ...labels, ...name }));
  const single = (part: Partial<Selector>, key: string) =>
    Object.hasOwn(name, key) ? yesIf(selects({ matchLabels: [], matchExpressions: [], ...part }, name)) : ('unobserved' as const);
  const match = all([
    ...selector.matchLabels.map((label) => single({ matchLabels: [label] }, label[0])),
    ...selector.matchExpressions.map((e) => single({ matchExpressions: [e] }, e.key)),
  ]);
  return match === 'unobserved' ? unobserved(missing, 'namespace-labels') : match;
}

function yesIf(holds: boolean): Match {
  return holds ? 'yes' : 'no';
}

function unobserved(missing: Set<NetworkMissing>, what: NetworkMissing): Match {
  missing.add(what);
  return 'unobserved';
}

function peerText(peer: PolicyPeer, namespace: string): string {
  if (peer.type === 'ip-block')
    return `${peer.net.text}${peer.except.length === 0 ? '' : ` except ${peer.except.map((e) => e.text).join(', ')}`}`;
  const pods = peer.podSelector === null ? 'every pod' : selectorText('pod', peer.podSelector);
  return `${pods} in ${peer.namespaceSelector === null ? `namespace ${namespace}` : selectorText('namespace', peer.namespaceSelector)}`;
}

function selectorText(what: string, selector: Selector): string {
  const parts = [
    ...selector.matchLabels.map(([key, value]) => `${key}=${value}`),
    ...selector.matchExpressions.map((e) => {
      if (e.operator === 'Exists') return e.key;
      if (e.operator === 'DoesNotExist') return `!${e.key}`;
      return `${e.key} ${e.operator === 'In' ? 'in' : 'notin'} (${e.values.join(',')})`;
    }),
  ];
  return parts.length === 0 ? `every ${what}` : `${what}s ${parts.join(',')}`;
}

/** Without what Linkerd and Kubernetes write on every pod. */
function labelsText(labels: Labels): string {
  const own = Object.entries(labels).filter(([key]) => !/^linkerd\.io\/|^pod-template-|^controller-revision-/.test(key));
  return own.length === 0 ? '' : ` (${own.map(([key, value]) => `${key}=${value}`).join(',')})`;
}
