/** What store and queue make of a Redis that is absent, hung, full, read-only or set up wrongly. */
import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBullmqQueue } from '../../src/drivers/queue-bullmq.ts';
import { redisFault } from '../../src/drivers/redis-faults.ts';
import { createRedisStore } from '../../src/drivers/store-redis.ts';
import { InvalidInput, Unavailable } from '../../src/errors.ts';
import type { Json, Queue, Store, Write } from '../../src/ports.ts';
import { redisSkip, startRedis, type TestRedis } from '../redis.ts';

const TIMEOUT = 800;
const openStore = (url: string) => createRedisStore({ url, timeout: TIMEOUT, prefix: 'denywhy' });
const openQueue = (url: string) =>
  createBullmqQueue({
    url,
    timeout: TIMEOUT,
    prefix: 'denywhy:queue',
    name: 'explain',
    concurrency: 2,
    attempts: 3,
    backoff: { first: 30, longest: 200 },
    lock: 500,
  });
const put = (store: Store, id: string, value: Json = id) =>
  store.commit({ writes: [{ collection: 'incidents', id, expected: null, value, tags: ['t'] }], events: [id] });

async function faultOf(act: Promise<unknown>): Promise<InvalidInput | Unavailable> {
  const error: unknown = await act.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof InvalidInput || error instanceof Unavailable) return error;
  throw error;
}

async function until(isTrue: () => Promise<boolean>, milliseconds = 15_000): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error('it did not come to pass in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const succeeds = (act: () => Promise<unknown>) => () =>
  act().then(
    () => true,
    (error: unknown) => {
      if (error instanceof Unavailable) return false;
      throw error;
    },
  );

describe.skipIf(redisSkip !== null)(`at the start${redisSkip === null ? '' : ` (${redisSkip})`}`, () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.remove());

  it.each([
    ['store', openStore],
    ['queue', openQueue],
  ])('the %s says that nothing listens there, without the password', async (_, open) => {
    await redis.stop();
    const fault = await faultOf(open(`redis://user:s3cret@127.0.0.1:${redis.port}/2`));
    await redis.start();
    expect(fault.name).toBe('Unavailable');
    expect(fault.message).toBe(`Redis at 127.0.0.1:${redis.port}/2 is not reachable (ECONNREFUSED).`);
    expect(JSON.stringify([fault.message, fault.remedy])).not.toContain('s3cret');
  });

  it.each([
    ['store', openStore],
    ['queue', openQueue],
  ])('the %s gives up on a Redis that hangs', async (_, open) => {
    redis.signal('SIGSTOP');
    const begin = performance.now();
    const fault = await faultOf(open(redis.url));
    redis.signal('SIGCONT');
    expect(fault.message).toMatch(/does not answer in time/);
    expect(performance.now() - begin).toBeLessThan(2 * TIMEOUT + 1000);
  });

  it('a Redis that starts a little later is waited for', async () => {
    await redis.stop();
    const opening = createRedisStore({ url: redis.url, timeout: 20_000, prefix: 'denywhy' });
    await redis.start();
    await (await opening).close();
  });

  it.each(['http://127.0.0.1:6379', 'localhost:6379', 'redis', ''])('an address like "%s" is refused', async (url) => {
    expect(await faultOf(openStore(url))).toBeInstanceOf(InvalidInput);
  });

  it('a Redis that may throw incidents away is refused', async () => {
    redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const fault = await faultOf(openStore(redis.url));
    redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    expect(fault).toMatchObject({ name: 'InvalidInput', remedy: expect.stringContaining('maxmemory-policy noeviction') });
    expect(fault.message).toContain('allkeys-lru');
  });

  it('a password that is wrong or missing is said', async () => {
    redis.cli('ACL', 'SETUSER', 'denywhy', 'on', '>right', '~*', '+@all');
    const wrong = await faultOf(openStore(`redis://denywhy:wrong@127.0.0.1:${redis.port}`));
    expect(wrong.message).toMatch(/does not know this user and password|is not reachable/);
    await (await openStore(`redis://denywhy:right@127.0.0.1:${redis.port}`)).close();
    redis.cli('CONFIG', 'SET', 'requirepass', 'secret');
    const missing = await faultOf(openStore(redis.url));
    redis.cli('-a', 'secret', 'CONFIG', 'SET', 'requirepass', '');
    expect(missing.message).toContain('wants a password');
  });

  it.each([
    [{ appendonly: 'yes', appendfsync: 'always', save: '' }, /survives the loss of this process and of Redis and its machine/],
    [{ appendonly: 'yes', appendfsync: 'everysec', save: '' }, /may take about the last second/],
    [{ appendonly: 'yes', appendfsync: 'no', save: '' }, /may take the last half minute/],
    [
      { appendonly: 'no', appendfsync: 'everysec', save: '3600 1 300 100' },
      /since its last snapshot \(appendonly no, save 3600 1 300 100\)/,
    ],
    [{ appendonly: 'no', appendfsync: 'everysec', save: '' }, /not the loss of Redis, which keeps nothing on disk/],
  ])('what survives is said for %o', async (settings, sentence) => {
    for (const [name, value] of Object.entries(settings)) redis.cli('CONFIG', 'SET', name, value);
    const store = await openStore(redis.url);
    expect(store.durability()).toMatch(sentence);
    await store.close();
  });

  it.each([
    ['yes', /what the loss of Redis' machine takes is unknown/],
    ['no', /what the loss of Redis takes is unknown/],
  ])('what survives is unknown where CONFIG is not permitted (appendonly %s)', async (appendonly, sentence) => {
    redis.cli('CONFIG', 'SET', 'appendonly', appendonly);
    redis.cli('ACL', 'SETUSER', 'limited', 'on', '>limited', '~*', '+@all', '-config');
    const store = await openStore(`redis://limited:limited@127.0.0.1:${redis.port}`);
    expect(store.durability()).toMatch(sentence);
    await store.close();
  });
});

