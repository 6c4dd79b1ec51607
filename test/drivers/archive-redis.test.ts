import { afterAll, beforeAll } from 'vitest';
import { createRedisArchive } from '../../src/drivers/archive-redis.ts';
import { createRedisStore } from '../../src/drivers/store-redis.ts';
import { testArchive } from '../conformance/archive.ts';
import { redisSkip, startRedis, type TestRedis } from '../redis.ts';

let redis: TestRedis | null = null;
beforeAll(async () => {
  redis = redisSkip === null ? await startRedis() : null;
});
afterAll(() => redis?.remove());

testArchive('Redis', redisSkip, async () => {
  const options = { url: redis?.url ?? '', timeout: 5000, prefix: 'denywhy' };
  const store = await createRedisStore(options);
  const archive = await createRedisArchive(options);
  return {
    store,
    archive,
    remove: async () => {
      await Promise.all([store.close(), archive.close()]);
      redis?.cli('FLUSHALL');
    },
  };
});
