/** Workloads of a cluster with what is enforced on their ports. */
import { enforcedPorts } from '../access/enforced.ts';
import { defaultSource, type PendingChange, pendingChanges } from '../access/rollout.ts';
import { type PodsOfWorkload, workloadsIn } from '../access/workloads.ts';
import type { ObjectRef } from '../policy/resource.ts';
import { type Selector, selects } from '../policy/selector.ts';
import { findResource, namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import type { PostureWorkload } from '../posture/practice.ts';

export interface WorkloadSelection {
  /** null: every one. */
  readonly namespace: string | null;
  /** Kind `Pod` for one pod. null: every workload. */
  readonly workload: { readonly kind: string; readonly name: string } | null;
  readonly port: number | null;
  /** Of the pods' labels. */
  readonly selector?: Selector | null;
}

/** By namespace, then by name. */
export function workloadPolicies(
  snapshot: Snapshot,
  { namespace, workload, port, selector = null }: WorkloadSelection,
): readonly PostureWorkload[] {
  const groups = (namespace === null ? [...snapshot.namespaces.keys()] : [namespace]).flatMap((name) =>
    workloadsIn(namespaceIndex(snapshot, name)).flatMap((group) => selected(group, workload, selector)),
  );
  return groups
    .map(({ ref, pods, top }) => workloadPolicy(snapshot, { ref, pods, owner: findResource(snapshot, top) }, port))
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

interface Group extends PodsOfWorkload {
  /** What owns the pods, where one of them is asked for. */
  readonly top: ObjectRef;
}

function selected(
  { ref: top, pods }: PodsOfWorkload,
  workload: WorkloadSelection['workload'],
  selector: Selector | null,
): readonly Group[] {
  const labelled = selector === null ? pods : pods.filter(({ labels }) => selects(selector, labels));
  if (workload?.kind === 'Pod')
    return labelled.flatMap((pod) => (pod.kind === 'Pod' && pod.ref.name === workload.name ? [{ ref: pod.ref, pods: [pod], top }] : []));
  if (workload !== null && (top.kind !== workload.kind || top.name !== workload.name)) return [];
  return labelled.length === 0 ? [] : [{ ref: top, pods: labelled, top }];
}

function nameOf({ ref }: PostureWorkload): string {
  return `${ref.namespace}/${ref.name}/${ref.kind}`;
}

function workloadPolicy(
  snapshot: Snapshot,
  { ref, owner, pods }: Pick<PostureWorkload, 'ref' | 'owner' | 'pods'>,
  port: number | null,
): PostureWorkload {
  const meshed = pods.find((pod) => pod.meshed);
  const pending = new Map<string, { change: PendingChange; pods: number }>();
  for (const pod of pods) {
    for (const change of pendingChanges(snapshot, pod, owner)) {
      const key = JSON.stringify(change);
      pending.set(key, { change, pods: (pending.get(key)?.pods ?? 0) + 1 });
    }
  }
  return {
    ref: { kind: ref.kind, namespace: ref.namespace, name: ref.name },
    pods,
    owner,
    ports: enforcedPorts(snapshot, pods, port),
    defaults:
      meshed === undefined
        ? null
        : { policy: meshed.settings.defaultPolicy ?? snapshot.info.defaultPolicy, source: defaultSource(snapshot, meshed, owner) },
    pending: [...pending.values()],
  };
}