describe.skipIf(redisSkip !== null)(`later${redisSkip === null ? '' : ` (${redisSkip})`}`, () => {
  let redis: TestRedis;
  let store: Store;
  let queue: Queue;
  beforeEach(async () => {
    redis = await startRedis();
    [store, queue] = await Promise.all([openStore(redis.url), openQueue(redis.url)]);
  });
  afterEach(async () => {
    await Promise.all([store.close(), queue.close(200)]);
    await redis.remove();
  });

  const everyCall: readonly (readonly [name: string, call: () => Promise<unknown>])[] = [
    ['get', () => store.get('incidents', ['a'])],
    ['list', () => store.list('incidents', { limit: 1 })],
    ['count', () => store.count('incidents')],
    ['commit', () => put(store, 'a')],
    ['events', () => store.events(0, 1)],
    ['trim', () => store.trim({ keep: 1, now: 0, most: 1 })],
    ['lease', () => store.lease('leader', 'a', 1000)],
    ['release', () => store.release('leader', 'a')],
    ['ping', () => store.ping()],
    ['add', () => queue.add(['a'])],
    ['counts', () => queue.counts()],
    ['parked', () => queue.parked(1)],
    ['retry', () => queue.retry('a')],
  ];

  it('a Redis that is killed and comes back: each call fails at once and works again, nothing acknowledged is lost', async () => {
    const runs: string[] = [];
    queue.process(async (id) => void runs.push(id));
    await Promise.all(Array.from({ length: 200 }, (_, index) => put(store, `id ${index}`)));
    await redis.stop('SIGKILL');
    for (const [name, call] of everyCall) {
      const begin = performance.now();
      expect((await faultOf(call())).message, name).toMatch(/is not reachable/);
      expect(performance.now() - begin, name).toBeLessThan(TIMEOUT);
    }
    await redis.start();
    for (const [, call] of everyCall) await until(succeeds(call));
    expect(await store.count('incidents', 't')).toBe(201);
    await queue.add(['b']);
    await until(async () => runs.includes('b'));
    expect(runs).toContain('a');
  });

  it('a Redis that is killed during commits: what was acknowledged is there, what was not may be', async () => {
    const acknowledged: string[] = [];
    const commits = Array.from({ length: 2000 }, async (_, index) => {
      await new Promise((resolve) => setTimeout(resolve, index / 10));
      if ((await put(store, `id ${index}`)) === 'done') acknowledged.push(`id ${index}`);
    });
    const settled = Promise.allSettled(commits);
    await until(async () => acknowledged.length > 300);
    await redis.stop('SIGKILL');
    const failures = (await settled).flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) expect(failure).toBeInstanceOf(Unavailable);
    await redis.start();
    await until(succeeds(() => store.ping()));
    const found = await store.get('incidents', acknowledged);
    expect(found.filter((document) => document === null)).toEqual([]);
    expect(await store.count('incidents')).toBe(await store.count('incidents', 't'));
    expect(await store.events(0, 5000)).toHaveLength(await store.count('incidents'));
  });

  it('a Redis that is gone keeps neither store nor queue from closing', async () => {
    queue.process(async () => new Promise(() => undefined));
    await queue.add(['a']);
    await until(async () => (await queue.counts()).active === 1);
    await redis.stop('SIGKILL');
    const begin = performance.now();
    await Promise.all([store.close(), queue.close(300)]);
    expect(performance.now() - begin).toBeLessThan(3000);
  });

  it('a Redis that hangs: each call gives up in time and works again', async () => {
    redis.signal('SIGSTOP');
    const begin = performance.now();
    const faults = await Promise.all(everyCall.map(([, call]) => faultOf(call())));
    expect(performance.now() - begin).toBeLessThan(TIMEOUT + 1000);
    for (const fault of faults) expect(fault.message).toMatch(/does not answer in time|is not reachable/);
    redis.signal('SIGCONT');
    for (const [, call] of everyCall) await until(succeeds(call));
  });

  it('a Redis whose memory is full refuses writes whole, goes on reading, and takes writes again', async () => {
    await put(store, 'before');
    redis.cli('CONFIG', 'SET', 'maxmemory', '1mb');
    const remove: Write = { collection: 'incidents', id: 'before', expected: 1, value: null };
    const create: Write = { collection: 'incidents', id: 'after', expected: 0, value: 'x'.repeat(1000) };
    expect((await faultOf(store.commit({ writes: [create, remove], events: ['e'] }))).message).toMatch(/is out of memory/);
    expect(await store.get('incidents', ['before', 'after'])).toEqual([{ id: 'before', revision: 1, value: 'before' }, null]);
    // Redis lets a script go on that has begun by freeing memory: then all of it is done.
    expect(await store.commit({ writes: [remove, create], events: ['e'] })).toBe('done');
    expect(await store.get('incidents', ['before', 'after'])).toEqual([null, { id: 'after', revision: 1, value: create.value }]);
    expect((await faultOf(put(store, 'refused'))).message).toMatch(/is out of memory/);
    expect((await faultOf(queue.add(['a']))).message).toMatch(/is out of memory/);
    await expect(store.ping()).rejects.toBeInstanceOf(Unavailable);
    expect(await store.get('incidents', ['refused'])).toEqual([null]);
    redis.cli('CONFIG', 'SET', 'maxmemory', '0');
    await store.ping();
    expect(await put(store, 'refused')).toBe('done');
    await queue.add(['a']);
  });

  it('a primary that becomes a replica refuses writes, goes on reading, and takes writes when it is a primary again', async () => {
    await put(store, 'before');
    redis.cli('CONFIG', 'SET', 'replica-serve-stale-data', 'yes');
    redis.cli('REPLICAOF', '127.0.0.1', '1');
    const fault = await faultOf(put(store, 'a'));
    expect(fault.message).toMatch(/is a read-only replica/);
    await until(async () => {
      const [found] = await store.get('incidents', ['before']).catch(() => []);
      return found?.value === 'before';
    });
    expect((await faultOf(store.ping())).message).toMatch(/replica/);
    expect(await faultOf(queue.add(['a']))).toBeInstanceOf(Unavailable);
    redis.cli('REPLICAOF', 'NO', 'ONE');
    await until(succeeds(() => store.ping()));
    expect(await put(store, 'a')).toBe('done');
    await until(succeeds(() => queue.add(['a'])));
  });

  it('a Redis that cannot save refuses writes until it can', async () => {
    redis.cli('CONFIG', 'SET', 'appendonly', 'no');
    redis.cli('CONFIG', 'SET', 'save', '3600 1');
    rmSync(redis.directory, { recursive: true });
    await put(store, 'before');
    redis.cli('BGSAVE');
    await until(async () => redis.cli('INFO', 'persistence').includes('rdb_last_bgsave_status:err'));
    expect((await faultOf(put(store, 'a'))).message).toMatch(/cannot write to its disk/);
    expect(await store.count('incidents')).toBe(1);
    redis.cli('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no');
    await store.ping();
    expect(await put(store, 'a')).toBe('done');
  });

  it('a Redis that may throw incidents away is refused from the next connection on, until it is set right', async () => {
    redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(async () => (await succeeds(() => put(store, 'a'))()) === false);
    await until(async () => (await faultOf(put(store, 'a')).catch(() => null))?.message.includes('allkeys-lru') === true);
    expect((await faultOf(store.ping())).message).toContain('allkeys-lru');
    expect(await store.count('incidents')).toBeGreaterThanOrEqual(0);
    redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await store.ping();
    expect(await put(store, 'a')).toBe('done');
  });

  it('two stores on one Redis lose no increment, and one of them leads', async () => {
    const other = await openStore(redis.url);
    const increment = async (by: Store): Promise<void> => {
      for (;;) {
        const [document] = await by.get('incidents', ['counter']);
        const value = Number(document?.value ?? 0) + 1;
        const write = { collection: 'incidents', id: 'counter', expected: document?.revision ?? 0, value } as const;
        if ((await by.commit({ writes: [write] })) === 'done') return;
      }
    };
    await Promise.all(Array.from({ length: 60 }, (_, index) => increment(index % 2 === 0 ? store : other)));
    expect((await other.get('incidents', ['counter']))[0]).toEqual({ id: 'counter', revision: 60, value: 60 });
    expect(await Promise.all([store.lease('leader', 'one', 60_000), other.lease('leader', 'two', 60_000)])).toEqual([true, false]);
    await other.close();
  });

  it('two queues on one Redis share the work, each id once', async () => {
    const other = await openQueue(redis.url);
    const runs: string[] = [];
    const byQueue = [0, 0];
    for (const [index, one] of [queue, other].entries())
      one.process(async (id) => {
        byQueue[index] = (byQueue[index] ?? 0) + 1;
        runs.push(id);
        await new Promise((resolve) => setTimeout(resolve, 5));
      });
    const ids = Array.from({ length: 100 }, (_, index) => `id ${index}`);
    await queue.add(ids);
    await until(async () => runs.length >= 100);
    expect(runs.toSorted()).toEqual(ids.toSorted());
    expect(Math.min(...byQueue)).toBeGreaterThan(0);
    await other.close(1000);
  });
});

