/** Pods whose workload nobody knows yet: their facts wait until it is known, or for so long that the pod itself has to stand for it. */
import type { Fact, WorkloadRef } from '../evidence/facts.ts';
import type { Instant } from '../policy/resource.ts';
import type { BatchDelta, DeltaContext } from './delta.ts';
import { waitingId } from './incident.ts';
import type { WorkingSet } from './working-set.ts';

/** What is known of one pod beside the cluster. */
interface WaitingPod {
  /** The latest of them. */
  readonly facts: readonly Fact[];
  /** When the first of the facts began to wait; null: none waits. */
  readonly since: Instant | null;
  /** As a fact of this pod named it. */
  readonly workload: WorkloadRef | null;
}

const MOST_WAITING_FACTS = 1000;
const NOTHING: WaitingPod = { facts: [], since: null, workload: null };

/** Facts wait, or what a fact said of its workload is remembered. */
export const WAITING_TAG = { facts: 'facts', workload: 'workload' } as const;

/** The facts, with those that waited for the workload which one of them names, and a context that remembers what earlier facts named. */
export async function withWaiting(
  set: WorkingSet,
  facts: readonly Fact[],
  { context, now }: { readonly context: DeltaContext; readonly now: () => Instant },
): Promise<{ readonly facts: readonly Fact[]; readonly context: DeltaContext }> {
  const named = new Map<string, WorkloadRef>();
  const ids = new Set<string>();
  for (const { reporter } of facts) {
    const namespace = reporter.namespace ?? (reporter.pod === null ? null : context.namespace(reporter.pod));
    if (namespace === null || reporter.pod === null) continue;
    const id = waitingId(reporter.cluster === '' ? context.cluster : reporter.cluster, namespace, reporter.pod);
    ids.add(id);
    if (reporter.workload !== null) named.set(id, reporter.workload);
  }
  await set.load('waiting', ids);
  const released: Fact[] = [];
  for (const [id, workload] of named) {
    const known = set.get<WaitingPod>('waiting', id) ?? NOTHING;
    if (known.facts.length === 0 && isSame(known.workload, workload)) continue;
    released.push(...known.facts);
    putWaiting(set, id, { facts: [], since: null, workload }, now());
  }
  const remembered = (cluster: string, namespace: string, pod: string) => {
    const id = waitingId(cluster, namespace, pod);
    return ids.has(id) ? (set.get<WaitingPod>('waiting', id)?.workload ?? null) : null;
  };
  return { facts: released.length === 0 ? facts : [...released, ...facts], context: { ...context, remembered } };
}

function isSame(a: WorkloadRef | null, b: WorkloadRef): boolean {
  return a !== null && a.kind === b.kind && a.name === b.name;
}

function putWaiting(set: WorkingSet, id: string, pod: WaitingPod, now: Instant): void {
  const tag = pod.facts.length > 0 ? WAITING_TAG.facts : WAITING_TAG.workload;
  set.put('waiting', id, pod, { tags: [tag], sort: pod.since ?? now });
}

/** Takes the facts that wait under an id. `asPod`: nobody will name the workload any more, so the pod stands for itself. */
export async function takeWaiting(set: WorkingSet, id: string, asPod: boolean): Promise<readonly Fact[]> {
  await set.load('waiting', [id]);
  const facts = set.get<WaitingPod>('waiting', id)?.facts ?? [];
  set.delete('waiting', id);
  return asPod ? facts.map(underItsPod) : facts;
}

function underItsPod(fact: Fact): Fact {
  const { namespace, pod, workload } = fact.reporter;
  if (namespace === null || pod === null || workload !== null) return fact;
  return { ...fact, reporter: { ...fact.reporter, workload: { kind: 'Pod', namespace, name: pod } } };
}

/** Lets the facts wait whose workload nobody knows. */
export async function keepWaiting(set: WorkingSet, { homeless }: Pick<BatchDelta, 'homeless'>, now: Instant): Promise<void> {
  await set.load('waiting', homeless.keys());
  for (const [id, facts] of homeless) {
    const before = set.get<WaitingPod>('waiting', id) ?? NOTHING;
    const kept = [...before.facts, ...facts].slice(-MOST_WAITING_FACTS);
    putWaiting(set, id, { ...before, facts: kept, since: before.since ?? now }, now);
  }
}

/** True when the cluster, or a fact, can say by now to which workload the waiting facts belong. */
export function isSettled(value: unknown, context: DeltaContext): boolean {
  const { facts, workload } = value as WaitingPod;
  if (workload !== null) return true;
  const [first] = facts;
  const { namespace = null, pod = null } = first?.reporter ?? {};
  return first !== undefined && namespace !== null && pod !== null && context.workload(namespace, pod, first.at) !== null;
}
