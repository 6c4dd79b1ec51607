/**
 * Counters that are pushed: what a target showed last is kept, so that its next push says what was added since. The reading and the facts that it
 * gives change in one commit: a push that is sent again, or that is overtaken by a later one, adds nothing.
 */

import { LABEL } from '../evidence/conventions.ts';
import type { Fact, Reporter } from '../evidence/facts.ts';
import { createMetricsReader } from '../evidence/metrics-reader.ts';
import type { Sample } from '../evidence/metrics-sample.ts';
import type { Instant } from '../policy/resource.ts';
import { hashId } from './incident.ts';
import type { WorkingSet } from './working-set.ts';

/** What was pushed. */
export interface PushedMetrics {
  /** The name of the source, for people. */
  readonly name: string;
  /** Whose page it is, where the samples do not say. */
  readonly reporter: Reporter;
  /** When it came, for samples without a time. */
  readonly at: Instant;
  readonly samples: readonly Sample[];
}

/** A sample as JSON keeps it. */
type KeptSample = readonly [metric: string, labels: readonly (readonly [string, string])[], value: number, at: Instant];

interface KeptReading {
  readonly samples: readonly KeptSample[];
  /** When the last push came. */
  readonly at: Instant;
}

/** Most series of one target that are followed; a proxy has some tens. */
const MOST_SERIES = 5000;

/** The facts since each target's last reading, which the new one replaces. */
export async function foldReadings(set: WorkingSet, pushed: PushedMetrics): Promise<readonly Fact[]> {
  const targets = byTarget(pushed);
  await set.load('readings', targets.keys());
  const facts: Fact[] = [];
  for (const [id, untimed] of targets) {
    const known = set.get<KeptReading>('readings', id);
    const before = known?.samples.map(fromKept) ?? [];
    const at = momentAfter(known, pushed.at);
    const samples = untimed.map((sample) => (sample.at === null ? { ...sample, at } : sample));
    const reader = createMetricsReader({ maxSeries: 2 * MOST_SERIES });
    reader.begin({ name: pushed.name, reporter: pushed.reporter, at: null });
    for (const sample of before) reader.add(sample);
    if (before.length > 0) reader.take();
    reader.begin({ name: pushed.name, reporter: pushed.reporter, at });
    for (const sample of samples) reader.add(sample);
    facts.push(...reader.take());
    const kept = newest([...before, ...samples]);
    const reading: KeptReading = { samples: kept.map(toKept), at: Math.max(pushed.at, known?.at ?? pushed.at) };
    set.put('readings', id, reading, { sort: kept.reduce((last, s) => Math.max(last, s.at ?? 0), 0) });
  }
  return facts;
}

/** Of pushes that come within one millisecond the later one is later; one that came earlier, and was overtaken, stays earlier. */
function momentAfter(known: KeptReading | null, at: Instant): Instant {
  if (known === null || at < known.at) return at;
  return known.samples.reduce((latest, [, , , seen]) => Math.max(latest, seen + 1), at);
}

/** A target by its scrape labels, or by the pod that the sender names. Samples without either have no target. */
function byTarget({ samples, reporter }: PushedMetrics): ReadonlyMap<string, readonly Sample[]> {
  const targets = new Map<string, Sample[]>();
  for (const sample of samples) {
    const id = hashId('t', targetOf(sample.labels, reporter));
    const known = targets.get(id);
    if (known === undefined) targets.set(id, [sample]);
    else known.push(sample);
  }
  return targets;
}

function targetOf(labels: ReadonlyMap<string, string>, { cluster, namespace, pod }: Reporter): readonly (string | null)[] {
  const own = [LABEL.cluster, LABEL.job, LABEL.namespace, LABEL.pod, LABEL.instance].map((name) => labels.get(name) ?? '');
  return own[3] === '' && own[4] === '' ? [cluster, namespace, pod] : own;
}

/** The last sample of each series, those that were seen last where there are too many. A series that went stale is forgotten. */
function newest(samples: readonly Sample[]): readonly Sample[] {
  const bySeries = new Map<string, Sample>();
  for (const sample of samples) {
    const key = JSON.stringify([sample.metric, [...sample.labels].sort(([a], [b]) => (a < b ? -1 : 1))]);
    const known = bySeries.get(key);
    if (known === undefined || (known.at ?? 0) < (sample.at ?? 0)) bySeries.set(key, sample);
  }
  const alive = [...bySeries.values()].filter(({ value }) => Number.isFinite(value));
  return alive.length <= MOST_SERIES ? alive : alive.toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0)).slice(0, MOST_SERIES);
}

function toKept({ metric, labels, value, at }: Sample): KeptSample {
  return [metric, [...labels], value, at ?? 0];
}

function fromKept([metric, labels, value, at]: KeptSample): Sample {
  return { metric, labels: new Map(labels), value, at };
}
