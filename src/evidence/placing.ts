/** Puts every proxy that reported a denial in its place, as far as it can be known. */
import type { Instant } from '../policy/resource.ts';
import type { Reporter, WorkloadRef } from './facts.ts';
import type { Place, Places, Trace } from './places.ts';
import { later, type Tally, type TallyEntry } from './tally.ts';

/** Denials of a proxy whose place nobody knows. */
export interface Unplaced {
  readonly reporter: Reporter;
  /** Names of the inputs. */
  readonly sources: readonly string[];
  /** Every workload of the cluster that it can be. */
  readonly fits: readonly WorkloadRef[];
}

export interface Placing {
  readonly placeOf: (reporter: Reporter) => Place;
  readonly unplaced: readonly Unplaced[];
}

/** Every reporter is placed by all of its denials together: one line may fit many workloads, several seldom do. */
export function placeReporters(tally: Tally, placesAt: (at: Instant | null) => Places): Placing {
  const groups = new Map<string, { reporter: Reporter; entries: TallyEntry[] }>();
  for (const entry of tally.entries.values()) {
    const key = reporterKey(entry.reporter);
    const group = groups.get(key) ?? { reporter: entry.reporter, entries: [] };
    group.entries.push(entry);
    groups.set(key, group);
  }
  const places = new Map<string, Place>();
  const unplaced: Unplaced[] = [];
  for (const [key, { reporter, entries }] of groups) {
    const known = placesAt(lastOf(entries));
    const place = known.placeOf(reporter);
    places.set(key, place);
    if (place.namespace !== null && (place.workload !== null || reporter.pod !== null)) continue;
    const fits = known.fitting(reporter, entries.map(traceOf));
    const [only, ...more] = fits;
    if (only !== undefined && more.length === 0) places.set(key, { ...place, namespace: only.namespace, workload: only });
    else unplaced.push({ reporter, sources: sourcesOf(entries), fits });
  }
  const placeOf = (reporter: Reporter): Place => places.get(reporterKey(reporter)) ?? placesAt(null).placeOf(reporter);
  return { placeOf, unplaced };
}

function reporterKey({ cluster, namespace, pod, workload, serviceAccount }: Reporter): string {
  return JSON.stringify([cluster, namespace, pod, workload?.kind, workload?.name, serviceAccount]);
}

function traceOf({ server, route, port, admin }: TallyEntry): Trace {
  return { server, route, port, admin };
}

function lastOf(entries: readonly TallyEntry[]): Instant | null {
  const clients = entries.flatMap((entry) => [...entry.clients.values()]);
  return clients.reduce<Instant | null>((last, c) => later(last, later(c.logs.last, c.metrics.last)), null);
}

function sourcesOf(entries: readonly TallyEntry[]): readonly string[] {
  return [...new Set(entries.flatMap((entry) => [...entry.clients.values()].flatMap((c) => c.sources.map((s) => s.name))))];
}
