/** Kubernetes NetworkPolicy (`networking.k8s.io/v1`) as the API server takes it. CNI-specific and Admin network policies are other kinds and not looked at. */
import { containsNetwork, type Network, parseNetwork } from './network.ts';
import { isUnreadable, type Unreadable } from './reading.ts';
import { groupOf, type ObjectRef, type Resource, refOf } from './resource.ts';
import { isObject, readSelector, type Selector } from './selector.ts';

export interface PolicyPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  /** A number, a name (looked up in the destination pod), or null: every port of the protocol. */
  readonly port: number | string | null;
  /** Last port of a range that starts with the number in `port`. */
  readonly endPort: number | null;
}

export type PolicyPeer =
  | { readonly type: 'ip-block'; readonly net: Network; readonly except: readonly Network[] }
  /** Both selectors must hold. `namespaceSelector` null: the policy's own namespace; `podSelector` null: every pod. */
  | { readonly type: 'pods'; readonly namespaceSelector: Selector | null; readonly podSelector: Selector | null };

export interface PolicyRule {
  /** Empty: every port of every protocol. */
  readonly ports: readonly PolicyPort[];
  /** Empty: everyone. */
  readonly peers: readonly PolicyPeer[];
}

export interface NetworkPolicy {
  readonly ref: ObjectRef;
  readonly podSelector: Selector;
  /** null: the policy says nothing about this direction; empty: it allows nothing. */
  readonly ingress: readonly PolicyRule[] | null;
  readonly egress: readonly PolicyRule[] | null;
}

export interface NetworkPolicyIndex {
  readonly byNamespace: ReadonlyMap<string, readonly NetworkPolicy[]>;
  /** True when some policy isolates pods for egress. */
  readonly anyEgress: boolean;
  readonly unreadable: readonly { readonly ref: ObjectRef; readonly why: string }[];
}

/** The NetworkPolicies among the resources, by namespace, in order of name. */
export function indexNetworkPolicies(resources: Iterable<Resource>): NetworkPolicyIndex {
  const byNamespace = new Map<string, NetworkPolicy[]>();
  const unreadable: { ref: ObjectRef; why: string }[] = [];
  let anyEgress = false;
  for (const resource of resources) {
    if (!isNetworkPolicy(resource)) continue;
    const policy = readNetworkPolicy(resource);
    if (isUnreadable(policy)) {
      unreadable.push({ ref: refOf(resource), why: policy.unreadable });
      continue;
    }
    anyEgress ||= policy.egress !== null;
    const known = byNamespace.get(policy.ref.namespace);
    if (known === undefined) byNamespace.set(policy.ref.namespace, [policy]);
    else known.push(policy);
  }
  for (const policies of byNamespace.values()) policies.sort((a, b) => (a.ref.name < b.ref.name ? -1 : a.ref.name > b.ref.name ? 1 : 0));
  return { byNamespace, anyEgress, unreadable };
}

function isNetworkPolicy(resource: Resource): boolean {
  return resource.kind === 'NetworkPolicy' && groupOf(resource.apiVersion) === 'networking.k8s.io';
}

/** Unreadable: the API server would refuse the whole object, so that it has no effect. */
export function readNetworkPolicy(resource: Resource): NetworkPolicy | Unreadable {
  try {
    return read(resource);
  } catch (error) {
    if (error instanceof Refusal) return { unreadable: error.message };
    throw error;
  }
}

class Refusal extends Error {}

function read(resource: Resource): NetworkPolicy {
  const spec = objectAt(resource.spec, 'spec');
  const ingress = rules(spec['ingress'], 'from', 'spec.ingress');
  const egress = rules(spec['egress'], 'to', 'spec.egress');
  const types = policyTypes(spec['policyTypes'], egress.length > 0);
  return {
    ref: refOf(resource),
    podSelector: selector(spec['podSelector'] ?? {}, 'spec.podSelector'),
    ingress: types.includes('Ingress') ? ingress : null,
    egress: types.includes('Egress') ? egress : null,
  };
}

