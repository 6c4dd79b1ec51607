/** How far each proxy's log was read. A position and the facts that were read up to it change in one commit, so that no line counts twice. */
import type { Fact } from '../evidence/facts.ts';
import type { Instant } from '../policy/resource.ts';
import type { ProxyPod, Store } from '../ports.ts';
import type { WorkingSet } from './working-set.ts';

interface Position {
  /** Of the newest line that was read, as it was written. */
  readonly time: string;
}

const idOf = ({ namespace, pod }: ProxyPod) => `log ${namespace}/${pod}`;

/** null: nothing of it was read before. Errors: Unavailable. */
export async function readPosition(store: Store, pod: ProxyPod): Promise<string | null> {
  const [document] = await store.get('readings', [idOf(pod)]);
  return (document?.value as unknown as Position | undefined)?.time ?? null;
}

export interface LogReading {
  readonly pod: ProxyPod;
  /** The position that the reading began at. */
  readonly from: string | null;
  /** Of its newest line; null: the position stays. */
  readonly to: string | null;
  readonly facts: readonly Fact[];
}

/** The facts; null: another process has read further meanwhile, and some of them are known. */
export async function foldLog(set: WorkingSet, { pod, from, to, facts }: LogReading, now: Instant): Promise<readonly Fact[] | null> {
  const id = idOf(pod);
  await set.load('readings', [id]);
  const known = set.get<Position>('readings', id);
  if ((known?.time ?? null) !== from) return null;
  if (to !== null) set.put('readings', id, { time: to }, { sort: now });
  return facts;
}
