/**
 * Counters over time: how much each series grew, and whether what it already showed when first seen is news.
 * Linkerd creates a series with its first denial, so a first reading of 1 can be one denial just now or long ago (peers §D5).
 */
import type { Instant } from '../policy/resource.ts';
import type { Sample } from './metrics-sample.ts';
import { type OverTime, withStretch } from './over-time.ts';

/** A moment of reading. Without clock times the order of readings decides. */
export interface Moment {
  readonly at: Instant | null;
  readonly turn: number;
}

/** A series as it was first read; strings are its own, never slices of a larger text. */
export interface CounterSeries {
  readonly metric: string;
  readonly labels: ReadonlyMap<string, string>;
  /** Canonical: metric and labels sorted by name. */
  readonly key: string;
}

/** What one series showed since the last taking. */
export interface Growth<C> {
  readonly series: CounterSeries;
  readonly target: CounterTarget;
  /** Given with the series' first sample. */
  readonly context: C;
  /** Counted at `at`, the first reading, without a sign of when; 0 in every later growth. */
  readonly before: number;
  readonly beforeAt: Instant | null;
  /** True when the series was there before the first reading. */
  readonly sinceBefore: boolean;
  readonly increase: number;
  /** First and last reading that showed an increase. */
  readonly at: Instant | null;
  readonly lastAt: Instant | null;
  /** When, where it grew more than once. */
  readonly over: OverTime | undefined;
}

/** One scraped proxy: when it was first read, and when its process started. Series of different targets are different series. */
export interface CounterTarget {
  readonly id: string;
  first: Moment | null;
  startedAt: Instant | null;
}

interface State<C> {
  readonly series: CounterSeries;
  readonly context: C;
  readonly target: CounterTarget;
  readonly first: Moment;
  readonly firstValue: number;
  last: Moment;
  value: number;
  judged: boolean;
  sinceBefore: boolean;
  increase: number;
  at: Instant | null;
  lastAt: Instant | null;
  over: OverTime | undefined;
  changed: boolean;
}

export interface Counters<C> {
  /** One reading. Samples of one series come in order of time, those of different series in any order. */
  add(sample: Sample, moment: Moment, target: CounterTarget, context: C): 'counted' | 'over-limit' | 'out-of-order' | 'not-a-count';
  /**
   * The growth of every series that changed since the last call, ordered by time and key. Call it between scrapes, never within one.
   * `began`: the time of the first reading of all.
   */
  take(began: Instant | null): Growth<C>[];
}

/** `maxSeries` bounds the memory: samples of further series are refused as `over-limit`. */
export function createCounters<C>(maxSeries: number): Counters<C> {
  const targets = new Map<CounterTarget, Map<string, State<C>>>();
  let size = 0;
  let changed: State<C>[] = [];

  const touch = (state: State<C>) => {
    if (!state.changed) changed.push(state);
    state.changed = true;
  };

  return {
    add(sample, moment, target, context) {
      if (!Number.isFinite(sample.value) || sample.value < 0) return 'not-a-count';
      const states = targets.get(target) ?? new Map<string, State<C>>();
      const key = seriesKey(sample);
      const state = states.get(key);
      if (state === undefined) {
        if (size >= maxSeries) return 'over-limit';
        const fresh = born(ownSeries(sample, key), sample.value, moment, target, context);
        if (states.size === 0) targets.set(target, states);
        states.set(key, fresh);
        size++;
        touch(fresh);
      } else {
        if (!isBefore(state.last, moment)) return 'out-of-order';
        if (grow(state, sample.value, moment)) touch(state);
      }
      return 'counted';
    },
    take(began) {
      const growths = changed.map((state) => settle(state, began)).filter((g) => g.before > 0 || g.increase > 0);
      changed = [];
      return growths.sort(byTimeAndKey);
    },
  };
}

/** True when `a` came earlier: by clock where both have one, else by turn. */
export function isBefore(a: Moment, b: Moment): boolean {
  return a.at !== null && b.at !== null ? a.at < b.at : a.turn < b.turn;
}

function born<C>(series: CounterSeries, value: number, moment: Moment, target: CounterTarget, context: C): State<C> {
  return {
    series,
    context,
    target,
    first: moment,
    firstValue: value,
    last: moment,
    value,
    judged: false,
    sinceBefore: false,
    increase: 0,
    at: null,
    lastAt: null,
    over: undefined,
    changed: false,
  };
}

/** A smaller value is a counter that began again at 0. True when it grew. */
function grow<C>(state: State<C>, value: number, moment: Moment): boolean {
  const increase = value < state.value ? value : value - state.value;
  state.last = moment;
  state.value = value;
  if (increase === 0) return false;
  state.over = overWith(state, moment.at, increase);
  if (state.increase === 0) state.at = moment.at;
  state.increase += increase;
  state.lastAt = moment.at;
  return true;
}

/** Of one increase `at` and `lastAt` say all. */
function overWith<C>({ over, at: first, lastAt: last, increase }: State<C>, at: Instant | null, count: number): OverTime | undefined {
  if (increase === 0) return undefined;
  return withStretch(over ?? withStretch(undefined, { first, last, count: increase }), { first: at, last: null, count });
}

function settle<C>(state: State<C>, began: Instant | null): Growth<C> {
  const { series, target, context, first } = state;
  let before = 0;
  if (!state.judged) {
    state.judged = true;
    if (isNews(state, began)) {
      state.over = overWith(state, first.at, state.firstValue);
      if (state.increase === 0) state.lastAt = first.at;
      if (state.firstValue > 0) state.at = first.at;
      state.increase += state.firstValue;
    } else {
      before = state.firstValue;
      state.sinceBefore = before > 0;
    }
  }
  const { sinceBefore, increase, at, lastAt, over } = state;
  Object.assign(state, { increase: 0, at: null, lastAt: null, over: undefined, changed: false });
  return { series, target, context, before, beforeAt: first.at, sinceBefore, increase, at, lastAt, over };
}

/** Its target had been read without it, or its proxy started after the first reading of all. */
function isNews<C>({ target, first }: State<C>, began: Instant | null): boolean {
  if (target.first !== null && isBefore(target.first, first)) return true;
  return target.startedAt !== null && began !== null && target.startedAt > began;
}

function byTimeAndKey<C>(a: Growth<C>, b: Growth<C>): number {
  const [at, bt] = [a.at ?? a.beforeAt ?? 0, b.at ?? b.beforeAt ?? 0];
  if (at !== bt) return at - bt;
  return compareText(a.series.key, b.series.key) || compareText(a.target.id, b.target.id);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Empty labels are left out, as Prometheus does. Lengths keep names and values from posing as further labels. */
function seriesKey({ metric, labels }: Sample): string {
  const names: string[] = [];
  for (const [name, value] of labels) if (value !== '') names.push(name);
  names.sort();
  let key = metric;
  for (const name of names) {
    const value = labels.get(name) as string;
    key += ` ${name.length}:${name}=${value.length}:${value}`;
  }
  return key;
}

function ownSeries({ metric, labels }: Sample, key: string): CounterSeries {
  const copy = new Map<string, string>();
  for (const [name, value] of labels) copy.set(detach(name), detach(value));
  return { metric: detach(metric), labels: copy, key };
}

/** A slice keeps the text it was cut from alive; a concatenation that is read flat is a string of its own. */
function detach(text: string): string {
  return ` ${text}`.slice(1);
}
