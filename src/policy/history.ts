/** The policy over time: a snapshot of any moment, made when it is asked for, sharing all that did not change. */

import { type Change, type Instant, refOf } from './resource.ts';
import type { ClusterInfo } from './settings.ts';
import type { ObjectChange, Snapshot } from './snapshot.ts';
import { buildSnapshot, underItsSettings, withChanges } from './snapshot.ts';

/** The cluster's policy over time. A plain dump is the same at every moment. */
export interface ClusterView {
  /** As it was then; null: as it was last known. */
  at(time: Instant | null): Snapshot;
  /** The moments of change, in order; none where the input is no history. */
  readonly moments: readonly Instant[];
  /** What happened at each of them; absent: it is not told. */
  readonly steps?: readonly Step[];
}

export interface History extends ClusterView {
  /** As a controller that saw every change knew it at that moment; null: after the last change. Before the first change: the first state. */
  at(time: Instant | null): Snapshot;
  readonly steps: readonly Step[];
  /** The same history with later changes. The given one is left as it is. */
  with(changes: readonly Change[]): History;
}

/** What happened at one moment. */
export interface Step {
  readonly at: Instant;
  readonly changes: readonly ObjectChange[];
}

/** Every so many changes a snapshot is kept: any other is made from the one before it. */
const CHECKPOINT = 256;
/** Snapshots beside those, of the moments that were asked for last. */
const RECENT = 64;
/** Of the way to a moment so many last steps are kept too: who walks through the past walks backwards. */
const STEPS = 32;

/** `changes` in order of time; those without a time were there from the start. `info`: settings, as far as no object of that time tells them. */
export function createHistory(changes: readonly Change[], info: ClusterInfo): History {
  const start = changes.filter((c) => c.at === null && c.type === 'applied').map((c) => c.resource);
  return historyOf({ batches: [], checkpoints: [{ batches: 0, changes: 0, snapshot: underItsSettings(buildSnapshot(start, info)) }] }).with(
    changes,
  );
}

/** The snapshot after so many batches, which hold so many changes. */
interface Checkpoint {
  readonly batches: number;
  readonly changes: number;
  readonly snapshot: Snapshot;
}

interface Timeline {
  readonly batches: readonly Step[];
  /** In order; the first is that of the start. */
  readonly checkpoints: readonly Checkpoint[];
}

function historyOf({ batches, checkpoints }: Timeline): History {
  const moments = batches.map(({ at }) => at);
  const recent = new Map<number, Snapshot>();

  function keep(count: number, snapshot: Snapshot): void {
    recent.delete(count);
    recent.set(count, snapshot);
    const [oldest] = recent.keys();
    if (recent.size > RECENT && oldest !== undefined) recent.delete(oldest);
  }

  /** After so many batches. */
  function after(count: number): Snapshot {
    const known = recent.get(count);
    if (known !== undefined) {
      keep(count, known);
      return known;
    }
    const from = checkpoints.findLast((checkpoint) => checkpoint.batches <= count) as Checkpoint;
    const near = Math.max(from.batches, count - STEPS);
    const skipped = batches.slice(from.batches, near).flatMap(({ changes }) => changes);
    let snapshot = skipped.length === 0 ? from.snapshot : withChanges(from.snapshot, skipped);
    for (let i = near; i < count; i++) {
      snapshot = withChanges(snapshot, (batches[i] as Step).changes);
      keep(i + 1, snapshot);
    }
    return snapshot;
  }

  return {
    moments,
    steps: batches,
    at: (time) => after(time === null ? batches.length : countUpTo(moments, time)),
    with(changes) {
      const more = byMoment(changes);
      return historyOf(more.length === 0 ? { batches, checkpoints } : extended({ batches, checkpoints }, more));
    },
  };
}

/** The last checkpoint is that of the newest state; the others are far enough from their neighbours. */
function extended({ batches, checkpoints }: Timeline, more: readonly Step[]): Timeline {
  const kept = [...checkpoints];
  for (const [i, { changes }] of more.entries()) {
    const last = kept.at(-1) as Checkpoint;
    const beforeLast = kept.at(-2);
    if (beforeLast !== undefined && last.changes - beforeLast.changes < CHECKPOINT) kept.pop();
    kept.push({ batches: batches.length + i + 1, changes: last.changes + changes.length, snapshot: withChanges(last.snapshot, changes) });
  }
  return { batches: [...batches, ...more], checkpoints: kept };
}

function byMoment(changes: readonly Change[]): readonly Step[] {
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
