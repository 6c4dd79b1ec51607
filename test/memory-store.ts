/** A store and a queue in memory: the ports with nothing behind them, for tests of what stands on them. */
import { setImmediate as turn } from 'node:timers/promises';
import { Unavailable } from '../src/errors.ts';
import type { Commit, CommitResult, Cursor, Json, ParkedJob, Queue, Store, StoredDocument, StoredEvent, Write } from '../src/ports.ts';

interface Row {
  readonly revision: number;
  readonly value: string;
  readonly tags: readonly string[];
  readonly sort: number;
}

/** What a process leaves behind. */
export interface Memory {
  readonly rows: Map<string, Map<string, Row>>;
  readonly batches: Map<string, number>;
  readonly events: StoredEvent[];
  readonly leases: Map<string, { holder: string; until: number }>;
  sequence: number;
}

export function createMemory(): Memory {
  return { rows: new Map(), batches: new Map(), events: [], leases: new Map(), sequence: 0 };
}

export interface MemoryStore extends Store {
  /** While set, every call fails with it. */
  fail(error: Error | null): void;
}

const copy = (value: Json): Json => JSON.parse(JSON.stringify(value));

/** Every call gives way once, so that writers interleave. */
export function createMemoryStore(memory: Memory = createMemory(), now: () => number = Date.now): MemoryStore {
  let fault: Error | null = null;
  const begin = async () => {
    await turn();
    if (fault !== null) throw fault;
  };
  const collection = (name: string) => {
    const known = memory.rows.get(name) ?? new Map<string, Row>();
    memory.rows.set(name, known);
    return known;
  };
  const apply = ({ collection: name, id, value, tags = [], sort = 0 }: Write) => {
    const rows = collection(name);
    const revision = (rows.get(id)?.revision ?? 0) + 1;
    if (value === null) rows.delete(id);
    else rows.set(id, { revision, value: JSON.stringify(value), tags: [...new Set(tags)], sort });
  };
  const commitNow = ({ writes, batches = [], events = [] }: Commit): CommitResult => {
    const known = batches.filter(({ id }) => (memory.batches.get(id) ?? 0) > now()).map(({ id }) => id);
    if (known.length > 0) return { known };
    for (const { collection: name, id, expected } of writes)
      if (expected !== null && (collection(name).get(id)?.revision ?? 0) !== expected) return 'conflict';
    for (const write of writes) apply(write);
    for (const { id, expiresAt } of batches) memory.batches.set(id, expiresAt);
    for (const value of events) memory.events.push({ sequence: ++memory.sequence, value: copy(value) });
    return 'done';
  };
  /** Highest sort first, then by id. */
  const order = (a: Cursor, b: Cursor) => b.sort - a.sort || Buffer.compare(Buffer.from(a.id), Buffer.from(b.id));
  const ordered = (name: string, tag: string | undefined) =>
    [...collection(name)]
      .filter(([, row]) => tag === undefined || row.tags.includes(tag))
      .map(([id, row]): StoredDocument & Cursor => ({ id, revision: row.revision, value: JSON.parse(row.value), sort: row.sort }))
      .sort(order);

  return {
    fail(error) {
      fault = error;
    },
    async get(name, ids) {
      await begin();
      return ids.map((id) => {
        const row = collection(name).get(id);
        return row === undefined ? null : { id, revision: row.revision, value: JSON.parse(row.value) };
      });
    },
    async list(name, { tag, after, oldestFirst = false, limit }) {
      await begin();
      const way = oldestFirst ? -1 : 1;
      const all = oldestFirst ? ordered(name, tag).reverse() : ordered(name, tag);
      return all.filter((d) => after === undefined || way * order(d, after) > 0).slice(0, limit);
    },
    async count(name, tag) {
      await begin();
      return ordered(name, tag).length;
    },
    async commit(commit) {
      await begin();
      return commitNow(commit);
    },
    async lastEvent() {
      await begin();
      return memory.events.at(-1)?.sequence ?? 0;
    },
    async events(after, limit) {
      await begin();
      return memory.events.filter(({ sequence }) => sequence > after).slice(0, limit);
    },
    async trim({ keep, now: at, most }) {
      await begin();
      const events = memory.events.splice(0, Math.min(most, Math.max(0, memory.events.length - keep))).length;
      const expired = [...memory.batches].filter(([, until]) => until <= at).slice(0, most);
      for (const [id] of expired) memory.batches.delete(id);
      return events + expired.length;
    },
    async lease(name, holder, milliseconds) {
      await begin();
      const held = memory.leases.get(name);
      if (held !== undefined && held.holder !== holder && held.until > now()) return false;
      memory.leases.set(name, { holder, until: now() + milliseconds });
      return true;
    },
    async release(name, holder) {
      await begin();
      if (memory.leases.get(name)?.holder === holder) memory.leases.delete(name);
    },
    durability: () => 'Everything acknowledged here survives as long as the process.',
    ping: begin,
    async close() {},
  };
}

export interface MemoryQueue extends Queue {
  readonly added: string[];
  park(job: ParkedJob): void;
  /** Runs everything that waits. */
  work(run: (id: string) => Promise<void>): Promise<void>;
}

export function createMemoryQueue(): MemoryQueue {
  const added: string[] = [];
  const parked = new Map<string, ParkedJob>();
  let waiting: string[] = [];
  return {
    added,
    park: (job) => void parked.set(job.id, job),
    async add(ids) {
      added.push(...ids);
      waiting = [...new Set([...waiting, ...ids])];
    },
    process() {},
    async work(run) {
      while (waiting.length > 0) {
        const ids = waiting;
        waiting = [];
        for (const id of ids) await run(id);
      }
    },
    counts: async () => ({ waiting: waiting.length, active: 0, delayed: 0, parked: parked.size }),
    parked: async (limit) => [...parked.values()].slice(0, limit),
    retry: async (id) => parked.delete(id),
    async close() {},
  };
}

export const outage = new Unavailable('the store is gone', 'Bring it back.');
