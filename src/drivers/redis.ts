/** A connection to Redis, and what Redis says of itself. What stands on it: store-redis.ts and queue-bullmq.ts. */
import type { Redis } from 'ioredis';
import { InvalidInput, Unavailable } from '../errors.ts';
import { redisFault } from './redis-faults.ts';

export interface RedisOptions {
  /** `redis://` or `rediss://` (TLS), with user, password and database where needed. */
  readonly url: string;
  /** How long to wait for the first connection, and for any answer, in milliseconds. */
  readonly timeout: number;
}

/** What a connection is for. `work` waits for Redis as long as it takes; `requests` is told at once that Redis is gone. */
export type RedisUse = 'requests' | 'work';

export interface RedisClient {
  readonly redis: Redis;
  /** What a failed command means, for people; anything else as it came. */
  fault(error: unknown): unknown;
  close(): Promise<void>;
}

const LONGEST_RECONNECT_DELAY = 2000;
/** A primary that became a replica is left for whatever its name stands for now, but not more often than this (ms). */
const READONLY_RECONNECT_INTERVAL = 5000;

/** Connects, and from then on reconnects by itself. Errors: InvalidInput (the URL), Unavailable (no answer, refused, wrong password). */
export async function connectRedis(options: RedisOptions, use: RedisUse): Promise<RedisClient> {
  const place = placeOf(options.url);
  const { Redis } = await import('ioredis');
  let lastReconnect = 0;
  const redis = new Redis(options.url, {
    connectTimeout: options.timeout,
    ...(use === 'work'
      ? { maxRetriesPerRequest: null }
      : {
          maxRetriesPerRequest: 0,
          enableOfflineQueue: false,
          autoResendUnfulfilledCommands: false,
          commandTimeout: options.timeout,
        }),
    retryStrategy: (times) => Math.min(LONGEST_RECONNECT_DELAY, 50 * 2 ** Math.min(times, 10)),
    reconnectOnError(error) {
      if (!error.message.startsWith('READONLY') || Date.now() - lastReconnect < READONLY_RECONNECT_INTERVAL) return false;
      lastReconnect = Date.now();
      return 1;
    },
  });
  let cause: Error | null = null;
  redis.on('error', (error: Error) => {
    cause = error;
  });
  redis.on('ready', () => {
    cause = null;
  });
  const fault = (error: unknown) => redisFault(error, place, cause);
  try {
    await connected(redis, options.timeout);
  } catch (error) {
    redis.disconnect();
    throw fault(cause ?? error);
  }
  return {
    redis,
    fault,
    async close() {
      if (redis.status === 'ready') await redis.quit().catch(() => redis.disconnect());
      else redis.disconnect();
    },
  };
}

/** Host, port and database, without the secrets. */
function placeOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !(parsed.protocol === 'redis:' || parsed.protocol === 'rediss:'))
    throw new InvalidInput(
      'The address of Redis is not a URL of the form redis://HOST:PORT/DATABASE.',
      'Use redis://, or rediss:// for TLS.',
    );
  const database = parsed.pathname.length > 1 ? parsed.pathname : '';
  return `${parsed.hostname}:${parsed.port === '' ? 6379 : parsed.port}${database}`;
}

/** A refused connection is tried again until the deadline: Redis may be starting. */
async function connected(redis: Redis, timeout: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error('Command timed out')), timeout);
  redis.once('ready', resolve);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** What INFO and CONFIG say that matters here. */
export interface RedisFacts {
  readonly version: string;
  readonly isReplica: boolean;
  readonly maxmemoryPolicy: string;
  readonly isAppendOnly: boolean;
  /** null: CONFIG is not permitted. */
  readonly appendfsync: string | null;
  /** The snapshot schedule, empty without one; null: CONFIG is not permitted. */
  readonly save: string | null;
}

/** Errors: as ioredis gives them. */
export async function readRedisFacts(redis: Redis): Promise<RedisFacts> {
  const info = new Map(
    (await redis.info()).split('\r\n').map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
  const setting = async (name: string): Promise<string | null> => {
    const answer: unknown = await redis.config('GET', name).catch(() => null);
    return Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] : null;
  };
  return {
    version: info.get('redis_version') ?? '0',
    isReplica: info.get('role') === 'slave',
    maxmemoryPolicy: info.get('maxmemory_policy') ?? 'noeviction',
    isAppendOnly: info.get('aof_enabled') === '1',
    appendfsync: await setting('appendfsync'),
    save: await setting('save'),
  };
}

/** The version that brought SET with PXAT and list positions, which store and queue use. */
const OLDEST = [6, 2] as const;

/** Why this Redis must not be used; null: it may be. */
export function refusalOf(facts: RedisFacts): InvalidInput | Unavailable | null {
  const [major = 0, minor = 0] = facts.version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    return new InvalidInput(`Redis is version ${facts.version}, which is too old.`, `Use Redis ${OLDEST.join('.')} or newer.`);
  if (facts.maxmemoryPolicy !== 'noeviction')
    return new InvalidInput(
      `Redis may throw incidents away when its memory is full (maxmemory-policy ${facts.maxmemoryPolicy}).`,
      'Set `maxmemory-policy noeviction` in redis.conf, or by CONFIG SET, or give denywhy a Redis of its own.',
    );
  if (facts.isReplica)
    return new Unavailable('Redis is a read-only replica.', 'Name the primary in the address of Redis, or wait for the failover to end.');
  return null;
}

/** One sentence: what survives. Nothing here is lost when denywhy's own process ends, however it ends. */
export function durabilityOf({ isAppendOnly, appendfsync, save }: RedisFacts): string {
  const start = 'Everything acknowledged is in Redis and survives the loss of this process';
  if (isAppendOnly) {
    if (appendfsync === 'always') return `${start} and of Redis and its machine (appendonly yes, appendfsync always).`;
    if (appendfsync === 'everysec')
      return `${start} and of Redis; the loss of Redis' machine may take about the last second (appendonly yes, appendfsync everysec).`;
    if (appendfsync === 'no')
      return `${start} and of Redis; the loss of Redis' machine may take the last half minute (appendonly yes, appendfsync no).`;
    return `${start} and of Redis; what the loss of Redis' machine takes is unknown (appendonly yes, CONFIG GET appendfsync is not permitted).`;
  }
  if (save === null) return `${start}; what the loss of Redis takes is unknown (appendonly no, CONFIG GET save is not permitted).`;
  if (save === '') return `${start}, but not the loss of Redis, which keeps nothing on disk (appendonly no, no snapshots).`;
  return `${start}; the loss of Redis takes everything since its last snapshot (appendonly no, save ${save}).`;
}
