import { afterAll, beforeAll } from 'vitest';
import { testQueue } from '../conformance/queue.ts';
import { openTestQueue } from '../conformance/queue-open.ts';
import { redisSkip, startRedis, type TestRedis } from '../redis.ts';

let redis: TestRedis | null = null;
beforeAll(async () => {
  redis = redisSkip === null ? await startRedis() : null;
});
afterAll(() => redis?.remove());

testQueue('BullMQ', redisSkip, async () => {
  const url = redis?.url ?? '';
  return {
    open: (settings) => openTestQueue('redis', url, settings),
    child: ['redis', url],
    remove: async () => void redis?.cli('FLUSHALL'),
  };
});
