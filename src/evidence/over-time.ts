/**
 * Counts over time, as plain data of a bounded size: the longer the time, the wider the buckets. Steps nest in one another, so that adding up never
 * moves a count to another bucket than the wider one around its own.
 */
import type { Instant } from '../policy/resource.ts';

export interface OverTime {
  /** Milliseconds of one bucket. */
  readonly step: number;
  /** Of the first bucket; a multiple of `step`. */
  readonly start: Instant;
  /** At most MOST_BUCKETS; the first and the last of those that hold something are the ends. */
  readonly counts: readonly number[];
}

/** When facts were counted: one at a time, or so many from `first` to `last`. */
export interface Stretch {
  readonly first: Instant | null;
  readonly last: Instant | null;
  readonly count: number;
  /** What is known of when; absent: evenly from `first` to `last`. */
  readonly over?: OverTime;
}

export const MOST_BUCKETS = 96;

const SECOND = 1000;
const DAY = 86_400 * SECOND;
const STEPS: readonly number[] = [...[5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 14_400, 43_200].map((seconds) => seconds * SECOND), DAY];

/** The narrowest step that is as wide as `least` (ms) and cuts the time from `start` to `end` into so many buckets at most. */
export function stepFor(start: Instant, end: Instant, most: number, least = 0): number {
  const fits = (step: number) => step >= least && Math.floor(end / step) - Math.floor(start / step) < most;
  const known = STEPS.find(fits);
  if (known !== undefined) return known;
  let step = DAY * 2;
  while (!fits(step)) step *= 2;
  return step;
}

/** With a stretch more; what has no time is not in it. undefined: nothing is. */
export function withStretch(over: OverTime | undefined, { first, last, count, over: known }: Stretch): OverTime | undefined {
  if (known !== undefined) return over === undefined ? known : merged(over, known);
  const begin = first ?? last;
  if (begin === null || count <= 0) return over;
  return added(over, begin, Math.max(begin, last ?? begin), count);
}

/** One that is counted up where it stands; it belongs to whoever gathers. */
export type Gathered = OverTime & { readonly counts: number[] };

/** The same as `withStretch`, for what comes one by one, by the million. */
export function gather(over: Gathered | undefined, stretch: Stretch): Gathered | undefined {
  const { first, last, count } = stretch;
  if (over !== undefined && stretch.over === undefined && first !== null && (last ?? first) === first) {
    const index = Math.floor((first - over.start) / over.step);
    if (index >= 0 && index < over.counts.length) {
      over.counts[index] = (over.counts[index] as number) + count;
      return over;
    }
  }
  const next = withStretch(over, stretch);
  return next === undefined || next === over ? over : { ...next, counts: [...next.counts] };
}

function added(over: OverTime | undefined, first: Instant, last: Instant, count: number): OverTime {
  const step = stepFor(first, last, MOST_BUCKETS);
  const start = Math.floor(first / step) * step;
  const buckets = Math.floor((last - start) / step) + 1;
  const even = { step, start, counts: spread(count, new Array<number>(buckets).fill(1)) };
  return over === undefined ? trimmed(even) : merged(over, even);
}

export function merged(a: OverTime, b: OverTime): OverTime {
  if (a.counts.length === 0) return b;
  if (b.counts.length === 0) return a;
  const start = Math.min(a.start, b.start);
  const end = Math.max(endOf(a), endOf(b));
  const step = stepFor(start, end - 1, MOST_BUCKETS, Math.max(a.step, b.step));
  return trimmed(summed(step, start, end, [a, b]));
}

/** Without what was added to it before: a wider step has taken all of a bucket with it. */
export function less(over: OverTime, taken: OverTime): OverTime {
  if (taken.counts.length === 0) return over;
  const minus = { ...taken, counts: taken.counts.map((count) => -count) };
  const left = summed(Math.max(over.step, taken.step), Math.min(over.start, taken.start), Math.max(endOf(over), endOf(taken)), [
    over,
    minus,
  ]);
  return trimmed({ ...left, counts: left.counts.map((count) => Math.max(0, count)) });
}

/** In buckets of this step at least, so many at most. */
export function coarsened(over: OverTime, least: number, most: number): OverTime {
  if (over.counts.length === 0) return over;
  const step = stepFor(over.start, endOf(over) - 1, most, Math.max(least, over.step));
  return trimmed(summed(step, over.start, endOf(over), [over]));
}

/** Buckets of `step`, the first at `start`; what lies before and after is left out. Of a bucket that is wider, each part gets an even share. */
export function within(over: OverTime, start: Instant, step: number, buckets: number): number[] {
  const counts = new Array<number>(buckets).fill(0);
  for (const [i, count] of over.counts.entries()) {
    const begin = over.start + i * over.step;
    const parts = Math.max(1, Math.round(over.step / step));
    for (const [part, share] of spread(count, new Array<number>(parts).fill(1)).entries()) {
      const index = Math.floor((begin + part * step - start) / step);
      if (index >= 0 && index < buckets) counts[index] = (counts[index] ?? 0) + share;
    }
  }
  return counts;
}

export function totalOf(over: OverTime | undefined): number {
  return over === undefined ? 0 : over.counts.reduce((sum, count) => sum + count, 0);
}

/** The same shape with this sum, which is not above what it was. */
export function scaled(over: OverTime, total: number): OverTime {
  return total >= totalOf(over) ? over : trimmed({ ...over, counts: spread(Math.max(0, total), over.counts) });
}

export function endOf({ start, step, counts }: OverTime): Instant {
  return start + step * counts.length;
}

/** Whole numbers of this sum in proportion to the weights. */
function spread(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  let [before, given] = [0, 0];
  return weights.map((weight) => {
    before += weight;
    const until = sum === 0 ? 0 : Math.round((total * before) / sum);
    const share = until - given;
    given = until;
    return share;
  });
}

function summed(step: number, from: Instant, end: Instant, parts: readonly OverTime[]): OverTime {
  const start = Math.floor(from / step) * step;
  const counts = new Array<number>(Math.floor((end - 1 - start) / step) + 1).fill(0);
  for (const part of parts)
    for (const [i, count] of part.counts.entries()) {
      const index = Math.floor((part.start + i * part.step - start) / step);
      counts[index] = (counts[index] ?? 0) + count;
    }
  return { step, start, counts };
}

function trimmed({ step, start, counts }: OverTime): OverTime {
  const first = counts.findIndex((count) => count !== 0);
  if (first < 0) return { step, start, counts: [] };
  const last = counts.findLastIndex((count) => count !== 0);
  return { step, start: start + first * step, counts: counts.slice(first, last + 1) };
}
