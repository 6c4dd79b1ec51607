/** Store, queue and publisher of the configured kind. */
import { join } from 'node:path';
import type { Config } from '../config-schema.ts';
import { createIncidentPublisher } from '../drivers/publisher-bullmq.ts';
import { createBullmqQueue } from '../drivers/queue-bullmq.ts';
import { createEmbeddedQueue } from '../drivers/queue-embedded.ts';
import { openSqlite } from '../drivers/sqlite.ts';
import { createRedisStore } from '../drivers/store-redis.ts';
import { createSqliteStore } from '../drivers/store-sqlite.ts';
import type { Instant } from '../policy/resource.ts';
import type { Publisher, Queue, Store } from '../ports.ts';

export interface Stores {
  readonly store: Store;
  readonly queue: Queue;
  /** null: switched off, or SQLite, which other programs do not reach. */
  readonly publisher: Publisher | null;
}

const BACKOFF = { first: 1000, longest: 60_000 };
/** How long Redis may take for an answer. */
export const REDIS_TIMEOUT = 3000;
/** How long the work of a process that is gone stays its own. */
const LOCK = 30_000;
export const SQLITE_FILE = 'denywhy.db';
const WORK = 'work';

/** Errors: InvalidInput, Unavailable. */
export async function openStores(config: Config, now: () => Instant): Promise<Stores> {
  return config.store.driver === 'sqlite' ? openEmbedded(config, now) : openRedis(config);
}

async function openEmbedded({ store: { directory }, queue: { concurrency, attempts } }: Config, now: () => Instant): Promise<Stores> {
  const file = openSqlite(join(directory, SQLITE_FILE));
  try {
    const store = createSqliteStore(file, now);
    return { store, queue: await createEmbeddedQueue(file, now, { concurrency, attempts, backoff: BACKOFF }), publisher: null };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openRedis({ redis: { url, prefix }, queue: { concurrency, attempts }, publish }: Config): Promise<Stores> {
  const options = { url, timeout: REDIS_TIMEOUT, prefix };
  const opened: { close(): Promise<unknown> }[] = [];
  try {
    const store = await createRedisStore(options);
    opened.push(store);
    const queue = await createBullmqQueue({ ...options, name: WORK, concurrency, attempts, backoff: BACKOFF, lock: LOCK });
    opened.push({ close: () => queue.close(0) });
    const { queues, waiting } = publish;
    const publisher = queues.length === 0 ? null : await createIncidentPublisher({ ...options, queues, mostWaiting: waiting });
    return { store, queue, publisher };
  } catch (error) {
    for (const part of opened.reverse()) await part.close();
    throw error;
  }
}
