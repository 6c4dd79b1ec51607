/** The workloads of a namespace with their pods: grouped once, and anew where something in the namespace changed. */
import { memo } from '../policy/memo.ts';
import { workloadOf } from '../policy/owner.ts';
import type { ObjectRef } from '../policy/resource.ts';
import { type NamespaceIndex, resourceIn } from '../policy/snapshot.ts';
import { hasEnded, type Workload } from '../policy/workload.ts';

export interface PodsOfWorkload {
  /** A Deployment, …; the pod (or ExternalWorkload) itself where nobody owns it. */
  readonly ref: ObjectRef;
  /** Those that have not ended; at least one. */
  readonly pods: readonly Workload[];
}

/** By name, then by kind. */
export const workloadsIn = memo((index: NamespaceIndex): readonly PodsOfWorkload[] => {
  const groups = new Map<string, { ref: ObjectRef; pods: Workload[] }>();
  for (const { value: pod } of index.workloads.values()) {
    if (pod === null || hasEnded(pod.resource.status)) continue;
    const ref = pod.kind === 'Pod' ? workloadOf(pod.resource, (wanted) => resourceIn(index, wanted) ?? undefined) : pod.ref;
    const key = `${ref.name}/${ref.kind}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { ref, pods: [pod] });
    else known.pods.push(pod);
  }
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
});