/** Ingress is always meant when no types are given, Egress when there is an egress rule. */
function policyTypes(value: unknown, hasEgressRules: boolean): readonly unknown[] {
  const types = list(value, 'spec.policyTypes');
  if (types.length === 0) return hasEgressRules ? ['Ingress', 'Egress'] : ['Ingress'];
  for (const type of types)
    if (type !== 'Ingress' && type !== 'Egress')
      throw new Refusal(`spec.policyTypes: ${JSON.stringify(type)} is neither Ingress nor Egress`);
  return types;
}

function rules(value: unknown, peersField: 'from' | 'to', place: string): readonly PolicyRule[] {
  return list(value, place).map((item, i) => {
    const rule = objectAt(item ?? {}, `${place}[${i}]`);
    return {
      ports: list(rule['ports'], `${place}[${i}].ports`).map((p, j) => port(p, `${place}[${i}].ports[${j}]`)),
      peers: list(rule[peersField], `${place}[${i}].${peersField}`).map((p, j) => peer(p, `${place}[${i}].${peersField}[${j}]`)),
    };
  });
}

function port(value: unknown, place: string): PolicyPort {
  const item = objectAt(value, place);
  const protocol = item['protocol'] ?? 'TCP';
  if (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP')
    throw new Refusal(`${place}.protocol: ${JSON.stringify(protocol)} is not TCP, UDP or SCTP`);
  const number = item['port'] ?? null;
  const endPort = item['endPort'] ?? null;
  if (number !== null && !isPortNumber(number) && (typeof number !== 'string' || number === ''))
    throw new Refusal(`${place}.port: ${JSON.stringify(number)} is no port`);
  if (endPort === null) return { protocol, port: number, endPort };
  if (!isPortNumber(endPort) || typeof number !== 'number' || endPort < number)
    throw new Refusal(`${place}.endPort: ends no range that starts with a port number`);
  return { protocol, port: number, endPort };
}

function isPortNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535;
}

function peer(value: unknown, place: string): PolicyPeer {
  const item = objectAt(value, place);
  const block = item['ipBlock'] ?? null;
  const pods = item['podSelector'] ?? null;
  const namespaces = item['namespaceSelector'] ?? null;
  if (block === null && pods === null && namespaces === null) throw new Refusal(`${place}: names no peer`);
  if (block !== null && (pods !== null || namespaces !== null)) throw new Refusal(`${place}: ipBlock goes with no selector`);
  if (block !== null) return ipBlock(objectAt(block, `${place}.ipBlock`), `${place}.ipBlock`);
  return {
    type: 'pods',
    namespaceSelector: namespaces === null ? null : selector(namespaces, `${place}.namespaceSelector`),
    podSelector: pods === null ? null : selector(pods, `${place}.podSelector`),
  };
}

function ipBlock(block: Readonly<Record<string, unknown>>, place: string): PolicyPeer {
  const net = cidr(block['cidr'], `${place}.cidr`);
  const except = list(block['except'], `${place}.except`).map((e, i) => cidr(e, `${place}.except[${i}]`));
  for (const e of except) if (!containsNetwork(net, e)) throw new Refusal(`${place}.except: ${e.text} is not inside ${net.text}`);
  return { type: 'ip-block', net, except };
}

function cidr(value: unknown, place: string): Network {
  const net = typeof value === 'string' && value.includes('/') ? parseNetwork(value) : null;
  if (net === null) throw new Refusal(`${place}: ${JSON.stringify(value)} is no CIDR`);
  return net;
}

function selector(value: unknown, place: string): Selector {
  const read = readSelector(value);
  if (read === null) throw new Refusal(`${place}: is no label selector`);
  return read;
}

function list(value: unknown, place: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Refusal(`${place}: is no list`);
  return value;
}

function objectAt(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw new Refusal(`${place}: is no object`);
  return value;
}
