/**
 * Every pod by every port of every other, counted. Clients are put into classes policy by policy: what one policy cannot tell apart is evaluated
 * once, so that the cost follows the policies and the ServiceAccounts, not the pairs.
 */
import { evaluate } from '../policy/evaluate.ts';
import type { ClientTls } from '../policy/evaluation.ts';
import { serviceAccountIdentity, suffixMatches } from '../policy/identity.ts';
import type { InboundServer } from '../policy/inbound.ts';
import { contains, type Network, parseAddress } from '../policy/network.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { hasEnded, type Workload } from '../policy/workload.ts';
import { UNMESHED } from './can.ts';
import { authorizationsIn, networksOf } from './clients.ts';
import { getsIn } from './compare.ts';
import { allPorts } from './ports.ts';
import { accessRequests } from './requests.ts';

export interface Matrix {
  readonly clients: number;
  /** Ports of meshed pods. */
  readonly ports: number;
  /** Pairs of a client pod and a port of a server's pod for which some request gets in. */
  readonly allowed: number;
  readonly pairs: number;
}

/** Pods of one identity, or without any. */
interface Group {
  readonly tls: ClientTls;
  readonly identity: string | null;
  readonly pods: readonly Workload[];
}

/** By Linkerd's policy alone. */
export function accessMatrix(snapshot: Snapshot): Matrix {
  const groups = groupsIn(snapshot);
  const split = createSplitter();
  const clients = groups.reduce((sum, { pods }) => sum + pods.length, 0);
  let [ports, allowed] = [0, 0];
  const admitted = new Map<InboundServer, number>();
  for (const { before: policy, workloads } of allPorts(snapshot)) {
    if (policy === null) continue;
    const known = admitted.get(policy) ?? admittedBy(policy, groups, split);
    admitted.set(policy, known);
    ports += workloads.length;
    allowed += known * workloads.length;
  }
  return { clients, ports, allowed, pairs: clients * ports };
}

function groupsIn(snapshot: Snapshot): readonly Group[] {
  const groups = new Map<string, { tls: ClientTls; identity: string | null; pods: Workload[] }>();
  for (const { workloads } of snapshot.namespaces.values()) {
    for (const { value } of workloads.values()) {
      if (value?.kind !== 'Pod' || hasEnded(value.resource.status)) continue;
      const identity = value.meshed ? serviceAccountIdentity(snapshot.info, value.ref.namespace, value.serviceAccount) : null;
      const known = groups.get(identity ?? '');
      if (known !== undefined) known.pods.push(value);
      else
        groups.set(identity ?? '', {
          tls: identity === null ? UNMESHED : { state: 'established', clientId: identity },
          identity,
          pods: [value],
        });
    }
  }
  return [...groups.values()];
}

type Splitter = ReturnType<typeof createSplitter>;

/** Remembers for each group and network which of its pods lie in it. */
function createSplitter() {
  const known = new Map<Group, Map<string, 'all' | 'none' | ReadonlySet<Workload>>>();
  return (group: Group, net: Network): 'all' | 'none' | ReadonlySet<Workload> => {
    const byNetwork = known.get(group) ?? new Map<string, 'all' | 'none' | ReadonlySet<Workload>>();
    known.set(group, byNetwork);
    let answer = byNetwork.get(net.text);
    if (answer === undefined) {
      const inside = new Set(group.pods.filter(({ ips: [ip] }) => isIn(net, ip)));
      answer = inside.size === group.pods.length ? 'all' : inside.size === 0 ? 'none' : inside;
      byNetwork.set(net.text, answer);
    }
    return answer;
  };
}

function isIn(net: Network, ip: string | undefined): boolean {
  const address = ip === undefined ? null : parseAddress(ip);
  return address !== null && contains(net, address);
}

/** How many of the pods get in with some request. */
function admittedBy(policy: InboundServer, groups: readonly Group[], split: Splitter): number {
  const requests = accessRequests([policy]);
  const networks = networksOf([policy]);
  const { identities, suffixes } = namesIn(policy);
  const classes = new Map<string, boolean>();
  let admitted = 0;
  const count = (group: Group, pods: readonly Workload[], key: string) => {
    let isIn = classes.get(key);
    if (isIn === undefined) {
      const connection = { clientIp: pods[0]?.ips[0] ?? null, tls: group.tls };
      isIn = requests.some(({ traffic }) => getsIn(evaluate(policy, connection, traffic).verdict));
      classes.set(key, isIn);
    }
    if (isIn) admitted += pods.length;
  };
  for (const group of groups) {
    const name = nameClass(group.identity, identities, suffixes);
    const places = networks.map((net) => split(group, net));
    if (places.every((place) => typeof place === 'string')) {
      count(group, group.pods, `${name} ${places.map((place) => (place === 'all' ? '1' : '0')).join('')}`);
      continue;
    }
    const cellOf = (pod: Workload) => places.map((place) => (place === 'all' || (place !== 'none' && place.has(pod)) ? '1' : '0')).join('');
    for (const [cell, pods] of Map.groupBy(group.pods, cellOf)) count(group, pods, `${name} ${cell}`);
  }
  return admitted;
}

function namesIn(policy: InboundServer) {
  const identities = new Set<string>();
  const suffixes = new Set<string>();
  for (const { authentication } of authorizationsIn(policy)) {
    if (authentication.type !== 'tls-authenticated') continue;
    for (const identity of authentication.identities) identities.add(identity);
    for (const suffix of authentication.suffixes) suffixes.add(suffix);
  }
  return { identities, suffixes: [...suffixes] };
}

/** Equal for identities that the policy cannot tell apart. */
function nameClass(identity: string | null, identities: ReadonlySet<string>, suffixes: readonly string[]): string {
  if (identity === null) return '-';
  if (identities.has(identity)) return identity;
  return suffixes.map((suffix) => (suffixMatches(suffix, identity) ? '1' : '0')).join('') || '*';
}
