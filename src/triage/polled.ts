/**
 * Counters that are polled from Prometheus, or pushed. What each proxy showed last is kept, so that the next answer says what was added since; the reading
 * and its facts change in one commit, so that no two processes count the same twice.
 */
import { METRIC } from '../evidence/conventions.ts';
import type { Fact, Reporter } from '../evidence/facts.ts';
import { createMetricsReader } from '../evidence/metrics-reader.ts';
import type { Point, SeriesTarget, TargetSeries } from '../evidence/metrics-targets.ts';
import type { Instant } from '../policy/resource.ts';
import type { PollScope } from './poll-scope.ts';
import type { WorkingSet } from './working-set.ts';

export interface PolledReading {
  readonly scope: PollScope;
  /** Of the source, for people. */
  readonly name: string;
  /** What the labels do not say. */
  readonly reporter: Reporter;
  /** When this source was first read: what a younger proxy counted is news. */
  readonly since: Instant;
  /** False: something may be missing in the answer, so that a proxy that was not known stays so. */
  readonly isComplete: boolean;
  readonly targets: readonly SeriesTarget[];
  /** When it came, where it was pushed. */
  readonly pushedAt?: Instant;
}

/** Last point of each series, by its id. */
type KeptSeries = Readonly<Record<string, readonly [value: number, at: Instant]>>;

export interface KeptTarget {
  /** The latest time at which it showed what it showed when it became known. */
  readonly firstAt: Instant;
  readonly at: Instant;
  /** Seconds; null: it never said. */
  readonly startedAt: number | null;
  readonly series: KeptSeries;
  /** When the last push came; absent: only Prometheus was asked. */
  readonly pushedAt?: Instant;
  /** Who said it last. */
  readonly by: 'poll' | 'push';
}

/** The document of a target's reading, in the collection `readings`. */
export function readingId(scope: PollScope, target: string): string {
  return `${scope} ${target}`;
}

/** Most series of one proxy that are followed: an SNI is a label, and clients choose it. */
export const MOST_SERIES = 5000;

/** The facts since each target's last reading, which the new one replaces. */
export async function foldPolled(set: WorkingSet, reading: PolledReading): Promise<readonly Fact[]> {
  const idOf = (target: SeriesTarget) => readingId(reading.scope, target.id);
  await set.load('readings', reading.targets.map(idOf));
  const facts: Fact[] = [];
  for (const target of reading.targets) {
    const next = nextOf(target, set.get<KeptTarget>('readings', idOf(target)), reading);
    if (next === null) continue;
    for (const fact of next.facts) facts.push(fact);
    const pushedAt = Math.max(reading.pushedAt ?? 0, next.kept.pushedAt ?? 0);
    const kept: KeptTarget = { ...next.kept, by: byOf(reading), ...(pushedAt > 0 ? { pushedAt } : {}) };
    set.put('readings', idOf(target), kept, { sort: kept.at });
  }
  return facts;
}

function byOf({ pushedAt }: PolledReading): KeptTarget['by'] {
  return pushedAt === undefined ? 'poll' : 'push';
}

interface Next {
  readonly kept: KeptTarget;
  readonly facts: readonly Fact[];
}

/** null: nothing can be said of it yet. */
function nextOf(target: SeriesTarget, known: KeptTarget | null, reading: PolledReading): Next | null {
  const at = newest(target);
  if (at === null) return null;
  const startedAt = target.starts.at(-1)?.value ?? null;
  if (known !== null) return isOfGoneProcess(target, known) ? null : grown(target, known, reading);
  const isYoung = startedAt !== null && startedAt * 1000 > reading.since;
  if (isYoung) return grown(target, { firstAt: reading.since, at: reading.since, startedAt: null, series: {}, by: byOf(reading) }, reading);
  return reading.isComplete ? begun(target, { firstAt: at, at, startedAt, series: {}, by: byOf(reading) }, reading) : null;
}

/** A page that was overtaken: it came after one of the process that followed. */
function isOfGoneProcess({ starts }: SeriesTarget, { startedAt }: KeptTarget): boolean {
  return startedAt !== null && starts.length > 0 && starts.every(({ value }) => value < startedAt - 1);
}

/**
 * Of two sources one may show late what the other has shown: a counter that is lower there, of the same process, did not begin anew. Side evidence
 * can: the proxy drops what stands still for ten minutes.
 */
function isOvertaken({ starts }: SeriesTarget, { startedAt, by }: KeptTarget, reading: PolledReading): boolean {
  if (by === byOf(reading) || reading.scope === 'side' || startedAt === null || starts.length === 0) return false;
  return starts.every(({ value }) => Math.abs(value - startedAt) <= 1);
}

/** Its newest sightings; null: it was down. */
function newest({ series, starts, ups }: SeriesTarget): Instant | null {
  const latest = [starts, ups.filter(({ value }) => value === 1), ...series.map(({ points }) => points)].map(
    (points) => points.at(-1)?.at ?? 0,
  );
  const at = latest.reduce((a, b) => Math.max(a, b), 0);
  return at === 0 ? null : at;
}

