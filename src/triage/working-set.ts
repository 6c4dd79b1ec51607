/** The documents that one decision touches: each read once, changed in memory, committed together against the revisions that were read. */
import type { Collection, Commit, CommitResult, Json, Store, Write } from '../ports.ts';

interface Held {
  readonly revision: number;
  value: Json;
  changed: boolean;
  tags: readonly string[];
  sort: number;
}

export interface WorkingSet {
  /** Reads many at once, so that later reads find them here. */
  load(collection: Collection, ids: Iterable<string>): Promise<void>;
  /** null: there is none. The document must have been loaded. */
  get<T>(collection: Collection, id: string): T | null;
  put(collection: Collection, id: string, value: object, index?: { readonly tags?: readonly string[]; readonly sort?: number }): void;
  delete(collection: Collection, id: string): void;
  event(value: object): void;
  /** Commits all that was changed. */
  commit(batches: NonNullable<Commit['batches']>): Promise<CommitResult>;
}

export function createWorkingSet(store: Store): WorkingSet {
  const held = new Map<string, Held>();
  const events: Json[] = [];
  const key = (collection: Collection, id: string) => `${collection} ${id}`;

  function heldAt(collection: Collection, id: string): Held {
    const found = held.get(key(collection, id));
    if (found === undefined) throw new Error(`${collection} ${id} was not loaded`);
    return found;
  }
  function change(collection: Collection, id: string, value: Json, tags: readonly string[], sort: number): void {
    const entry = heldAt(collection, id);
    held.set(key(collection, id), { ...entry, value, tags, sort, changed: true });
  }

  return {
    async load(collection, ids) {
      const missing = [...new Set(ids)].filter((id) => !held.has(key(collection, id)));
      if (missing.length === 0) return;
      const documents = await store.get(collection, missing);
      for (const [i, id] of missing.entries()) {
        const document = documents[i] ?? null;
        held.set(key(collection, id), {
          revision: document?.revision ?? 0,
          value: document?.value ?? null,
          changed: false,
          tags: [],
          sort: 0,
        });
      }
    },
    get: <T>(collection: Collection, id: string) => heldAt(collection, id).value as T | null,
    put: (collection, id, value, index) => change(collection, id, value as Json, index?.tags ?? [], index?.sort ?? 0),
    delete: (collection, id) => change(collection, id, null, [], 0),
    event: (value) => {
      events.push(value as Json);
    },
    commit(batches) {
      const writes: Write[] = [];
      for (const [name, { revision, value, changed, tags, sort }] of held) {
        if (!changed) continue;
        const space = name.indexOf(' ');
        writes.push({ collection: name.slice(0, space) as Collection, id: name.slice(space + 1), expected: revision, value, tags, sort });
      }
      return store.commit({ writes, batches, events });
    },
  };
}
