/** One look at Prometheus: what was counted since the last one becomes facts, in the same commit as the reading. Timing is the caller's. */
import type { AlertFact } from '../evidence/alert.ts';
import { LABEL } from '../evidence/conventions.ts';
import type { Reporter } from '../evidence/facts.ts';
import { keyOf, selects } from '../evidence/key.ts';
import { createMetricsReader } from '../evidence/metrics-reader.ts';
import type { Sample } from '../evidence/metrics-sample.ts';
import { byTarget, type SeriesTarget } from '../evidence/metrics-targets.ts';
import type { Instant } from '../policy/resource.ts';
import type { LabelledNumber, Prometheus } from '../ports.ts';
import { alertId } from '../triage/fold.ts';
import type { AlertState, Incident } from '../triage/incident.ts';
import type { Intake } from '../triage/intake.ts';
import { type PollScope, scopeOf } from '../triage/poll-scope.ts';
import { foldPolled, MOST_SERIES } from '../triage/polled.ts';
import { type ChangedTarget, createPolledChanges } from '../triage/polled-changes.ts';
import type { WorkingSet } from '../triage/working-set.ts';
import { queriesOf, type Slice, sizeQuery, sliceOf, slicesFor } from './prometheus-queries.ts';

export interface PollOptions {
  readonly prometheus: Prometheus;
  readonly intake: Intake;
  /** Of facts without that label. */
  readonly cluster: () => string;
  readonly jobs: () => readonly string[];
  /** Most series in all. */
  readonly mostSeries: number;
}

/** From when to when; `step` null: all samples, each with its own time, `start` not included. Milliseconds. */
export interface Span {
  readonly start: Instant;
  readonly end: Instant;
  readonly step: number | null;
}

export interface PollResult {
  /** The newest scrape that was seen; null: none. */
  readonly newest: Instant | null;
  readonly series: number;
  readonly remarks: readonly string[];
}

export interface Poll {
  /** Errors: Unavailable. The next poll asks for smaller pieces then. */
  read(scope: PollScope, span: Span, since: Instant): Promise<PollResult>;
  /** What an alert's labels select, at once. Errors: Unavailable. */
  look(alert: AlertFact, at: Instant, since: Instant): Promise<void>;
  /** Another process may have polled meanwhile. */
  forget(): void;
}

/** Series of one answer, which is held whole. */
const EACH = { most: 10_000, least: 500 } as const;
/** Points of one commit. */
const POINTS_PER_COMMIT = 4000;
/** How far back a look at an alert goes (s): rules look back as far. */
const LOOK_BACK = 600;
const MOST_LOOKED_AT = 20_000;

