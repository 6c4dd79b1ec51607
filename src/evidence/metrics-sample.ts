/** One reading of one time series, whatever it was written in. */
import type { Instant } from '../policy/resource.ts';
import { METRIC, SIDE_METRIC } from './conventions.ts';
import { isSideMetric, sideCounterOf } from './metrics-side.ts';

export interface Sample {
  readonly metric: string;
  /** Without `__name__`. A missing label and an empty one mean the same: Prometheus drops empty ones. */
  readonly labels: ReadonlyMap<string, string>;
  /** NaN: stale, the series is no longer exported. */
  readonly value: number;
  /** null: the text carries no times; the reading as a whole has one or not. */
  readonly at: Instant | null;
}

/** The metrics that facts are made of; all others are passed over. Of some not all series are: see `isWanted`. */
export const WANTED_METRICS: ReadonlySet<string> = new Set([
  METRIC.httpAllow,
  METRIC.httpDeny,
  METRIC.routeNotFound,
  METRIC.rateLimited,
  METRIC.tcpAllow,
  METRIC.tcpDeny,
  METRIC.tcpTerminate,
  METRIC.httpErrors,
  METRIC.tcpErrors,
  METRIC.processStart,
  METRIC.up,
  METRIC.detectHttp,
  ...Object.values(SIDE_METRIC),
]);

/** True when facts are made of the series. */
export function isWanted({ metric, labels }: Pick<Sample, 'metric' | 'labels'>): boolean {
  return WANTED_METRICS.has(metric) && (!isSideMetric(metric) || sideCounterOf(metric, labels) !== null);
}

/** Seconds, or milliseconds as in exposition format 0.0.4 (told apart by size: 1e11 s is the year 5138), as an Instant. */
export function instantOf(timestamp: number): Instant {
  return Math.round(Math.abs(timestamp) >= 1e11 ? timestamp : timestamp * 1000);
}

/** A value as Prometheus writes it: a decimal number, `NaN`, `+Inf`, `-Inf`; null when it is none. */
export function readValue(text: string): number | null {
  if (text === 'NaN') return Number.NaN;
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  const value = text === '' ? Number.NaN : Number(text);
  return Number.isNaN(value) ? null : value;
}
