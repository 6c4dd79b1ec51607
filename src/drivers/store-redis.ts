/** The store in Redis, for any number of processes. The form of what stands there is in redis-scripts.ts. */
import type { Redis } from 'ioredis';
import { Unavailable } from '../errors.ts';
import type { Collection, Commit, CommitResult, Cursor, Json, Store, StoredDocument, Write } from '../ports.ts';
import { connectRedis, durabilityOf, type RedisClient, type RedisOptions, readRedisFacts, refusalOf } from './redis.ts';
import { COMMIT, GET, LEASE, LIST, RELEASE, type Script, TRIM } from './redis-scripts.ts';

export interface RedisStoreOptions extends RedisOptions {
  /** Begins every key; stores with other prefixes do not see each other. */
  readonly prefix: string;
}

/**
 * Connects and checks version, memory policy and persistence, now and after each reconnect.
 * Errors: InvalidInput (too old, evicts, no Redis URL), Unavailable (absent, refused, a replica).
 */
export async function createRedisStore({ prefix, ...options }: RedisStoreOptions): Promise<Store> {
  const client = await connectRedis(options, 'requests');
  const { redis } = client;
  const answer = createAnswer(client);
  const check = createCheck(redis);
  const scripts = defineScripts(redis);
  try {
    await answer(check.run());
  } catch (error) {
    await client.close();
    throw error;
  }
  redis.on('ready', () => void check.run().catch(() => undefined));

  const write = <T>(call: () => Promise<T>): Promise<T> => {
    const refusal = check.refusal();
    return refusal === null ? answer(call()) : Promise.reject(refusal);
  };
  return {
    get: (collection, ids) => answer(get(scripts.get, `${prefix}:doc:${collection}:`, ids)),
    list: (collection, listing) => answer(list(scripts.list, prefix, collection, listing)),
    count: (collection, tag) => answer(redis.zcard(indexOf(prefix, collection, tag))),
    commit: (commit) => write(() => scripts.commit(commitArguments(prefix, commit))).then(toResult),
    events: (after, limit) => answer(events(redis, `${prefix}:events`, after, limit)),
    lastEvent: () => answer(lastEvent(redis, `${prefix}:events`)),
    trim: ({ keep, most }) => write(async () => Number(await scripts.trim([`${prefix}:events`, keep, most]))),
    lease: (name, holder, milliseconds) =>
      write(async () => (await scripts.lease([`${prefix}:lease:${name}`, holder, milliseconds])) === 1),
    async release(name, holder) {
      await write(() => scripts.release([`${prefix}:lease:${name}`, holder]));
    },
    durability: check.durability,
    async ping() {
      if (check.refusal() !== null) await answer(check.run());
      await write(() => redis.set(`${prefix}:ping`, '', 'PX', 1));
    },
    close: client.close,
  };
}

function createAnswer(client: RedisClient): <T>(command: Promise<T>) => Promise<T> {
  return async (command) => {
    try {
      return await command;
    } catch (error) {
      throw client.fault(error);
    }
  };
}

/** Keeps what was found at the last connection. A Redis that must not be used is refused until `run` finds it in order. */
function createCheck(redis: Redis) {
  let durability = '';
  let refusal: Unavailable | null = null;
  return {
    /** Errors: why this Redis must not be used; what ioredis throws. */
    async run(): Promise<void> {
      const facts = await readRedisFacts(redis);
      durability = durabilityOf(facts);
      const found = refusalOf(facts);
      refusal = found === null ? null : new Unavailable(found.message, found.remedy);
      if (found !== null) throw found;
    },
    durability: () => durability,
    refusal: () => refusal,
  };
}

type Call = (values: readonly (string | number)[]) => Promise<unknown>;

function defineScripts(redis: Redis): { get: Call; commit: Call; list: Call; trim: Call; lease: Call; release: Call } {
  const define = (name: string, script: Script): Call => {
    redis.defineCommand(name, script);
    const command: unknown = Reflect.get(redis, name);
    if (typeof command !== 'function') throw new TypeError(`ioredis did not define ${name}`);
    return (values) => command.call(redis, values);
  };
  return {
    get: define('denywhyGet', GET),
    commit: define('denywhyCommit', COMMIT),
    list: define('denywhyList', LIST),
    trim: define('denywhyTrim', TRIM),
    lease: define('denywhyLease', LEASE),
    release: define('denywhyRelease', RELEASE),
  };
}