export function createPoll({ prometheus, intake, cluster, jobs, mostSeries }: PollOptions): Poll {
  const changes = {
    denied: createPolledChanges(mostSeries),
    side: createPolledChanges(mostSeries),
    allowed: createPolledChanges(mostSeries),
  };
  const sizes: Record<PollScope, number> = { denied: 0, side: 0, allowed: 0 };
  let each: number = EACH.most;

  const reporter = (): Reporter => ({ cluster: cluster(), namespace: null, pod: null, workload: null });

  async function samplesOf(scope: PollScope, slice: Slice, { start, end, step }: Span): Promise<Answer> {
    const window = step === null && scope === 'denied' ? Math.ceil((end - start) / 1000) : null;
    const samples: Sample[] = [];
    const warnings = new Set<string>();
    for (const query of queriesOf(scope, slice, jobs(), window)) {
      const answer = step === null ? await prometheus.query(query, end) : await prometheus.queryRange(query, { start, end, step });
      for (const sample of answer.samples) samples.push(sample);
      for (const warning of answer.warnings) warnings.add(warning);
    }
    return { samples, warnings: [...warnings] };
  }

  /** Small answers come in one piece; whether they stay small shows itself. */
  async function slices(scope: PollScope, end: Instant): Promise<ReturnType<typeof slicesFor>> {
    if (sizes[scope] > 0 && sizes[scope] <= Math.min(each, mostSeries)) return { slices: [[]], left: [] };
    const counted: readonly LabelledNumber[] = await prometheus.numbers(sizeQuery(scope), end);
    return slicesFor(counted, { each, all: mostSeries });
  }

  async function fold(changed: readonly ChangedTarget[], reading: Omit<Parameters<typeof foldPolled>[1], 'targets'>): Promise<void> {
    for (const batch of batchesOf(changed)) {
      const targets = batch.map(({ target }) => target);
      await intake.accept({ id: null, facts: [], alerts: [], also: (set: WorkingSet) => foldPolled(set, { ...reading, targets }) });
      for (const one of batch) one.remember();
    }
  }

  async function readSlices(scope: PollScope, span: Span, since: Instant): Promise<PollResult> {
    const { slices: parts, left } = await slices(scope, span.end);
    const remarks = new Set<string>();
    let [newest, series, dropped]: [Instant | null, number, number] = [null, 0, 0];
    for (const slice of parts) {
      const { samples, warnings } = await samplesOf(scope, slice, span);
      const read = byTarget(samples, span.end + 1000, reporter());
      const targets = read.targets.map((target) => ofScope(target, scope));
      await fold(changes[scope].select(targets), {
        scope,
        name: 'prometheus',
        reporter: reporter(),
        since,
        isComplete: warnings.length === 0,
      });
      dropped += read.dropped;
      for (const target of targets) {
        series += target.series.length;
        for (const { at } of target.ups.slice(-1)) newest = Math.max(newest ?? at, at);
        if (target.series.length > MOST_SERIES) remarks.add(tooMany(target));
      }
      for (const warning of warnings) remarks.add(`Prometheus warns that its answer may not be whole: ${warning}`);
    }
    if (dropped > 0)
      remarks.add(`${dropped} samples name neither pod nor instance, or are later than Prometheus' own clock: they are not counted.`);
    if (left.length > 0)
      remarks.add(`There are more than ${mostSeries} series; not polled: ${left.slice(0, 10).join(', ')}. Raise prometheus.series.`);
    sizes[scope] = left.length > 0 ? Number.POSITIVE_INFINITY : series;
    return { newest, series, remarks: [...remarks] };
  }

  return {
    async read(scope, span, since) {
      try {
        const result = await readSlices(scope, span, since);
        each = Math.min(EACH.most, each * 2);
        return result;
      } catch (error) {
        each = Math.max(EACH.least, Math.floor(each / 4));
        throw error;
      }
    },
    async look(alert, at, since) {
      const slice = sliceOf(alert.selects);
      const own = cluster();
      if (slice === null || (alert.selects.cluster !== undefined && own !== '' && alert.selects.cluster !== own)) return;
      const span = { start: at - LOOK_BACK * 1000, end: at, step: null };
      const { samples, warnings } = await samplesOf('denied', slice, span);
      const reading = { scope: 'denied', name: 'prometheus', reporter: reporter(), isComplete: warnings.length === 0 } as const;
      const { targets } = byTarget(samples, at + 1000, reporter());
      await fold(targets.map(always), { ...reading, since });
      const side = await samplesOf('side', slice, span);
      const besides = byTarget(side.samples, at + 1000, reporter()).targets.map(always);
      await fold(besides, { ...reading, scope: 'side', isComplete: side.warnings.length === 0, since });
      await intake.accept({ id: null, facts: [], alerts: [], also: (set) => evidenceFor(set, alert, samples, reading) });
    },
    forget() {
      for (const one of Object.values(changes)) one.forget();
    },
  };
}

interface Answer {
  readonly samples: readonly Sample[];
  /** A successful answer can lack something. */
  readonly warnings: readonly string[];
}

function always(target: SeriesTarget): ChangedTarget {
  return { target, remember() {} };
}

function* batchesOf(changed: readonly ChangedTarget[]): Generator<readonly ChangedTarget[]> {
  let batch: ChangedTarget[] = [];
  let points = 0;
  for (const one of changed) {
    batch.push(one);
    points += one.target.series.reduce((sum, series) => sum + series.points.length, 1);
    if (points < POINTS_PER_COMMIT) continue;
    yield batch;
    batch = [];
    points = 0;
  }
  if (batch.length > 0) yield batch;
}

function ofScope(target: SeriesTarget, scope: PollScope): SeriesTarget {
  return { ...target, series: target.series.filter((series) => scopeOf(series) === scope) };
}

function tooMany({ labels, series }: SeriesTarget): string {
  const name = `${labels.get(LABEL.namespace) ?? '?'}/${labels.get(LABEL.pod) ?? '?'}`;
  return `The proxy of ${name} has ${series.length} series, as from a scanner that changes its SNI: ${MOST_SERIES} are followed. A restart of the pod clears them.`;
}

/**
 * An alert that opened an incident is about denials that were counted before: those of its window are its evidence, also where nobody can say
 * when the first of them happened. Nothing where facts have come already.
 */
async function evidenceFor(
  set: WorkingSet,
  alert: AlertFact,
  samples: readonly Sample[],
  { name, reporter }: { readonly name: string; readonly reporter: Reporter },
) {
  const id = alertId(alert);
  await set.load('alerts', [id]);
  const incidents = set.get<AlertState>('alerts', id)?.incidents ?? [];
  await set.load('incidents', incidents);
  if (!incidents.some((incident) => set.get<Incident>('incidents', incident)?.waitingForEvidence === true)) return [];
  const reader = createMetricsReader({ maxSeries: MOST_LOOKED_AT });
  reader.begin({ name, reporter, at: null });
  for (const sample of samples) reader.add(sample);
  return reader.take().filter((fact) => fact.type === 'denial' && selects(alert.selects, keyOf(fact)));
}
