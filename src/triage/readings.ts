/**
 * Counters that are pushed. A proxy has one reading for each scope, whichever way it is read: what a push says and Prometheus has said already
 * adds nothing, nor does one that is sent again or overtaken by a later one.
 */
import type { Fact, Reporter } from '../evidence/facts.ts';
import type { Sample } from '../evidence/metrics-sample.ts';
import { byTarget, type Point, type SeriesTarget } from '../evidence/metrics-targets.ts';
import type { Instant } from '../policy/resource.ts';
import { POLL_SCOPES, type PollScope, scopeOf } from './poll-scope.ts';
import { foldPolled, type KeptTarget, readingId } from './polled.ts';
import { POLLING_ID, type PollingState } from './polling.ts';
import type { WorkingSet } from './working-set.ts';

/** What was pushed. */
export interface PushedMetrics {
  /** The name of the source, for people. */
  readonly name: string;
  /** Whose page it is, where the samples do not say; its cluster is that of facts without one. */
  readonly reporter: Reporter;
  /** When it came, for samples without a time. */
  readonly at: Instant;
  readonly samples: readonly Sample[];
}

/** The facts since each target's last reading, which the new one replaces. */
export async function foldReadings(set: WorkingSet, { name, reporter, at, samples }: PushedMetrics): Promise<readonly Fact[]> {
  const timed = samples.map((sample) => (sample.at === null ? { ...sample, at } : sample));
  const { targets } = byTarget(timed, Number.POSITIVE_INFINITY, reporter);
  await set.load('meta', [POLLING_ID]);
  const since = set.get<PollingState>('meta', POLLING_ID)?.since ?? at;
  const facts: Fact[] = [];
  for (const scope of POLL_SCOPES) {
    const own = targets.flatMap((target) => partOf(target, scope));
    await set.load(
      'readings',
      own.map(({ id }) => readingId(scope, id)),
    );
    const moved = own.map((target) => movedAfter(target, set.get<KeptTarget>('readings', readingId(scope, target.id)), at));
    const reading = { scope, name, reporter, since, isComplete: true, targets: moved, pushedAt: at };
    for (const fact of await foldPolled(set, reading)) facts.push(fact);
  }
  return facts;
}

/** A whole page says also what is not on it; an answer about some counters says nothing of the others. */
function partOf(target: SeriesTarget, scope: PollScope): readonly SeriesTarget[] {
  const series = target.series.filter((one) => scopeOf(one) === scope);
  const isPage = target.starts.length + target.ups.length > 0;
  return isPage || series.length > 0 ? [{ ...target, series }] : [];
}

/**
 * Of pushes that come within one millisecond the later one is later, and a push is later than what was read before it by a clock that is ahead;
 * one that was sent earlier, and was overtaken by another push, stays earlier.
 */
function movedAfter(target: SeriesTarget, known: KeptTarget | null, at: Instant): SeriesTarget {
  if (known === null || at < (known.pushedAt ?? at)) return target;
  const last = Object.values(known.series).reduce((latest, [, seen]) => Math.max(latest, seen), known.at);
  if (last < at) return target;
  const move = (points: readonly Point[]) => points.map((point) => (point.at === at ? { ...point, at: last + 1 } : point));
  return {
    ...target,
    series: target.series.map((one) => ({ ...one, points: move(one.points) })),
    starts: move(target.starts),
    ups: move(target.ups),
  };
}
