/** Workloads of a cluster with what is enforced on their ports. */
import { enforcedPorts } from '../access/enforced.ts';
import { defaultSource, type PendingChange, pendingChanges } from '../access/rollout.ts';
import type { WorkloadRef } from '../evidence/facts.ts';
import { workloadOf } from '../policy/owner.ts';
import type { ObjectRef, Resource } from '../policy/resource.ts';
import { type Selector, selects } from '../policy/selector.ts';
import { findResource, namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import { hasEnded, type Workload } from '../policy/workload.ts';
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
  const groups = new Map<string, { ref: WorkloadRef; owner: Resource | null; pods: Workload[] }>();
  for (const name of namespace === null ? snapshot.namespaces.keys() : [namespace]) {
    for (const { value } of namespaceIndex(snapshot, name).workloads.values()) {
      if (value === null || hasEnded(value.resource.status)) continue;
      if (selector !== null && !selects(selector, value.labels)) continue;
      const top = ownerOf(snapshot, value);
      const ref = workload?.kind === 'Pod' ? value.ref : top;
      if (workload !== null && (ref.kind !== workload.kind || ref.name !== workload.name)) continue;
      const key = `${ref.kind}/${ref.namespace}/${ref.name}`;
      const known = groups.get(key);
      if (known === undefined) groups.set(key, { ref, owner: findResource(snapshot, top), pods: [value] });
      else known.pods.push(value);
    }
  }
  return [...groups.values()].map((group) => workloadPolicy(snapshot, group, port)).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

function nameOf({ ref }: PostureWorkload): string {
  return `${ref.namespace}/${ref.name}/${ref.kind}`;
}

function ownerOf(snapshot: Snapshot, { kind, ref, resource }: Workload): ObjectRef {
  return kind === 'Pod' ? workloadOf(resource, (wanted) => findResource(snapshot, wanted) ?? undefined) : ref;
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
