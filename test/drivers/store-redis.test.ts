import { afterAll, beforeAll } from 'vitest';
import { createRedisStore } from '../../src/drivers/store-redis.ts';
import { testStore } from '../conformance/store.ts';
import { redisSkip, startRedis, type TestRedis } from '../redis.ts';

let redis: TestRedis | null = null;
beforeAll(async () => {
  redis = redisSkip === null ? await startRedis() : null;
});
afterAll(() => redis?.remove());

testStore('Redis', redisSkip, async () => {
  const url = redis?.url ?? '';
  return {
    open: () => createRedisStore({ url, timeout: 5000, prefix: 'denywhy' }),
    remove: async () => void redis?.cli('FLUSHALL'),
  };
});
