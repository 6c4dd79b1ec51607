/** How the programs that denywhy asks are doing, as people read it. Kept in the store: one process asks, every process answers for it. */
import type { Instant } from '../policy/resource.ts';
import type { Json, Store } from '../ports.ts';

export interface SourceStatus {
  /** `prometheus`, `alertmanager` and its number. */
  readonly id: string;
  /** What it is and where, without secrets. */
  readonly place: string;
  /** `remarks`: it answers, and something about it should be known. */
  readonly state: 'well' | 'remarks' | 'failing';
  /** When this was said. */
  readonly at: Instant;
  /** When it last answered; null: never. */
  readonly answeredAt: Instant | null;
  /** Milliseconds from the newest scrape that it showed to the moment of asking; null: none was seen, or it has none. */
  readonly lag: number | null;
  readonly fault: { readonly message: string; readonly remedy: string; readonly since: Instant } | null;
  readonly remarks: readonly string[];
}

const TAG = 'source';
const MOST = 100;
const MOST_REMARKS = 20;
const LONGEST_REMARK = 1000;

/** Errors: Unavailable. */
export async function saveSource(store: Store, status: SourceStatus): Promise<void> {
  const remarks = status.remarks.slice(0, MOST_REMARKS).map((remark) => remark.slice(0, LONGEST_REMARK));
  const value = { ...status, remarks } as unknown as Json;
  await store.commit({ writes: [{ collection: 'meta', id: `source ${status.id}`, expected: null, value, tags: [TAG], sort: status.at }] });
}

/** By their ids. Errors: Unavailable. */
export async function readSources(store: Store): Promise<readonly SourceStatus[]> {
  const documents = await store.list('meta', { tag: TAG, limit: MOST });
  return documents.map(({ value }) => value as unknown as SourceStatus).toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Those that are configured no longer. Errors: Unavailable. */
export async function dropSources(store: Store, configured: readonly string[]): Promise<void> {
  const gone = (await readSources(store)).filter(({ id }) => !configured.includes(id));
  if (gone.length === 0) return;
  await store.commit({ writes: gone.map(({ id }) => ({ collection: 'meta', id: `source ${id}`, expected: null, value: null })) });
}