function indexOf(prefix: string, collection: Collection, tag: string | undefined): string {
  return tag === undefined ? `${prefix}:all:${collection}` : `${prefix}:tag:${collection}:${tag}`;
}

/** The port's order is by falling sort, a zset's by rising score. Its own inverse; never -0. */
function negated(value: number): number {
  return 0 - value;
}

/** Documents of one call of the script: it holds Redis up for no longer than a fraction of a millisecond. */
const MOST_AT_ONCE = 500;

/** One command for many documents: a command each would cost more than the documents. */
async function get(call: Call, prefix: string, ids: readonly string[]): Promise<readonly (StoredDocument | null)[]> {
  if (ids.length > MOST_AT_ONCE)
    return [...(await get(call, prefix, ids.slice(0, MOST_AT_ONCE))), ...(await get(call, prefix, ids.slice(MOST_AT_ONCE)))];
  if (ids.length === 0) return [];
  const answer = await call([prefix, ...ids]);
  const fields: readonly unknown[] = Array.isArray(answer) ? answer : [];
  return ids.map((id, i) => {
    const [revision, value] = [fields[2 * i], fields[2 * i + 1]];
    return typeof revision === 'string' && typeof value === 'string' ? { id, revision: Number(revision), value: JSON.parse(value) } : null;
  });
}

async function list(
  call: Call,
  prefix: string,
  collection: Collection,
  { tag, after, oldestFirst = false, limit }: Parameters<Store['list']>[1],
): Promise<readonly (StoredDocument & Cursor)[]> {
  const from = after === undefined ? ['', ''] : [negated(after.sort), after.id];
  const direction = oldestFirst ? 'backwards' : 'forwards';
  const answer = await call([indexOf(prefix, collection, tag), `${prefix}:doc:${collection}:`, direction, limit, ...from]);
  const fields = Array.isArray(answer) ? answer.map(String) : [];
  return Array.from({ length: fields.length / 4 }, (_, index) => {
    const [id = '', score = '0', revision = '0', value = 'null'] = fields.slice(index * 4, index * 4 + 4);
    return { id, sort: negated(Number(score)), revision: Number(revision), value: JSON.parse(value) };
  });
}

function commitArguments(prefix: string, { writes, batches = [], events = [] }: Commit): readonly (string | number)[] {
  return [
    prefix,
    batches.length,
    ...batches.flatMap(({ id, expiresAt }) => [id, Math.max(1, Math.ceil(expiresAt))]),
    writes.length,
    ...writes.flatMap(writeArguments),
    events.length,
    ...events.map((event) => JSON.stringify(event)),
  ];
}

function writeArguments({ collection, id, expected, value, sort = 0, tags = [] }: Write): readonly (string | number)[] {
  const names = [...new Set(tags)];
  const [kind, text] = value === null ? ['delete', ''] : ['put', JSON.stringify(value)];
  return [collection, id, expected ?? '', kind, text, negated(sort), names.length, ...names];
}

function toResult(answer: unknown): CommitResult {
  if (answer === 'done' || answer === 'conflict') return answer;
  if (Array.isArray(answer)) return { known: answer.map(String) };
  throw new TypeError('Redis gave an answer that the commit script does not have');
}

async function lastEvent(redis: Redis, key: string): Promise<number> {
  const [last] = await redis.xrevrange(key, '+', '-', 'COUNT', 1);
  return last === undefined ? 0 : Number.parseInt(last[0], 10);
}

async function events(redis: Redis, key: string, after: number, limit: number) {
  const entries = await redis.xrange(key, `${after + 1}-0`, '+', 'COUNT', limit);
  return entries.map(([id, [, value = 'null']]) => ({ sequence: Number.parseInt(id, 10), value: JSON.parse(value) as Json }));
}
