/** Who a client is: from its address at that time, or from its identity. */
import type { ClientTls } from '../policy/evaluation.ts';
import { parseIdentity } from '../policy/identity.ts';
import { memo } from '../policy/memo.ts';
import { listOf, stringOr } from '../policy/reading.ts';
import type { Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { resourcesOfKind, type Snapshot, workloadsByIp, workloadsByServiceAccount } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import type { WorkloadRef } from './facts.ts';

export interface ClientRef {
  /** Equal for the same client, whichever source saw it. */
  readonly key: string;
  readonly workload: WorkloadRef | null;
  /** Of the identity, else of the pod. */
  readonly serviceAccount: { readonly namespace: string; readonly name: string } | null;
  /** The pod that had the address, or one that runs as the ServiceAccount; null: none is known. */
  readonly pod: Workload | null;
  readonly identity: string | null;
  readonly ip: string | null;
  /** Whether the pod has a proxy; null: no pod is known. */
  readonly meshed: boolean | null;
  /** The address of a node: the kubelet, a host-network pod, or traffic that was translated on its way. */
  readonly node: string | null;
}

/** `ownerOf` names the workload of a pod. */
export function clientRef(
  snapshot: Snapshot,
  ip: string | null,
  tls: ClientTls | null,
  ownerOf: (pod: Resource) => WorkloadRef,
): ClientRef {
  const identity = tls?.state === 'established' ? tls.clientId : null;
  const parsed = identity === null ? null : parseIdentity(identity);
  const listed = parsed === null ? null : { namespace: parsed.namespace, name: parsed.serviceAccount };
  const node = ip === null ? null : nodeByAddress(snapshot, ip);
  const pod = ip === null ? null : podByIp(snapshot, ip, listed?.name ?? null);
  const found = pod ?? (listed === null ? null : onlyWorkload(snapshot, listed, ownerOf));
  const workload = found === null ? null : ownerOf(found.resource);
  const ownAccount = pod === null ? null : { namespace: pod.ref.namespace, name: pod.serviceAccount };
  return {
    key: workload === null ? (identity ?? ip ?? 'unknown') : `${workload.namespace}/${workload.kind}/${workload.name}`,
    workload,
    serviceAccount: listed ?? ownAccount,
    pod: found,
    identity,
    ip,
    meshed: found === null ? null : found.meshed,
    node,
  };
}

/** Host addresses belong to many pods and are no pod's own; of several pods (a reused address) the identity's is taken. */
function podByIp(snapshot: Snapshot, ip: string, serviceAccount: string | null): Workload | null {
  const pods = workloadsByIp(snapshot, ip).filter((w) => !isOnHostNetwork(w));
  return pods.find((w) => serviceAccount !== null && w.serviceAccount === serviceAccount) ?? pods.at(-1) ?? null;
}

function isOnHostNetwork({ resource }: Workload): boolean {
  return isObject(resource.spec) && resource.spec['hostNetwork'] === true;
}

/** A pod of the one workload that runs as the ServiceAccount; null when several do. */
function onlyWorkload(
  snapshot: Snapshot,
  account: { readonly namespace: string; readonly name: string },
  ownerOf: (pod: Resource) => WorkloadRef,
): Workload | null {
  const pods = workloadsByServiceAccount(snapshot, account.namespace, account.name);
  const owners = new Set(pods.map((pod) => JSON.stringify(ownerOf(pod.resource))));
  return owners.size === 1 ? (pods[0] ?? null) : null;
}

/** The name of the node with this address: from Node objects, else from the pods that say they run on it. */
function nodeByAddress(snapshot: Snapshot, ip: string): string | null {
  return nodesIn(snapshot).get(ip) ?? null;
}

const nodesIn = memo((snapshot: Snapshot): ReadonlyMap<string, string> => {
  const byAddress = new Map<string, string>();
  for (const { workloads } of snapshot.namespaces.values()) {
    for (const { value } of workloads.values()) {
      const { status, spec } = value?.resource ?? {};
      const ip = isObject(status) ? status['hostIP'] : null;
      if (typeof ip === 'string') byAddress.set(ip, stringOr(isObject(spec) ? spec['nodeName'] : null, ip));
    }
  }
  for (const [name, node] of resourcesOfKind(snapshot, '', 'Node', '')) {
    const status = isObject(node.status) ? node.status : {};
    for (const a of listOf(status['addresses']).filter(isObject)) byAddress.set(stringOr(a['address'], name), name);
  }
  return byAddress;
});
