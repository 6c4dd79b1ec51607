/** The configured store as a whole, while no denywhy works on it. */
import { join } from 'node:path';
import type { Config } from '../config-schema.ts';
import { createRedisArchive } from '../drivers/archive-redis.ts';
import { createSqliteArchive } from '../drivers/archive-sqlite.ts';
import { openSqlite } from '../drivers/sqlite.ts';
import { createRedisStore } from '../drivers/store-redis.ts';
import { createSqliteStore } from '../drivers/store-sqlite.ts';
import { Unavailable } from '../errors.ts';
import type { Instant } from '../policy/resource.ts';
import type { Archive, Store } from '../ports.ts';
import { REDIS_TIMEOUT, SQLITE_FILE } from './service-stores.ts';
import { LEADER } from './service-timed.ts';

export interface OpenArchive {
  readonly store: Store;
  readonly archive: Archive;
  /** For people: which store it is, without secrets. */
  readonly place: string;
  /** Keeps every denywhy from working on the store for some time more. Errors: Unavailable (one works on it). */
  hold(): Promise<void>;
  close(): Promise<void>;
}

/** Milliseconds for which one step may keep the store. */
const HOLD = 60_000;

/** Errors: InvalidInput, Unavailable (absent, or a denywhy works on it). `holder` tells this process from others. */
export async function openArchive(config: Config, now: () => Instant, holder: string): Promise<OpenArchive> {
  return config.store.driver === 'sqlite' ? openSqliteArchive(config, now) : openRedisArchive(config, holder);
}

/** An open file is held already, against every other process. */
function openSqliteArchive({ store: { directory } }: Config, now: () => Instant): OpenArchive {
  const path = join(directory, SQLITE_FILE);
  const file = openSqlite(path);
  const store = createSqliteStore(file, now);
  return { store, archive: createSqliteArchive(file, now), place: path, hold: async () => {}, close: () => store.close() };
}

async function openRedisArchive({ redis: { url, prefix } }: Config, holder: string): Promise<OpenArchive> {
  const options = { url, timeout: REDIS_TIMEOUT, prefix };
  const place = `Redis at ${new URL(url).host} (keys ${prefix}:…)`;
  const store = await createRedisStore(options);
  const hold = async () => {
    if (await store.lease(LEADER, holder, HOLD)) return;
    throw new Unavailable(
      `A denywhy works on ${place}.`,
      'Stop denywhy serve, every replica of it: what is written meanwhile would be missing. One that was killed is gone after half a minute.',
    );
  };
  try {
    await hold();
    const archive = await createRedisArchive(options);
    const close = async () => {
      await store.release(LEADER, holder).catch(() => undefined);
      await Promise.all([store.close(), archive.close()]);
    };
    return { store, archive, place, hold, close };
  } catch (error) {
    await store.close();
    throw error;
  }
}