/** A proxy that was there before: what it counted happened before, nobody knows when. */
function begun(target: SeriesTarget, kept: KeptTarget, reading: PolledReading): Next {
  const series = target.series.slice(0, MOST_SERIES);
  const last = series.flatMap((one): TargetSeries[] => {
    const point = one.points.findLast(({ value }) => isCount(value));
    return point === undefined ? [] : [{ ...one, points: [point] }];
  });
  const reader = readerOf(reading);
  for (const one of last) addPoints(reader, target, one, [{ at: kept.at, value: one.points[0]?.value ?? 0 }]);
  return { kept: { ...kept, series: withLast({}, last) }, facts: reader.take() };
}

/** What it counted since it was last read, all that a new process or a new series shows included. */
function grown(target: SeriesTarget, known: KeptTarget, reading: PolledReading): Next {
  const restarts = restartsOf(target.starts, known.startedAt);
  const kept = known.series;
  let room = MOST_SERIES - Object.keys(kept).length;
  const followed = target.series.filter(({ id }) => Object.hasOwn(kept, id) || room-- > 0);
  const reader = readerOf(reading);
  reader.add({ metric: METRIC.up, labels: target.labels, value: 1, at: known.firstAt });
  for (const one of followed) {
    const last = kept[one.id];
    if (last !== undefined) addPoints(reader, target, one, [{ value: last[0], at: last[1] }]);
  }
  reader.take();
  const rises = isOvertaken(target, known, reading);
  for (const one of followed) {
    const [least, after] = kept[one.id] ?? [0, Number.NEGATIVE_INFINITY];
    addPoints(reader, target, one, withRestarts(rises ? rising(one.points, least) : one.points, restarts, after));
  }
  const facts = reader.take();
  const [restart = Number.NEGATIVE_INFINITY] = restarts.slice(-1);
  const alive = Object.fromEntries(Object.entries(kept).filter(([, [, at]]) => at >= restart));
  const at = Math.max(known.at, newest(target) ?? known.at);
  const startedAt = target.starts.reduce<number | null>((latest, { value }) => Math.max(latest ?? value, value), known.startedAt);
  const shown = rises ? followed.map((one) => ({ ...one, points: rising(one.points, kept[one.id]?.[0] ?? 0) })) : followed;
  return { kept: { ...known, at, startedAt, series: sinceRestart(withLast(alive, shown), restart) }, facts };
}

function readerOf({ name, reporter }: PolledReading) {
  const reader = createMetricsReader({ maxSeries: 2 * MOST_SERIES });
  reader.begin({ name, reporter, at: null });
  return reader;
}

/** One proxy is one target, whichever job read it. */
function addPoints(reader: ReturnType<typeof readerOf>, target: SeriesTarget, series: TargetSeries, points: readonly Point[]): void {
  const job = target.labels.get('job');
  const labels = job === undefined || series.labels.get('job') === job ? series.labels : new Map(series.labels).set('job', job);
  for (const { at, value } of points) reader.add({ metric: series.metric, labels, value, at });
}

/** When a process was first seen that is another one than before; a clock may be set by less than a second. */
function restartsOf(starts: readonly Point[], known: number | null): readonly Instant[] {
  const restarts: Instant[] = [];
  let last = known;
  for (const { at, value } of starts) {
    if (last !== null && value > last + 1) restarts.push(at);
    last = Math.max(last ?? value, value);
  }
  return restarts;
}

/** A new process counts from 0, also where it has come further than the one before it. */
function withRestarts(points: readonly Point[], restarts: readonly Instant[], after: Instant): readonly Point[] {
  const fresh = points.filter(({ at, value }) => at > after && isCount(value));
  const zeros = restarts.filter((at) => at - 1 > after && (Number.isFinite(after) || (fresh[0]?.at ?? at) < at));
  if (zeros.length === 0) return fresh;
  return [...fresh, ...zeros.map((at) => ({ at: at - 1, value: 0 }))].sort((a, b) => a.at - b.at);
}

/** Without points that were overtaken: what they show, a later one has shown already. */
function rising(points: readonly Point[], least: number): readonly Point[] {
  let highest = least;
  return points.filter(({ value }) => {
    const isRising = !isCount(value) || value >= highest;
    if (isRising && isCount(value)) highest = value;
    return isRising;
  });
}

function withLast(kept: KeptSeries, series: readonly TargetSeries[]): KeptSeries {
  const next: Record<string, readonly [number, Instant]> = { ...kept };
  for (const { id, points } of series) {
    const last = points.findLast(({ value }) => isCount(value));
    if (last !== undefined && last.at > (next[id]?.[1] ?? 0)) next[id] = [last.value, last.at];
  }
  return next;
}

/** What the process before counted is behind the new one, also where it is still in sight. */
function sinceRestart(series: KeptSeries, restart: Instant): KeptSeries {
  return Object.fromEntries(Object.entries(series).map(([id, [value, at]]) => [id, [at < restart ? 0 : value, at]]));
}

function isCount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}
