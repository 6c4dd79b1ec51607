/**
 * The policy over time, as it is recorded: the objects as they are now, and for each change what it replaced. So the oldest changes can go without
 * harm to the newer ones, and the past is rebuilt by undoing. Changes of pods and what comes and goes with them are counted apart: however many
 * there are, they push out no change of the policy itself.
 */
import { Unavailable } from '../errors.ts';
import { isSameContent } from '../policy/kept.ts';
import { type Change, type Instant, objectKey, type Resource, refOf } from '../policy/resource.ts';
import type { ObjectChange } from '../policy/snapshot.ts';
import type { Store } from '../ports.ts';
import { catchUp, type Difference, loadState, nameOfState, type State, type Step, saveDifferences } from './policy-steps.ts';
import { POD_CHANGE_TAG, POLICY_REVISION_TAG } from './timed.ts';

/** Changes in the order of their times. */
export interface TimedEdit {
  readonly at: Instant;
  readonly change: ObjectChange;
}

export interface RecordedPolicy {
  /** In order of time; the objects of the oldest known state first, without a time. Takes time in proportion to all there is. */
  changes(): readonly Change[];
  /** What is new in it since the last call; null: not known, `changes` tells. */
  readonly added: readonly Change[] | null;
  /** A name for the present state: the same objects have the same one, in every process. */
  readonly revision: string;
  /** The last moment that is recorded, be it that of the first state; null: none is. */
  readonly last: Instant | null;
}

export interface PolicyRecord {
  /** As it was left; null: nothing is recorded yet. Errors: Unavailable. */
  recorded(): Promise<RecordedPolicy | null>;
  /** Records what differs from the last known state, these being all objects. Errors: Unavailable. */
  record(resources: readonly Resource[], at: Instant, options?: RecordOptions): Promise<RecordedPolicy>;
  /** Records these changes, as far as they are new. Errors: Unavailable. */
  edit(edits: readonly TimedEdit[]): Promise<RecordedPolicy>;
}

export interface RecordOptions {
  /** What is not among the given objects, and stays: nobody could look for it. */
  readonly stays?: (resource: Resource) => boolean;
  /** When an object came to be as it is, if that is known better than by `at`; `last` is the last moment that is recorded. */
  readonly since?: (resource: Resource, last: Instant | null) => Instant;
}

export interface RecordBounds {
  /** Changes that are kept in memory; the store's are dropped by `retain`. */
  readonly policyRevisions: number;
  readonly podChanges: number;
}

const MOST_CONFLICTS = 20;
/** By how much more than the bound is kept until the oldest go. */
const SLACK = 1.25;

export function createPolicyRecord(store: Store, bounds: RecordBounds): PolicyRecord {
  let known: State | null = null;

  async function enter(at: Instant | null, differencesTo: (state: State) => readonly Difference[]): Promise<RecordedPolicy> {
    let added: Change[] | null = known === null ? null : [];
    for (let attempt = 0; attempt < MOST_CONFLICTS; attempt++) {
      if (known === null) [known, added] = [await loadState(store), null];
      const state: State = known;
      const differences = differencesTo(state);
      if (differences.length === 0 && state.sequence !== null) return recorded(state, added);
      const isFirst = state.sequence === null;
      const outcome = await saveDifferences(store, state, differences, at);
      if (isFirst) added = null;
      else added?.push(...outcome.changes);
      if (outcome.isWhole) {
        if (trim(state, bounds)) added = null;
        return recorded(state, added);
      }
      const others = await catchUp(store, state);
      if (others === null) known = null;
      else added?.push(...others);
    }
    throw new Unavailable('too many processes record the policy at once', 'It is recorded in a moment.');
  }

  return {
    async recorded() {
      known ??= await loadState(store);
      return known.sequence === null ? null : recorded(known, null);
    },
    record(given, at, { stays = () => false, since = () => at } = {}) {
      const resources = new Map(given.map((resource) => [objectKey(refOf(resource)), withoutOrigin(resource)]));
      return enter(at, (state) => {
        const { objects } = state;
        const last = lastOf(state);
        const changed = [...resources].filter(([key, resource]) => differs(objects.get(key), resource));
        const gone = [...objects].filter(([key, resource]) => !resources.has(key) && !stays(resource));
        const differences = [
          ...gone.map(([key]) => ({ at, key, after: null })),
          ...changed.map(([key, after]) => ({ at: since(after, last), key, after })),
        ];
        return differences.toSorted((a, b) => a.at - b.at);
      });
    },
    edit(edits) {
      const wanted = edits.map(({ at, change }): Difference => {
        if ('delete' in change) return { at, key: objectKey(change.delete), after: null };
        return { at, key: objectKey(refOf(change.apply)), after: withoutOrigin(change.apply) };
      });
      return enter(edits.at(-1)?.at ?? null, ({ objects }) => newIn(objects, wanted));
    },
  };
}

function recorded(state: State, added: readonly Change[] | null): RecordedPolicy {
  const { objects, steps } = state;
  return {
    changes: () => changesOf(objects, steps),
    added,
    revision: nameOfState(state),
    last: lastOf(state),
  };
}

function lastOf({ steps, since }: State): Instant | null {
  return steps.at(-1)?.at ?? since;
}

function differs(before: Resource | undefined, after: Resource): boolean {
  return before === undefined || !isSameContent(before, after);
}

/** Of changes one after another those that change something. */
function newIn(objects: ReadonlyMap<string, Resource>, wanted: readonly Difference[]): readonly Difference[] {
  const changed = new Map<string, Resource | null>();
  return wanted.filter(({ key, after }) => {
    const before = changed.has(key) ? changed.get(key) : objects.get(key);
    if (after === null ? before == null : !differs(before ?? undefined, after)) return false;
    changed.set(key, after);
    return true;
  });
}

function withoutOrigin({ origin: _, ...resource }: Resource): Resource {
  return resource;
}

/** True: some went. Of each sort the oldest go, when they are too many by far. */
function trim(state: State, { policyRevisions, podChanges }: RecordBounds): boolean {
  const most: ReadonlyMap<string, number> = new Map([
    [POLICY_REVISION_TAG, policyRevisions],
    [POD_CHANGE_TAG, podChanges],
  ]);
  const counts = new Map<string, number>();
  for (const { tag } of state.steps) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  const isTooMany = [...counts].some(([tag, count]) => count > Math.ceil((most.get(tag) ?? 0) * SLACK));
  if (!isTooMany) return false;
  state.steps = state.steps.filter(({ tag }) => {
    const left = counts.get(tag) ?? 0;
    counts.set(tag, left - 1);
    return left <= (most.get(tag) ?? 0);
  });
  return true;
}

function changesOf(objects: ReadonlyMap<string, Resource>, steps: readonly Step[]): readonly Change[] {
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
