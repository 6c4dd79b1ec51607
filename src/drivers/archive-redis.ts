/** The Redis store as a whole. The form of what stands there is in redis-scripts.ts. */
import type { Redis } from 'ioredis';
import { type Archive, type Archived, COLLECTIONS, type Collection } from '../ports.ts';
import { connectRedis, type RedisOptions } from './redis.ts';
import { ARCHIVE_BATCHES, ARCHIVE_DOCUMENTS, RESTORE } from './redis-archive-scripts.ts';

/** Things that are read at a time. */
const STEP = 100;

export interface RedisArchiveOptions extends RedisOptions {
  readonly prefix: string;
}

/** Connects. `close` when done. Errors: InvalidInput (the URL), Unavailable. */
export async function createRedisArchive({ prefix, ...options }: RedisArchiveOptions): Promise<Archive & { close(): Promise<void> }> {
  const { redis, fault, close } = await connectRedis(options, 'requests');
  const answer = <T>(command: Promise<T>): Promise<T> => command.catch((error: unknown) => Promise.reject(fault(error)));
  const first = async (things: AsyncIterable<readonly Archived[]>) => {
    for await (const some of things) if (some.length > 0) return true;
    return false;
  };
  async function* read(): AsyncGenerator<readonly Archived[]> {
    for (const collection of COLLECTIONS) yield* documents(redis, prefix, collection);
    yield* batches(redis, prefix);
    yield* events(redis, prefix);
  }
  return {
    isEmpty: () => answer(first(read()).then((found) => !found)),
    async *read() {
      try {
        yield* read();
      } catch (error) {
        throw fault(error);
      }
    },
    async write(things) {
      await answer(redis.eval(RESTORE, 0, prefix, ...things.flatMap(restoreArguments)));
    },
    close,
  };
}

/** ZSCAN gives all that stays, while others write; what it gives twice is the same. */
async function* documents(redis: Redis, prefix: string, collection: Collection): AsyncGenerator<readonly Archived[]> {
  let cursor = '0';
  do {
    const [next, members] = await redis.zscan(`${prefix}:all:${collection}`, cursor, 'COUNT', STEP);
    cursor = next;
    const ids = members.filter((_, i) => i % 2 === 0);
    const found: unknown = await redis.eval(ARCHIVE_DOCUMENTS, 0, prefix, collection, ...ids);
    const rows = Array.isArray(found) ? found : [];
    yield rows.map(([id, revision, score, value, ...tags]) => ({
      type: 'document',
      collection,
      id: String(id),
      revision: Number(revision),
      sort: 0 - Number(score),
      tags: tags.map(String),
      value: JSON.parse(String(value)),
    }));
  } while (cursor !== '0');
}

async function* batches(redis: Redis, prefix: string): AsyncGenerator<readonly Archived[]> {
  const start = `${prefix}:batch:`;
  const pattern = `${start.replace(/[\\*?[\]^]/g, '\\$&')}*`;
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', STEP);
    cursor = next;
    const found: unknown = await redis.eval(ARCHIVE_BATCHES, keys.length, ...keys);
    const expiries = Array.isArray(found) ? found.map(Number) : [];
    yield keys
      .map((key, i) => ({ type: 'batch' as const, id: key.slice(start.length), expiresAt: expiries[i] ?? 0 }))
      .filter(({ expiresAt }) => expiresAt > 0);
  } while (cursor !== '0');
}

async function* events(redis: Redis, prefix: string): AsyncGenerator<readonly Archived[]> {
  let after = 0;
  for (;;) {
    const entries = await redis.xrange(`${prefix}:events`, `${after + 1}-0`, '+', 'COUNT', STEP);
    if (entries.length === 0) return;
    const things = entries.map(([id, [, value = 'null']]) => ({
      type: 'event' as const,
      sequence: Number.parseInt(id, 10),
      value: JSON.parse(value),
    }));
    after = things.at(-1)?.sequence ?? after;
    yield things;
  }
}

function restoreArguments(thing: Archived): readonly (string | number)[] {
  if (thing.type === 'batch') return ['batch', thing.id, Math.max(1, Math.ceil(thing.expiresAt))];
  if (thing.type === 'event') return ['event', thing.sequence, JSON.stringify(thing.value)];
  const { collection, id, revision, sort, tags, value } = thing;
  return ['document', collection, id, revision, 0 - sort, JSON.stringify(value), tags.length, ...tags];
}
