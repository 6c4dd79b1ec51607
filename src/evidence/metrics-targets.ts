/**
 * Samples of Prometheus, proxy by proxy. A series is told from others by what the proxy wrote: what Prometheus adds can change while the proxy
 * lives (a label put on its pod), and two scrape jobs may read one proxy; neither makes a counter begin anew.
 */
import { createHash } from 'node:crypto';
import type { Instant } from '../policy/resource.ts';
import { EXPORTED, LABEL, METRIC, SIDE_LABEL } from './conventions.ts';
import type { Reporter } from './facts.ts';
import { labelOf } from './metrics-labels.ts';
import { isWanted, type Sample } from './metrics-sample.ts';
import { isSideMetric } from './metrics-side.ts';

export interface Point {
  readonly at: Instant;
  readonly value: number;
}

export interface TargetSeries {
  /** Of metric and the proxy's own labels. */
  readonly id: string;
  readonly metric: string;
  /** As they were read last, those of the target included. */
  readonly labels: ReadonlyMap<string, string>;
  /** In order of time, each time once. */
  readonly points: readonly Point[];
}

/** One proxy. */
export interface SeriesTarget {
  readonly id: string;
  /** Those of one of its samples. */
  readonly labels: ReadonlyMap<string, string>;
  /** What counts. */
  readonly series: readonly TargetSeries[];
  /** `process_start_time_seconds`, in order of time. */
  readonly starts: readonly Point[];
  /** `up`, in order of time. */
  readonly ups: readonly Point[];
}

export interface ByTarget {
  readonly targets: readonly SeriesTarget[];
  /** Samples that name neither pod nor instance, carry no time, or are later than the reading itself. */
  readonly dropped: number;
}

interface Growing {
  readonly id: string;
  readonly metric: string;
  labels: ReadonlyMap<string, string>;
  points: Point[];
  isOrdered: boolean;
}

interface GrowingTarget {
  readonly id: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly series: Map<string, Growing>;
}

/** `latest`: no sample can be later. `reporter`: what the labels do not say; all that count from one pod are one proxy. */
export function byTarget(samples: Iterable<Sample>, latest: Instant, reporter: Reporter): ByTarget {
  const targets = new Map<string, GrowingTarget>();
  let dropped = 0;
  let labels: ReadonlyMap<string, string> | null = null;
  let metric = '';
  let series: Growing | null = null;
  let isMeant = false;
  for (const sample of samples) {
    if (sample.labels !== labels || sample.metric !== metric) {
      ({ labels, metric } = sample);
      isMeant = isWanted(sample);
      series = isMeant ? seriesIn(targets, sample, reporter) : null;
    }
    if (!isMeant) continue;
    if (series === null || sample.at === null || sample.at > latest) dropped++;
    else add(series, { at: sample.at, value: sample.value }, sample.labels);
  }
  return { targets: [...targets.values()].map(settled), dropped };
}

function seriesIn(targets: Map<string, GrowingTarget>, { metric, labels }: Sample, reporter: Reporter): Growing | null {
  const name = nameOf(labels, reporter);
  if (name === null) return null;
  let target = targets.get(name);
  if (target === undefined) {
    target = { id: hash(name), labels, series: new Map() };
    targets.set(name, target);
  }
  const id = metric === METRIC.up || metric === METRIC.processStart ? metric : hash(framed([metric, ...ownValues(metric, labels)]));
  const known = target.series.get(id);
  if (known !== undefined) return known;
  const fresh: Growing = { id, metric, labels, points: [], isOrdered: true };
  target.series.set(id, fresh);
  return fresh;
}

/** One pod is one proxy, whatever read it. null: nobody knows whose it is. */
function nameOf(labels: ReadonlyMap<string, string>, reporter: Reporter): string | null {
  const [cluster, namespace] = [labelOf(labels, LABEL.cluster), labelOf(labels, LABEL.namespace)];
  const [pod, instance] = [labelOf(labels, LABEL.pod), labelOf(labels, LABEL.instance)];
  const own = pod === '' && instance === '' ? reporter.pod : pod;
  if (own === null) return null;
  const where = [cluster || reporter.cluster, namespace || (reporter.namespace ?? '')];
  return framed(own === '' ? [...where, '', instance] : [...where, own]);
}

/** Where two samples have one time, the higher one is right: a proxy read twice. */
function add(series: Growing, point: Point, labels: ReadonlyMap<string, string>): void {
  const last = series.points.at(-1);
  if (last !== undefined && point.at <= last.at) series.isOrdered = false;
  else series.labels = labels;
  series.points.push(point);
}

function settled({ id, labels, series }: GrowingTarget): SeriesTarget {
  const points = (metric: string) => ordered(series.get(metric));
  const counters = [...series.values()].filter(({ metric }) => metric !== METRIC.up && metric !== METRIC.processStart);
  return {
    id,
    labels,
    series: counters.map((one) => ({ id: one.id, metric: one.metric, labels: one.labels, points: ordered(one) })),
    starts: points(METRIC.processStart),
    ups: points(METRIC.up),
  };
}

function ordered(series: Growing | undefined): readonly Point[] {
  if (series === undefined) return [];
  if (series.isOrdered) return series.points;
  const sorted = series.points.toSorted((a, b) => a.at - b.at || b.value - a.value);
  return sorted.filter((point, i) => point.at !== sorted[i - 1]?.at);
}

/** Labels that the proxy itself writes. */
const OWN_LABELS: readonly string[] = [
  LABEL.targetAddr,
  LABEL.targetIp,
  LABEL.targetPort,
  LABEL.serverGroup,
  LABEL.serverKind,
  LABEL.serverName,
  LABEL.serverPort,
  LABEL.routeGroup,
  LABEL.routeKind,
  LABEL.routeName,
  LABEL.authzGroup,
  LABEL.authzKind,
  LABEL.authzName,
  LABEL.authzName211,
  LABEL.rateLimitGroup,
  LABEL.rateLimitKind,
  LABEL.rateLimitName,
  LABEL.rateLimitScope,
  LABEL.tls,
  LABEL.clientId,
  LABEL.noTlsReason,
  LABEL.sni,
  LABEL.error,
];
const exported = (name: string) => [name, EXPORTED + name] as const;
const OWN_PAIRS = OWN_LABELS.map(exported);
const SIDE_PAIRS = [...OWN_LABELS, ...Object.values(SIDE_LABEL)].map(exported);

function ownValues(metric: string, labels: ReadonlyMap<string, string>): readonly string[] {
  return (isSideMetric(metric) ? SIDE_PAIRS : OWN_PAIRS).map(([name, renamed]) => labels.get(renamed) ?? labels.get(name) ?? '');
}

/** The lengths keep values from posing as each other. */
function framed(parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${part.length}:${part}`;
  return text;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 20);
}
