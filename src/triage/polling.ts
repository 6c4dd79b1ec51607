/** Where polling stands, and what is due: pure, with the times of Prometheus' own clock. */
import type { Instant } from '../policy/resource.ts';
import type { Store } from '../ports.ts';

/** As it is stored. */
export interface PollingState {
  /** The first poll of all. */
  readonly since: Instant;
  /** Up to when the deny counters are known. */
  readonly deniedAt: Instant;
  readonly allowedAt: Instant | null;
  readonly sideAt: Instant | null;
  /** The newest scrape that was seen. */
  readonly newest: Instant | null;
  /** From Prometheus' external labels; empty: it has none. */
  readonly cluster: string;
}

/** The document of it, in the collection `meta`. */
export const POLLING_ID = 'prometheus';

/** What is read next, in this order. */
export interface NextSpan {
  readonly start: Instant;
  readonly end: Instant;
  /** Milliseconds; null: every sample. */
  readonly step: number | null;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** Samples that arrive late are read again. */
const OVERLAP = MINUTE;
/** A first look goes back as far as Prometheus itself does for the last sample of a series. */
const FIRST = 5 * MINUTE;
/** What was missed for longer is read in steps: all samples of hours are too many. */
const LONGEST_WINDOW = 10 * MINUTE;
const CHUNK = 60 * MINUTE;
const POINTS = 500_000;
/** Prometheus answers no more than 11,000 steps. */
const LEAST_STEP = 15 * SECOND;

/** The spans that lead from where polling stands to `now`. `most`: how far back it goes at all; `series`: of one answer. */
export function spansTo(
  now: Instant,
  state: PollingState | null,
  { most, series }: { readonly most: number; readonly series: number },
): readonly NextSpan[] {
  if (state === null) return [{ start: now - FIRST, end: now, step: null }];
  const from = Math.min(state.deniedAt, state.newest ?? state.deniedAt);
  if (now - state.deniedAt <= LONGEST_WINDOW) return [{ start: Math.max(from - OVERLAP, now - LONGEST_WINDOW), end: now, step: null }];
  const step = Math.max(LEAST_STEP, Math.ceil((CHUNK / SECOND) * (series / POINTS)) * SECOND);
  const spans: NextSpan[] = [];
  for (let start = Math.max(state.deniedAt - OVERLAP, now - most); start < now; start += CHUNK)
    spans.push({ start, end: Math.min(now, start + CHUNK), step });
  return spans;
}

/** Null: Prometheus was never polled. Errors: Unavailable. */
export async function readPolling(store: Store): Promise<PollingState | null> {
  const [document] = await store.get('meta', [POLLING_ID]);
  return (document?.value ?? null) as unknown as PollingState | null;
}

/** Errors: Unavailable. */
export async function savePolling(store: Store, state: PollingState): Promise<void> {
  await store.commit({ writes: [{ collection: 'meta', id: POLLING_ID, expected: null, value: { ...state } }] });
}
