/**
 * The policy over time, as it is recorded: the objects as they are now, and for each change what it replaced. So the oldest changes can go without
 * harm to the newer ones, and the past is rebuilt by undoing.
 */
import { createHash } from 'node:crypto';
import { Unavailable } from '../errors.ts';
import { type Change, type Instant, objectKey, type Resource, refOf } from '../policy/resource.ts';
import type { Cursor, Store, StoredDocument } from '../ports.ts';
import { POLICY_REVISION_TAG } from './timed.ts';
import { createWorkingSet, type WorkingSet } from './working-set.ts';

export interface RecordedPolicy {
  /** In order of time; the objects of the oldest known state first, without a time. */
  readonly changes: readonly Change[];
  /** A name for the present state: the same objects have the same one, in every process. */
  readonly revision: string;
}

export interface PolicyRecord {
  /** Records what differs from the last known state, and gives the history with it. Errors: Unavailable. */
  record(resources: readonly Resource[], at: Instant): Promise<RecordedPolicy>;
}

/** What one change replaced; null: the object was not there. */
interface Undo {
  readonly key: string;
  readonly before: Resource | null;
}

interface Step {
  readonly at: Instant;
  readonly undo: readonly Undo[];
}

interface State {
  readonly objects: ReadonlyMap<string, Resource>;
  /** Oldest first. */
  readonly steps: readonly Step[];
  /** Grows with each recorded chunk; null: the first state is not whole yet. */
  readonly sequence: number | null;
}

/** The present state lies in so many documents, each object in one by the hash of its key. */
const BUCKETS = 256;
/** Changed objects of one commit. */
const CHUNK = 200;
const PAGE = 200;
const MOST_CONFLICTS = 20;
const HEAD = 'head';

/** `mostSteps`: changes that are kept in memory; the store's are dropped by `retain`. */
export function createPolicyRecord(store: Store, mostSteps: number): PolicyRecord {
  let known: State | null = null;
  return {
    async record(given, at) {
      const resources = new Map(given.map((resource) => [objectKey(refOf(resource)), withoutOrigin(resource)]));
      for (let attempt = 0; attempt < MOST_CONFLICTS; attempt++) {
        known ??= await load(store);
        const differences = differencesOf(known.objects, resources);
        const saved = await save(store, known, differences, resources, at);
        if (saved === null) {
          known = null;
          continue;
        }
        known = stateAfter(known, differences, resources, at, saved, mostSteps);
        return { changes: changesOf(known), revision: revisionOf(known.objects) };
      }
      throw new Unavailable('too many processes record the policy at once', 'It is recorded in a moment.');
    },
  };
}

function withoutOrigin({ origin: _, ...resource }: Resource): Resource {
  return resource;
}

function bucketOf(key: string): string {
  return `state/${createHash('sha256').update(key).digest().readUInt8(0) % BUCKETS}`;
}

async function load(store: Store): Promise<State> {
  const ids = Array.from({ length: BUCKETS }, (_, i) => `state/${i}`);
  const [head] = await store.get('policy', [HEAD]);
  const objects = new Map<string, Resource>();
  for (const document of await store.get('policy', ids)) {
    const { resources } = (document?.value ?? { resources: [] }) as unknown as { readonly resources: readonly Resource[] };
    for (const resource of resources) objects.set(objectKey(refOf(resource)), resource);
  }
  return { objects, steps: await loadSteps(store), sequence: sequenceOf(head?.value ?? null) };
}

function sequenceOf(head: unknown): number | null {
  return (head as { readonly sequence: number } | null)?.sequence ?? null;
}

async function loadSteps(store: Store): Promise<readonly Step[]> {
  const steps: Step[] = [];
  let after: Cursor | null = null;
  do {
    const page: readonly (StoredDocument & Cursor)[] = await store.list('policy', {
      tag: POLICY_REVISION_TAG,
      oldestFirst: true,
      limit: PAGE,
      ...(after && { after }),
    });
    steps.push(...page.map(({ value }) => value as unknown as Step));
    const last = page.at(-1);
    after = last === undefined || page.length < PAGE ? null : { sort: last.sort, id: last.id };
  } while (after !== null);
  return steps;
}