describe('an error of Redis', () => {
  it.each([
    ['LOADING Redis is loading the dataset in memory', /is still loading/],
    ["READONLY You can't write against a read only replica.", /is a read-only replica/],
    ["OOM command not allowed when used memory > 'maxmemory'.", /is out of memory/],
    ['MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.', /cannot write to its disk/],
    ['BUSY Redis is busy running a script.', /is busy/],
    ['MASTERDOWN Link with MASTER is down', /has lost its primary/],
    ['NOAUTH Authentication required.', /wants a password/],
    ['NOPERM this user has no permissions', /does not permit/],
    ['MOVED 3999 127.0.0.1:6381', /is a cluster/],
    ['Command timed out', /does not answer in time/],
    ['Connection is closed.', /is not reachable/],
  ])('like "%s" is Unavailable, with the way out', (message, expected) => {
    const fault = redisFault(new Error(message), 'redis:6379', null);
    expect(fault).toBeInstanceOf(Unavailable);
    expect(fault).toMatchObject({ message: expect.stringMatching(expected), remedy: expect.stringMatching(/\.$/) });
  });

  it.each(['ERR syntax error', 'WRONGTYPE Operation against a key', 'some bug'])('like "%s" stays what it is', (message) => {
    const error = new Error(message);
    expect(redisFault(error, 'redis:6379', null)).toBe(error);
  });
});
