/** Which proxies show anything new: most counters stand still, and what stands still is not written again. */
import type { SeriesTarget, TargetSeries } from '../evidence/metrics-targets.ts';
import type { Instant } from '../policy/resource.ts';

/** A target with only the series that changed. */
export interface ChangedTarget {
  readonly target: SeriesTarget;
  /** It is on disk. */
  remember(): void;
}

export interface PolledChanges {
  select(targets: readonly SeriesTarget[]): readonly ChangedTarget[];
  /** Afterwards everything is new: what is stored may be another process' by now. */
  forget(): void;
  readonly series: number;
}

interface Seen {
  readonly value: number;
  readonly at: Instant;
}

interface SeenTarget {
  startedAt: number | null;
  readonly series: Map<string, Seen>;
}

/** `maxSeries` bounds the memory: what finds no room counts as new each time. */
export function createPolledChanges(maxSeries: number): PolledChanges {
  const seen = new Map<string, SeenTarget>();
  let size = 0;

  function remember({ id, series, starts }: SeriesTarget): void {
    const known = seen.get(id) ?? { startedAt: null, series: new Map<string, Seen>() };
    if (hasRestarted(known, starts.at(-1)?.value)) {
      size -= known.series.size;
      known.series.clear();
    }
    known.startedAt = starts.at(-1)?.value ?? known.startedAt;
    const restart = starts.find(({ value }) => value === known.startedAt)?.at ?? Number.NEGATIVE_INFINITY;
    for (const one of series) {
      const last = one.points.at(-1);
      const isNew = !known.series.has(one.id);
      // What the process before showed says nothing of this one.
      if (last === undefined || last.at < restart || (isNew && size >= maxSeries)) continue;
      if (isNew) size++;
      known.series.set(one.id, last);
    }
    seen.set(id, known);
  }

  return {
    get series() {
      return size;
    },
    select: (targets) =>
      targets.flatMap((target): ChangedTarget[] => {
        const known = seen.get(target.id);
        if (known === undefined || hasRestarted(known, target.starts.at(-1)?.value)) return [{ target, remember: () => remember(target) }];
        const series = target.series.filter((one) => hasChanged(one, known.series.get(one.id)));
        if (series.length === 0) return [];
        const changed = { ...target, series };
        return [{ target: changed, remember: () => remember(changed) }];
      }),
    forget() {
      seen.clear();
      size = 0;
    },
  };
}

function hasRestarted({ startedAt }: SeenTarget, now: number | undefined): boolean {
  return now !== undefined && now !== startedAt;
}

function hasChanged({ points }: TargetSeries, seen: Seen | undefined): boolean {
  return seen === undefined || points.some(({ at, value }) => at > seen.at && value !== seen.value);
}
