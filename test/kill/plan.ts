/** What is sent and when the kill comes, all from one seed: the same seed is the same plan. */

export type Victim = 'service' | 'redis';

export interface PlannedBatch {
  readonly id: number;
  readonly kind: 'logs' | 'metrics' | 'alerts';
  /** Index of the workload that it is about. */
  readonly workload: number;
  /** Denials of a client that no other batch names, and of one that all batches of the workload name. */
  readonly own: number;
  readonly shared: number;
  readonly hasKey: boolean;
  /** Logs: whether its sender says to which workload the pod belongs. Without it the facts wait for a batch that does. */
  readonly namesWorkload: boolean;
  /** Alerts: whether it ends an earlier one, if there is one. */
  readonly resolves: boolean;
  /** Sent again although it was acknowledged. */
  readonly isRepeated: boolean;
  /** Not sent again when it was not acknowledged. */
  readonly isAbandoned: boolean;
}

export interface Point {
  readonly victim: Victim;
  /** Milliseconds after its process began: the service is killed while it starts; null: while it works. */
  readonly duringStart: number | null;
  /** The kill comes so many answers after the first, and so many milliseconds. */
  readonly answers: number;
  readonly delay: number;
  readonly batches: readonly PlannedBatch[];
}

export const WORKLOADS = 40;
const BATCHES_PER_POINT = 60;
const LONGEST_START = 900;
/** A commit takes as long. */
const LONGEST_DELAY = 10;

export function planOf(seed: number, points: number, victims: readonly Victim[]): readonly Point[] {
  const random = createRandom(seed);
  const below = (n: number) => Math.floor(random() * n);
  return Array.from({ length: points }, (_, point) => {
    const victim = victims[below(victims.length)] ?? 'service';
    const duringStart = random() < 0.2 ? random() * LONGEST_START : null;
    const answers = below(BATCHES_PER_POINT);
    const delay = random() * LONGEST_DELAY;
    const batches = Array.from({ length: BATCHES_PER_POINT }, (_, i): PlannedBatch => {
      const kind = (['logs', 'logs', 'metrics', 'alerts'] as const)[below(4)] ?? 'logs';
      return {
        id: point * BATCHES_PER_POINT + i,
        kind,
        workload: below(WORKLOADS),
        own: 1 + below(5),
        shared: 1 + below(3),
        hasKey: random() < 0.5,
        namesWorkload: random() < 0.7,
        resolves: random() < 0.4,
        isRepeated: random() < 0.2,
        isAbandoned: random() < 0.1,
      };
    });
    return { victim, duringStart, answers, delay, batches };
  });
}

/** mulberry32: numbers from 0 to below 1 (https://gist.github.com/tommyettinger/46a874533244883189143505d203312c). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
