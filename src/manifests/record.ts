/** Several readings → one cluster over time. */
import { type Change, type Instant, objectKey, type Resource, refOf, showRef } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';
import { createNoticeBook, type Notice, type NoticeBook, showOrigin } from './place.ts';
import type { Manifests } from './read.ts';

export interface Merged {
  /** In order of time; those without a time first. */
  readonly changes: readonly Change[];
  /** True when events with times are among the readings. */
  readonly isHistory: boolean;
  readonly notices: readonly Notice[];
}

/**
 * Puts readings together, in their order:
 * - of two plain objects with one name the later counts, as with `kubectl apply -f`;
 * - a recorded history (events with times) knows its objects better than a dump beside it: a dump adds only objects that no event is about.
 *   These were there from the start, or since their creationTimestamp where that lies within the recording.
 */
export function mergeManifests(readings: readonly Manifests[]): Merged {
  const notices = createNoticeBook();
  for (const reading of readings) notices.addAll(reading.notices);
  const recorded = readings.filter(({ observedFrom }) => observedFrom !== null);
  const start = recorded.reduce<Instant>((first, { observedFrom }) => Math.min(first, observedFrom ?? first), Number.POSITIVE_INFINITY);
  const inHistory = new Set(recorded.flatMap(({ events }) => events.map(({ resource }) => keyOf(resource))));

  const plain = new Map<string, Resource>();
  for (const { file, resources } of readings) {
    for (const resource of resources) {
      const key = keyOf(resource);
      const earlier = plain.get(key);
      if (inHistory.has(key)) {
        notices.add('history', () => ({ file }), `${showRef(refOf(resource))} is in the recorded history too, which counts.`);
      } else if (earlier !== undefined) {
        noteDuplicate(earlier, resource, notices.add);
      }
      if (!inHistory.has(key)) plain.set(key, resource);
    }
  }

  const dumped = [...plain.values()].map((resource): Change => ({ at: sinceWhen(resource, start), type: 'applied', resource }));
  const events = readings.flatMap((reading) => reading.events);
  const changes = [...dumped, ...events].map((change, order) => ({ change, order }));
  changes.sort((a, b) => timeOf(a.change) - timeOf(b.change) || a.order - b.order);
  for (const { file, events, observedFrom } of readings) {
    if (events.length > 0 && observedFrom === null) {
      notices.add('untimed', () => ({ file }), 'These watch events carry no times: only what is left at their end counts.');
    }
  }
  noteUnread(readings, notices.add);
  return {
    changes: changes.map(({ change }) => change),
    isHistory: recorded.length > 0,
    notices: notices.all(),
  };
}

function keyOf(resource: Resource): string {
  return objectKey(refOf(resource));
}

/** Never below the times of events, so that what has no time sorts first. */
function timeOf(change: Change): number {
  return change.at ?? Number.MIN_SAFE_INTEGER;
}

/** `start` is infinite where nothing is recorded. */
function sinceWhen(resource: Resource, start: Instant): Instant | null {
  const created = resource.metadata.creationTimestamp === undefined ? null : parseInstant(resource.metadata.creationTimestamp);
  return created !== null && created > start ? created : null;
}

function noteDuplicate(earlier: Resource, later: Resource, add: NoticeBook['add']): void {
  const where = showOrigin(earlier.origin ?? {});
  const isSame = equal(contentOf(earlier), contentOf(later));
  add(
    `duplicate ${isSame}`,
    () => later.origin ?? {},
    isSame
      ? `${showRef(refOf(later))} stands here and in ${where}, the same.`
      : `${showRef(refOf(later))} stands here and, different, in ${where}: this one, read later, counts.`,
  );
}

/** What someone wrote, without what the API server adds. */
function contentOf({ metadata, spec, data }: Resource): unknown {
  return { labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {}, spec, data };
}

function equal(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(left[key], right[key]));
}

function noteUnread(readings: readonly Manifests[], add: NoticeBook['add']): void {
  const counts = new Map<string, number>();
  for (const { unread } of readings) for (const [label, count] of unread) counts.set(label, (counts.get(label) ?? 0) + count);
  if (counts.size === 0) return;
  const shown = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, 10);
  const more = counts.size > shown.length ? `, and ${counts.size - shown.length} more kinds` : '';
  add('unread', () => ({}), `Nothing here reads these kinds: ${shown.map(([label, count]) => `${count} ${label}`).join(', ')}${more}.`);
}
