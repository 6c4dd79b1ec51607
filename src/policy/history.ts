/** The policy over time: one snapshot per moment of change, sharing all that did not change. */

import { type Change, type Instant, refOf } from './resource.ts';
import type { ClusterInfo } from './settings.ts';
import type { ObjectChange, Snapshot } from './snapshot.ts';
import { buildSnapshot, withChanges } from './snapshot.ts';

export interface History {
  /** As a controller that saw every change knew it at that moment; null: after the last change. Before the first change: the first state. */
  at(time: Instant | null): Snapshot;
  /** The moments of change, in order. */
  readonly moments: readonly Instant[];
}

/** `changes` in order of time; those without a time were there from the start. */
export function createHistory(changes: readonly Change[], info: ClusterInfo): History {
  const start = changes.filter((c) => c.at === null);
  const moments: Instant[] = [];
  const snapshots: Snapshot[] = [
    buildSnapshot(
      start.filter((c) => c.type === 'applied').map((c) => c.resource),
      info,
    ),
  ];
  for (const batch of byMoment(changes)) {
    moments.push(batch.at);
    snapshots.push(withChanges(snapshots.at(-1) as Snapshot, batch.changes));
  }
  return {
    moments,
    at: (time) => snapshots[time === null ? moments.length : countUpTo(moments, time)] as Snapshot,
  };
}

function byMoment(changes: readonly Change[]): readonly { readonly at: Instant; readonly changes: ObjectChange[] }[] {
  const batches: { at: Instant; changes: ObjectChange[] }[] = [];
  for (const { at, type, resource } of changes) {
    if (at === null) continue;
    const change = type === 'applied' ? { apply: resource } : { delete: refOf(resource) };
    const last = batches.at(-1);
    if (last?.at === at) last.changes.push(change);
    else batches.push({ at, changes: [change] });
  }
  return batches;
}

/** How many of the sorted moments are at or before `time`. */
function countUpTo(moments: readonly Instant[], time: Instant): number {
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((moments[middle] as Instant) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