/** Keys of what differs, those of one bucket together. */
function differencesOf(before: ReadonlyMap<string, Resource>, after: ReadonlyMap<string, Resource>): readonly string[] {
  const differs = (key: string) => JSON.stringify(before.get(key)) !== JSON.stringify(after.get(key));
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].filter(differs).sort((a, b) => compareText(bucketOf(a), bucketOf(b)) || compareText(a, b));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** In chunks, each of which leaves a state that is whole in itself. The sequence after it; null: another process wrote first. */
async function save(
  store: Store,
  known: State,
  differences: readonly string[],
  resources: ReadonlyMap<string, Resource>,
  at: Instant,
): Promise<{ readonly sequence: number } | null> {
  let { sequence } = known;
  for (let from = 0; from < differences.length || sequence === null; from += CHUNK) {
    const keys = differences.slice(from, from + CHUNK);
    const set = createWorkingSet(store);
    await set.load('policy', [HEAD]);
    if (sequenceOf(set.get('policy', HEAD)) !== sequence) return null;
    await stageState(set, keys, resources);
    // The first state of all has no past, and a head only when all of it is there.
    if (sequence !== null) await stageStep(set, sequence + 1, at, keys, known.objects);
    const isLast = from + CHUNK >= differences.length;
    const next: number | null = sequence === null ? (isLast ? 0 : null) : sequence + 1;
    if (next !== null) set.put('policy', HEAD, { sequence: next });
    if ((await set.commit([])) !== 'done') return null;
    sequence = next;
  }
  return { sequence };
}

async function stageState(set: WorkingSet, keys: readonly string[], after: ReadonlyMap<string, Resource>): Promise<void> {
  const buckets = Map.groupBy(keys, bucketOf);
  await set.load('policy', buckets.keys());
  for (const [bucket, changed] of buckets) {
    const stored = set.get<{ readonly resources: readonly Resource[] }>('policy', bucket)?.resources ?? [];
    const kept = new Map(stored.map((resource) => [objectKey(refOf(resource)), resource]));
    for (const key of changed) {
      const resource = after.get(key);
      if (resource === undefined) kept.delete(key);
      else kept.set(key, resource);
    }
    set.put('policy', bucket, { resources: [...kept.values()] });
  }
}

async function stageStep(
  set: WorkingSet,
  sequence: number,
  at: Instant,
  keys: readonly string[],
  before: ReadonlyMap<string, Resource>,
): Promise<void> {
  const id = `r${String(sequence).padStart(12, '0')}`;
  await set.load('policy', [id]);
  const step: Step = { at, undo: keys.map((key) => ({ key, before: before.get(key) ?? null })) };
  set.put('policy', id, step, { tags: [POLICY_REVISION_TAG], sort: at });
}

function stateAfter(
  known: State,
  differences: readonly string[],
  resources: ReadonlyMap<string, Resource>,
  at: Instant,
  saved: { readonly sequence: number },
  mostSteps: number,
): State {
  if (differences.length === 0) return { ...known, ...saved };
  const undo = differences.map((key) => ({ key, before: known.objects.get(key) ?? null }));
  const steps = known.sequence === null ? [] : [...known.steps, { at, undo }].slice(-mostSteps);
  return { objects: resources, steps, ...saved };
}

function changesOf({ objects, steps }: State): readonly Change[] {
  const state = new Map(objects);
  const changes: Change[] = [];
  for (const { at, undo } of steps.toReversed()) {
    for (const { key, before } of undo.toReversed()) {
      const after = state.get(key);
      if (after !== undefined) changes.push({ at, type: 'applied', resource: after });
      else if (before !== null) changes.push({ at, type: 'deleted', resource: before });
      if (before === null) state.delete(key);
      else state.set(key, before);
    }
  }
  const start = [...state.values()].map((resource): Change => ({ at: null, type: 'applied', resource }));
  return [...start, ...changes.reverse()];
}

function revisionOf(objects: ReadonlyMap<string, Resource>): string {
  const hash = createHash('sha256');
  for (const key of [...objects.keys()].sort()) hash.update(JSON.stringify([key, objects.get(key)]));
  return hash.digest('hex').slice(0, 16);
}
