/** How the recorded policy lies in the store: a document for each object as it is now, one for each step of changes, and a head that counts the steps. */
import { createHash } from 'node:crypto';
import { contentOf, isOfPods } from '../policy/kept.ts';
import { type Change, type Instant, objectKey, type Resource, refOf } from '../policy/resource.ts';
import type { Cursor, Store, StoredDocument, Write } from '../ports.ts';
import { POD_CHANGE_TAG, POLICY_REVISION_TAG } from './timed.ts';

/** What one change replaced; null: the object was not there. */
interface Undo {
  readonly key: string;
  readonly before: Resource | null;
}

export interface Step {
  readonly at: Instant;
  readonly undo: readonly Undo[];
}

export interface KnownStep extends Step {
  readonly sequence: number;
  readonly tag: string;
}

export interface State {
  /** Changed in place. */
  readonly objects: Map<string, Resource>;
  /** Oldest first. */
  steps: readonly KnownStep[];
  /** Grows with each step; null: the first state is not whole yet. */
  sequence: number | null;
  /** When the first state was recorded; null: it is not whole yet. */
  since: Instant | null;
  /** Sum of the hashes of all objects. */
  sum: bigint;
}

/** One object that changes; null: it goes. */
export interface Difference {
  readonly at: Instant;
  readonly key: string;
  readonly after: Resource | null;
}

/** Changed objects of one commit. */
const CHUNK = 200;
const PAGE = 500;
/** Steps of other processes that are read one by one; beyond them all is read anew. */
const MOST_CAUGHT_UP = 200;
const HEAD = 'head of objects';
const OBJECT_TAG = 'object';
/** The sum is of so many bits: enough to tell states apart, and nobody gains by two that have one name. */
const BITS = 64;

function tagOf(resource: Resource): string {
  return isOfPods(resource) ? POD_CHANGE_TAG : POLICY_REVISION_TAG;
}

function objectId(key: string): string {
  return `object ${key}`;
}

function stepId(sequence: number): string {
  return `r${String(sequence).padStart(12, '0')}`;
}

/** Errors of this and what follows: Unavailable. */
export async function loadState(store: Store): Promise<State> {
  // The head first: what is written meanwhile is seen as a conflict.
  const [head] = await store.get('policy', [HEAD]);
  const objects = new Map<string, Resource>();
  let sum = 0n;
  for await (const { value } of listed(store, OBJECT_TAG)) {
    const resource = value as unknown as Resource;
    const key = objectKey(refOf(resource));
    objects.set(key, resource);
    sum += hashOf(key, resource);
  }
  const steps: KnownStep[] = [];
  for (const tag of [POLICY_REVISION_TAG, POD_CHANGE_TAG])
    for await (const document of listed(store, tag)) steps.push(knownStep(document, tag));
  steps.sort((a, b) => a.sequence - b.sequence);
  return { objects, steps, sequence: sequenceOf(head ?? null), since: headOf(head ?? null)?.since ?? null, sum };
}

async function* listed(store: Store, tag: string): AsyncGenerator<StoredDocument> {
  let after: Cursor | null = null;
  do {
    const page: readonly (StoredDocument & Cursor)[] = await store.list('policy', {
      tag,
      oldestFirst: true,
      limit: PAGE,
      ...(after && { after }),
    });
    yield* page;
    const last = page.at(-1);
    after = last === undefined || page.length < PAGE ? null : { sort: last.sort, id: last.id };
  } while (after !== null);
}

function knownStep({ id, value }: StoredDocument, tag: string): KnownStep {
  return { ...(value as unknown as Step), sequence: Number(id.slice(1)), tag };
}

interface Head {
  readonly sequence: number;
  readonly since: Instant | null;
}

function headOf(head: StoredDocument | null): Head | null {
  return head === null ? null : (head.value as unknown as Head);
}

function sequenceOf(head: StoredDocument | null): number | null {
  return headOf(head)?.sequence ?? null;
}

interface Saved {
  /** Those that are on disk, and in the state. */
  readonly changes: readonly Change[];
  /** False: another process wrote meanwhile. */
  readonly isWhole: boolean;
}

/** In chunks, each of which leaves a state that is whole in itself. `at`: when they are recorded. */
export async function saveDifferences(store: Store, state: State, differences: readonly Difference[], at: Instant | null): Promise<Saved> {
  const changes: Change[] = [];
  for (let from = 0; from < differences.length || state.sequence === null; from += CHUNK) {
    const [head = null] = await store.get('policy', [HEAD]);
    if (sequenceOf(head) !== state.sequence) return { changes, isWhole: false };
    const chunk = differences.slice(from, from + CHUNK);
    const isLast = from + CHUNK >= differences.length;
    // The first state of all has no past, and a head only when all of it is there.
    const steps = state.sequence === null ? [] : stepsOf(chunk, state);
    const sequence = state.sequence === null ? (isLast ? 0 : null) : state.sequence + steps.length;
    const since = state.since ?? at;
    const writes: Write[] = [...latest(chunk).map(objectWrite), ...steps.map(stepWrite)];
    if (sequence !== null) writes.push({ collection: 'policy', id: HEAD, expected: head?.revision ?? 0, value: { sequence, since } });
    if ((await store.commit({ writes })) !== 'done') return { changes, isWhole: false };
    if (state.sequence === null) for (const { key, after } of chunk) put(state, key, after);
    changes.push(...enterSteps(state, steps));
    if (sequence !== null) [state.sequence, state.since] = [sequence, since];
  }
  return { changes, isWhole: true };
}

