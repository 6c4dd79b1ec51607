/**
 * From readings of counters to facts: pages of proxies, answers of Prometheus, dumps. Memory is constant per series and bounded in all.
 * A reading is one page, answer or dump; facts are taken between readings.
 */
import type { Instant } from '../policy/resource.ts';
import { ADMIN_PORT, LABEL, METRIC, PROXY_JOB } from './conventions.ts';
import type { Fact, Reporter, Symptom } from './facts.ts';
import { type CounterTarget, createCounters, isBefore, type Moment } from './metrics-counter.ts';
import { factsOf, type ReadFrom } from './metrics-facts.ts';
import type { ScrapeTarget } from './metrics-json.ts';
import { labelOf, reporterOf } from './metrics-labels.ts';
import { isWanted, type Sample } from './metrics-sample.ts';

/** One page, answer or dump. */
export interface Reading extends ReadFrom {
  /** When it was read, for samples without a time of their own; null when nobody knows: then the order of readings decides. */
  readonly at: Instant | null;
}

export interface MetricsStats {
  /** Of the metrics that facts are made of. */
  samples: number;
  /** Samples of series beyond the limit: their denials are not counted. */
  overLimit: number;
  /** Not later than the sample before it in the same series. */
  outOfOrder: number;
  /** Negative or infinite. */
  notACount: number;
}

export interface MetricsReader {
  /** Opens a reading; the samples that follow are its own. Readings come in order of time. */
  begin(reading: Reading): void;
  add(sample: Sample): void;
  /** Health of scrape targets, from /api/v1/targets. */
  addTarget(target: ScrapeTarget): void;
  /** The facts since the last call. Ends the reading. */
  take(): Fact[];
  readonly stats: Readonly<MetricsStats>;
}

/** A target as the reader follows it; `failed` scrapes since the last taking. */
interface Target extends CounterTarget {
  readonly reporter: Reporter;
  failed: { count: number; at: Instant | null; lastAt: Instant | null };
}

const NOWHERE: Reading = { name: '', reporter: { cluster: '', namespace: null, pod: null, workload: null }, at: null };

export function createMetricsReader({ maxSeries = 200_000 }: { readonly maxSeries?: number } = {}): MetricsReader {
  const stats: MetricsStats = { samples: 0, overLimit: 0, outOfOrder: 0, notACount: 0 };
  const counters = createCounters<ReadFrom>(maxSeries);
  const targets = new Map<string, Target>();
  let reading = NOWHERE;
  let turn = 0;
  let began: Instant | null = null;
  /** Samples of a page whose pod is not known yet: its own address tells it from other pods' pages. */
  let unplaced: Sample[] = [];
  let complaints: Symptom[] = [];

  const targetOf = (id: string, { labels }: Sample): Target | null => {
    const known = targets.get(id);
    if (known !== undefined) return known;
    if (targets.size >= maxSeries) return null;
    const reporter = reporterOf(labels, reading.reporter);
    const target = { id, first: null, startedAt: null, reporter, failed: { count: 0, at: null, lastAt: null } };
    targets.set(id, target);
    return target;
  };

  const count = (sample: Sample, id: string) => {
    const moment: Moment = { at: sample.at ?? reading.at, turn };
    if (moment.at !== null && (began === null || moment.at < began)) began = moment.at;
    if (Number.isNaN(sample.value)) return;
    const target = targetOf(id, sample);
    if (target === null) {
      stats.overLimit++;
      return;
    }
    if (sample.metric === METRIC.up && sample.value === 0) {
      if (isProxyTarget(sample.labels)) failScrape(target, moment.at);
      return;
    }
    if (target.first === null || isBefore(moment, target.first)) target.first = moment;
    if (sample.metric === METRIC.processStart) startTarget(target, sample.value);
    else if (sample.metric !== METRIC.up) countOutcome(counters.add(sample, moment, target, reading), stats);
  };

  const place = () => {
    const id = pageId(reading, unplaced);
    for (const sample of unplaced) count(sample, id);
    unplaced = [];
  };

  return {
    stats,
    begin(next) {
      place();
      reading = next;
      turn++;
    },
    add(sample) {
      if (!isWanted(sample)) return;
      stats.samples++;
      const id = scrapeId(sample.labels) ?? podId(reading.reporter);
      if (id !== null) count(sample, id);
      else if (unplaced.length < maxSeries) unplaced.push(sample);
      else stats.overLimit++;
    },
    addTarget(target) {
      const complaint = complaintOf(target, reading);
      if (complaint !== null && complaints.length < maxSeries) complaints.push(complaint);
    },
    take() {
      place();
      const facts: Fact[] = [...counters.take(began).flatMap(factsOf)];
      for (const target of targets.values()) if (target.failed.count > 0) facts.push(takeFailures(target, reading.name));
      for (const complaint of complaints) facts.push(complaint);
      complaints = [];
      return facts;
    },
  };
}

