/** NetworkPolicies, and the pods that they are about. */
import { UNMESHED } from '../access/can.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { networkAnswer } from '../policy/network-answer.ts';
import { type NetworkPolicy, readNetworkPolicy } from '../policy/network-policy.ts';
import type { Direction } from '../policy/network-verdict.ts';
import { isUnreadable } from '../policy/reading.ts';
import { type Resource, refOf } from '../policy/resource.ts';
import { selects } from '../policy/selector.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { meshedIn, nameWorkload } from './effect.ts';
import { ofKind } from './objects.ts';

export interface ReadPolicy {
  readonly object: Resource;
  readonly policy: NetworkPolicy;
}

/** Those that the API server would take. */
export function networkPoliciesIn(resources: readonly Resource[]): readonly ReadPolicy[] {
  return ofKind(resources, 'networking.k8s.io', 'NetworkPolicy').flatMap((object) => {
    const policy = readNetworkPolicy(object);
    return isUnreadable(policy) ? [] : [{ object, policy }];
  });
}

/** One meshed pod for each workload that the policy isolates. */
export function isolatedBy(snapshot: Snapshot, { policy }: ReadPolicy): readonly Workload[] {
  return onePerWorkload(
    snapshot,
    meshedIn(snapshot, policy.ref.namespace).filter((pod) => selects(policy.podSelector, pod.labels)),
  );
}

function onePerWorkload(snapshot: Snapshot, pods: readonly Workload[]): readonly Workload[] {
  const found = new Map<string, Workload>();
  for (const pod of pods) {
    const key = `${pod.ref.namespace} ${nameWorkload(snapshot, pod)}`;
    if (!found.has(key)) found.set(key, pod);
  }
  return [...found.values()];
}

/** Every meshed workload of the cluster, by one pod; the first so many. */
export function meshedWorkloads(snapshot: Snapshot, most = 60): readonly Workload[] {
  const found: Workload[] = [];
  for (const namespace of snapshot.namespaces.keys()) {
    found.push(...onePerWorkload(snapshot, meshedIn(snapshot, namespace)));
    if (found.length > most) break;
  }
  return found.slice(0, most);
}

export interface NetworkWord {
  readonly verdict: 'allow' | 'deny' | 'undecided';
  /** The policies that allow it, as `namespace/name`. */
  readonly by: readonly string[];
  /** The port that goes over the wire. */
  readonly wire: number;
}

/** What NetworkPolicy says of one direction of a connection to a port; `isMeshed`: it comes out of the client's proxy. */
export function networkSays(
  snapshot: Snapshot,
  client: Workload,
  server: Workload,
  port: number,
  isMeshed: boolean,
  direction: Direction,
): NetworkWord | null {
  const tls = isMeshed ? ({ state: 'established', clientId: null } as const) : UNMESHED;
  const answer = networkAnswer(snapshot, { client, clientIp: null, tls, server, port, policy: inboundServer(snapshot, server, port) });
  if (answer === null) return null;
  const side = answer.verdict[direction];
  const by = side.considered.filter(({ match }) => match === 'yes').map(({ policy }) => `${policy.namespace}/${policy.name}`);
  return { verdict: side.verdict, by, wire: answer.wire.port };
}

/** `namespace/name`, as `networkSays` names policies. */
export function keyOfPolicy(object: Resource): string {
  const { namespace, name } = refOf(object);
  return `${namespace}/${name}`;
}