/** An object that changes several times is written as it is at last. */
function latest(chunk: readonly Difference[]): readonly Difference[] {
  return [...new Map(chunk.map((difference) => [difference.key, difference])).values()];
}

function objectWrite({ key, after }: Difference): Write {
  return { collection: 'policy', id: objectId(key), expected: null, value: after as unknown as Write['value'], tags: [OBJECT_TAG] };
}

function stepWrite({ sequence, tag, at, entries }: MadeStep): Write {
  const undo = entries.map(({ key, before }) => ({ key, before })) as unknown as Write['value'];
  return { collection: 'policy', id: stepId(sequence), expected: 0, value: { at, undo }, tags: [tag], sort: at };
}

/** A step with what it led to. */
interface MadeStep extends Omit<KnownStep, 'undo'> {
  readonly entries: readonly (Undo & { readonly after: Resource | null })[];
}

/** One step for what happened at one moment, to the policy or to pods. Times never go back. */
function stepsOf(chunk: readonly Difference[], state: State): readonly MadeStep[] {
  const changed = new Map<string, Resource | null>();
  const steps: { at: Instant; tag: string; sequence: number; entries: MadeStep['entries'][number][] }[] = [];
  let latestAt = state.steps.at(-1)?.at ?? Number.NEGATIVE_INFINITY;
  for (const { at, key, after } of chunk) {
    latestAt = Math.max(latestAt, at);
    const before = (changed.has(key) ? changed.get(key) : state.objects.get(key)) ?? null;
    const tag = tagOf((after ?? before) as Resource);
    const last = steps.at(-1);
    const entry = { key, before, after };
    if (last !== undefined && last.at === latestAt && last.tag === tag) last.entries.push(entry);
    else steps.push({ at: latestAt, tag, sequence: (state.sequence ?? 0) + steps.length + 1, entries: [entry] });
    changed.set(key, after);
  }
  return steps;
}

/** Enters them into the state, and says what they change. */
function enterSteps(state: State, steps: readonly MadeStep[]): readonly Change[] {
  const changes: Change[] = [];
  for (const { at, entries } of steps) {
    for (const { key, before, after } of entries) {
      put(state, key, after);
      if (after !== null) changes.push({ at, type: 'applied', resource: after });
      else if (before !== null) changes.push({ at, type: 'deleted', resource: before });
    }
  }
  const known = steps.map(({ entries, ...step }) => ({ ...step, undo: entries.map(({ key, before }) => ({ key, before })) }));
  state.steps = [...state.steps, ...known];
  return changes;
}

function put(state: State, key: string, after: Resource | null): void {
  const before = state.objects.get(key);
  if (before !== undefined) state.sum -= hashOf(key, before);
  if (after === null) state.objects.delete(key);
  else {
    state.objects.set(key, after);
    state.sum += hashOf(key, after);
  }
}

/** What other processes recorded since, entered into the state. null: it is too much, or cannot be had piece by piece. */
export async function catchUp(store: Store, state: State): Promise<readonly Change[] | null> {
  const [head = null] = await store.get('policy', [HEAD]);
  const [from, to] = [state.sequence, sequenceOf(head)];
  if (from === null || to === null || to < from || to - from > MOST_CAUGHT_UP) return null;
  const missed = Array.from({ length: to - from }, (_, i) => from + i + 1);
  const documents = missed.length === 0 ? [] : await store.get('policy', missed.map(stepId));
  if (documents.some((document) => document === null)) return null;
  const steps = documents.map((document) => document?.value as unknown as Step);
  const keys = [...new Set(steps.flatMap(({ undo }) => undo.map(({ key }) => key)))];
  const objects = keys.length === 0 ? [] : await store.get('policy', keys.map(objectId));
  const [headNow = null] = await store.get('policy', [HEAD]);
  if (sequenceOf(headNow) !== to) return null;
  // What each step led to is what the next one replaced, and at last what is there.
  const state0 = new Map(keys.map((key, i) => [key, (objects[i]?.value ?? null) as unknown as Resource | null]));
  const made = steps.toReversed().map(({ at, undo }, i): MadeStep => {
    const entries = undo.toReversed().map(({ key, before }) => {
      const after = state0.get(key) ?? null;
      state0.set(key, before);
      return { key, before, after };
    });
    const [first] = entries;
    const tag = tagOf((first?.after ?? first?.before) as Resource);
    return { at, tag, sequence: to - i, entries: entries.toReversed() };
  });
  state.sequence = to;
  return enterSteps(state, made.toReversed());
}

function hashOf(key: string, resource: Resource): bigint {
  return createHash('sha256').update(key).update('\0').update(contentOf(resource)).digest().readBigUInt64BE(0);
}

/** The same for the same objects, in every process. */
export function nameOfState({ sum }: State): string {
  return BigInt.asUintN(BITS, sum)
    .toString(16)
    .padStart(BITS / 4, '0');
}