function countOutcome(outcome: 'counted' | 'over-limit' | 'out-of-order' | 'not-a-count', stats: MetricsStats): void {
  if (outcome === 'over-limit') stats.overLimit++;
  else if (outcome === 'out-of-order') stats.outOfOrder++;
  else if (outcome === 'not-a-count') stats.notACount++;
}

/** A target by its scrape labels; null for samples that carry none. */
function scrapeId(labels: ReadonlyMap<string, string>): string | null {
  const instance = labelOf(labels, LABEL.instance);
  const pod = labelOf(labels, LABEL.pod);
  if (instance === '' && pod === '') return null;
  const parts = [labelOf(labels, LABEL.cluster), labelOf(labels, LABEL.job), labelOf(labels, LABEL.namespace), pod, instance];
  return JSON.stringify(parts);
}

function podId({ cluster, namespace, pod }: Reporter): string | null {
  return pod === null ? null : JSON.stringify([cluster, namespace, pod]);
}

/** A page without a pod's name: by the pod's own address in it, else by its process, else by the page's name. */
function pageId({ name, reporter }: Reading, samples: readonly Sample[]): string {
  const known = [reporter.cluster, reporter.namespace];
  let address: string | null = null;
  let started: number | null = null;
  for (const { metric, labels, value } of samples) {
    const ip = labelOf(labels, LABEL.targetIp);
    if (isPodAddress(ip) && (address === null || ip < address)) address = ip;
    if (metric === METRIC.processStart) started = value;
  }
  return JSON.stringify([...known, address !== null ? { address } : started !== null ? { started } : { name }]);
}

/** Not the listen address of the admin server, not loopback. */
function isPodAddress(ip: string): boolean {
  return ip !== '' && ip !== '0.0.0.0' && ip !== '::' && ip !== '::1' && !ip.startsWith('127.');
}

/** The earliest start: a restart later on resets counters, and those are seen. */
function startTarget(target: Target, seconds: number): void {
  const at = seconds * 1000;
  if (target.startedAt === null || at < target.startedAt) target.startedAt = at;
}

function failScrape({ failed }: Target, at: Instant | null): void {
  failed.count++;
  if (at === null) return;
  if (failed.at === null || at < failed.at) failed.at = at;
  if (failed.lastAt === null || at > failed.lastAt) failed.lastAt = at;
}

/** What `up` says of a proxy; why is not known. */
export const UP_IS_ZERO = `${METRIC.up} is 0: Prometheus could not read this proxy's metrics; /api/v1/targets says why`;

function takeFailures(target: Target, name: string): Symptom {
  const { count, at, lastAt } = target.failed;
  target.failed = { count: 0, at: null, lastAt: null };
  return scrapeSymptom('scrape-failed', target.reporter, { at, lastAt, count }, UP_IS_ZERO, {
    kind: 'metrics',
    name,
    line: null,
    raw: target.id,
  });
}

function complaintOf({ labels, health, lastError, lastScrape }: ScrapeTarget, { name, reporter }: Reading): Symptom | null {
  if (health !== 'down' || !isProxyTarget(labels)) return null;
  const kind = /\b403\b/.test(lastError) ? 'scrape-refused' : 'scrape-failed';
  const raw = JSON.stringify([...labels]).slice(0, 2000);
  const counts = { at: lastScrape, lastAt: lastScrape, count: 1 };
  return scrapeSymptom(kind, reporterOf(labels, reporter), counts, lastError, { kind: 'metrics', name, line: null, raw });
}

function scrapeSymptom(
  kind: 'scrape-refused' | 'scrape-failed',
  reporter: Reporter,
  counts: Pick<Symptom, 'at' | 'lastAt' | 'count'>,
  detail: string,
  source: Symptom['source'],
): Symptom {
  return { type: 'symptom', kind, reporter, ...counts, port: ADMIN_PORT, client: null, detail, source };
}

/** By job (`linkerd-proxy`, `NAMESPACE/linkerd-proxy` under the operator) or by the admin port. */
function isProxyTarget(labels: ReadonlyMap<string, string>): boolean {
  const job = labelOf(labels, LABEL.job);
  return job === PROXY_JOB || job.endsWith(`/${PROXY_JOB}`) || labelOf(labels, LABEL.instance).endsWith(`:${ADMIN_PORT}`);
}
