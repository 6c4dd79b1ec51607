/** Words that several practices share. */
import { showWorkload } from '../evidence/missing.ts';
import { showOrigin } from '../manifests/place.ts';
import { type ObjectRef, type Resource, refOf, showRef } from '../policy/resource.ts';
import { findResource, type Snapshot } from '../policy/snapshot.ts';
import type { Evidence, Judgement, PostureWorkload } from './practice.ts';

/** `Server production/backend-http (policies.yaml:3:1)`. */
function sourceOf(resource: Resource): string {
  const { origin } = resource;
  const place = origin?.file === undefined ? '' : ` (${showOrigin(origin)})`;
  return `${showRef(refOf(resource))}${place}`;
}

export function evidence(text: string, resource: Resource): Evidence {
  return { text, source: sourceOf(resource) };
}

export function evidenceOfRef(snapshot: Snapshot, text: string, ref: ObjectRef): Evidence {
  const resource = findResource(snapshot, ref);
  return { text, source: resource === null ? showRef(ref) : sourceOf(resource) };
}

export function holds(workload: string | null, found: string, shown: readonly Evidence[] = []): Judgement {
  return { workload, state: 'holds', found, evidence: shown, lacking: [], next: null };
}

export function nameOf({ ref }: PostureWorkload): string {
  return showWorkload(ref);
}

/** The object that stands for its pods: the owner, or the first pod. */
export function objectOf({ owner, pods }: PostureWorkload): Resource {
  return owner ?? (pods[0] as PostureWorkload['pods'][number]).resource;
}

/** As a shell takes it: names of a dump may be anything. */
export function quoted(text: string): string {
  return /^[\w./:@%+=][\w./:@%+=-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** `the proxy’s own port 4191` is a port like any other to Linkerd, and a surprise to people. */
export function showPort(port: number, names: readonly string[]): string {
  if (port === 4191) return '4191 (the proxy’s own)';
  return names.length === 0 ? String(port) : `${port} (${names.join(', ')})`;
}

/** `each of 3 policies`, `the one policy`. */
export function eachOf(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? `the one ${one}` : `each of ${counted(count, one, many)}`;
}

const DAY = 86_400_000;
const SPANS = [
  [DAY, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
] as const;

/** `1 port`, `1,200 ports`; `many` where it is not formed by an s. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** `6 days`, `14 hours`, `13 minutes`, `5 seconds`. */
export function showSpan(milliseconds: number): string {
  const [size, word] = SPANS.find(([one]) => milliseconds >= 2 * one) ?? [1000, 'second'];
  return counted(Math.floor(milliseconds / size), word);
}

/** What comes once a week is seen in a week. */
export const WEEK = 7 * DAY;
