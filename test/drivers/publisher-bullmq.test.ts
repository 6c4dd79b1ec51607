import { Worker } from 'bullmq';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createIncidentPublisher } from '../../src/drivers/publisher-bullmq.ts';
import { Unavailable } from '../../src/errors.ts';
import type { Publisher } from '../../src/ports.ts';
import { redisSkip, startRedis, type TestRedis } from '../redis.ts';

describe.skipIf(redisSkip !== null)(`explained incidents on BullMQ queues${redisSkip === null ? '' : ` (${redisSkip})`}`, () => {
  let redis: TestRedis;
  let publisher: Publisher | null = null;
  const workers: Worker[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.remove());
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close(true)));
    await publisher?.close();
    redis.cli('FLUSHALL');
  });

  const open = async (mostWaiting = 100, queues = ['denywhy-incidents']) => {
    publisher = await createIncidentPublisher({ url: redis.url, timeout: 1000, prefix: 'bull', queues, mostWaiting });
    return publisher;
  };
  const consume = (queue: string): unknown[] => {
    const found: unknown[] = [];
    workers.push(new Worker(queue, async (job) => void found.push(job.data), { connection: { host: '127.0.0.1', port: redis.port } }));
    return found;
  };
  const incident = (id: string, revision: number) => ({ id, revision, value: { id, revision } });
  const until = async (isTrue: () => boolean) => {
    const deadline = performance.now() + 10_000;
    while (!isTrue()) {
      if (performance.now() > deadline) throw new Error('it did not come to pass in time');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };

  it('reach a plain consumer in their order, whatever their ids hold', async () => {
    const { publish } = await open();
    await publish([incident('a:b', 1), incident('', 1), incident('123', 1)]);
    await publish([incident('a:b', 2)]);
    const found = consume('denywhy-incidents');
    await until(() => found.length === 4);
    expect(found).toEqual([incident('a:b', 1), incident('', 1), incident('123', 1), incident('a:b', 2)].map(({ value }) => value));
  });

  it('reach each consumer that has a queue of its own', async () => {
    const { publish } = await open(100, ['denywhy-incidents', 'tickets']);
    const [first, second] = [consume('denywhy-incidents'), consume('tickets')];
    await publish([incident('a', 1)]);
    await until(() => first.length + second.length === 2);
    expect([first, second]).toEqual([[{ id: 'a', revision: 1 }], [{ id: 'a', revision: 1 }]]);
  });

  it('are handed over once when a revision is published again, before and after it was fetched', async () => {
    const { publish } = await open();
    await publish([incident('a', 1), incident('a', 1)]);
    await publish([incident('a', 1)]);
    const found = consume('denywhy-incidents');
    await until(() => found.length === 1);
    await publish([incident('a', 1), incident('a', 2)]);
    await until(() => found.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(found).toEqual([
      { id: 'a', revision: 1 },
      { id: 'a', revision: 2 },
    ]);
  });

  it('that nobody fetches make place for newer ones, oldest first, and are counted', async () => {
    const { publish, trimmed } = await open(10);
    for (let revision = 1; revision <= 12; revision += 1) await publish([incident('a', revision)]);
    await Promise.all([13, 14, 15, 16].map((revision) => publish([incident('a', revision)])));
    expect(trimmed()).toBe(6);
    const found = consume('denywhy-incidents');
    await until(() => found.length === 10);
    expect(found).toEqual(Array.from({ length: 10 }, (_, index) => ({ id: 'a', revision: index + 7 })));
  });

  it('are Unavailable at once while Redis is gone, and go on when it is back', async () => {
    const { publish } = await open();
    await redis.stop();
    const begin = performance.now();
    await expect(publish([incident('a', 1)])).rejects.toBeInstanceOf(Unavailable);
    expect(performance.now() - begin).toBeLessThan(1000);
    await redis.start();
    const deadline = performance.now() + 10_000;
    const publishUntilItWorks = async (): Promise<void> => {
      try {
        await publish([incident('a', 1)]);
      } catch (error) {
        if (!(error instanceof Unavailable) || performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
        await publishUntilItWorks();
      }
    };
    await publishUntilItWorks();
    const found = consume('denywhy-incidents');
    await until(() => found.length === 1);
  });
});
