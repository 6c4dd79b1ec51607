/** What every queue must do. A driver's own test says how to open one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Unavailable } from '../../src/errors.ts';
import type { Queue } from '../../src/ports.ts';

export interface QueueSettings {
  readonly concurrency: number;
  readonly attempts: number;
  readonly backoff: { readonly first: number; readonly longest: number };
}

/** A place to open queues on: what one holds, the next finds. */
export interface QueueGround {
  open(settings: QueueSettings): Promise<Queue>;
  /** The arguments of queue-child.ts that open this queue in a process of its own. */
  readonly child: readonly string[];
  remove(): Promise<void>;
}

const SETTINGS: QueueSettings = { concurrency: 2, attempts: 3, backoff: { first: 30, longest: 200 } };
const HOSTILE_IDS = [
  '',
  ':',
  'a:b',
  '123',
  '0',
  '*',
  '__proto__',
  'constructor',
  'nul\0',
  'line\nbreak',
  '😀',
  "' OR 1=1",
  'x'.repeat(5000),
];

async function until(isTrue: () => boolean | Promise<boolean>, milliseconds = 10_000): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error('it did not come to pass in time');
    await pause(5);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Work that notes its runs and ends when it is told to. */
function createWork() {
  const runs: string[] = [];
  const ends: { id: string; succeed: () => void; fail: (error: Error) => void }[] = [];
  let most = 0;
  return {
    runs,
    /** How many ran at a time, at most. */
    most: () => most,
    active: () => ends.length,
    work: (id: string) =>
      new Promise<void>((resolve, reject) => {
        runs.push(id);
        ends.push({ id, succeed: resolve, fail: reject });
        most = Math.max(most, ends.length);
      }),
    /** Ends the oldest run. */
    end: (error?: Error) => {
      const run = ends.shift();
      if (error === undefined) run?.succeed();
      else run?.fail(error);
    },
  };
}

export function testQueue(name: string, skip: string | null, createGround: () => Promise<QueueGround>): void {
  describe.skipIf(skip !== null)(`${name} is a queue${skip === null ? '' : ` (${skip})`}`, () => {
    let ground: QueueGround;
    let queue: Queue;
    beforeEach(async () => {
      ground = await createGround();
      queue = await ground.open(SETTINGS);
    });
    afterEach(async () => {
      await queue.close(0);
      await ground.remove();
    });
    const reopen = async (settings: Partial<QueueSettings> = {}, deadline = 5000) => {
      await queue.close(deadline);
      queue = await ground.open({ ...SETTINGS, ...settings });
    };
    const isIdle = async () => {
      const { waiting, active, delayed } = await queue.counts();
      return waiting + active + delayed === 0;
    };

    it('runs what was added before and after it starts to work', async () => {
      const runs: string[] = [];
      await queue.add(['a', 'b']);
      queue.process(async (id) => void runs.push(id));
      await until(() => runs.length === 2);
      await queue.add(['c']);
      await until(() => runs.length === 3);
      await until(isIdle);
      expect(runs.toSorted()).toEqual(['a', 'b', 'c']);
    });

    it('takes an add of an id that waits for the same job', async () => {
      const runs: string[] = [];
      await queue.add(['a', 'b', 'a']);
      await queue.add(['a']);
      expect(await queue.counts()).toEqual({ waiting: 2, active: 0, delayed: 0, parked: 0 });
      queue.process(async (id) => void runs.push(id));
      await until(isIdle);
      await pause(50);
      expect(runs.toSorted()).toEqual(['a', 'b']);
    });

    it('runs an id once more, after the run, however often it is added during the run', async () => {
      const { runs, work, end, most, active } = createWork();
      queue.process(work);
      await queue.add(['a']);
      await until(() => active() === 1);
      for (let count = 0; count < 5; count += 1) await queue.add(['a']);
      await pause(50);
      expect(runs).toEqual(['a']);
      end();
      await until(() => active() === 1);
      end();
      await until(isIdle);
      await pause(100);
      expect(runs).toEqual(['a', 'a']);
      expect(most()).toBe(1);
    });

    it('runs an id again that was added after its run', async () => {
      const runs: string[] = [];
      queue.process(async (id) => void runs.push(id));
      for (let count = 1; count <= 3; count += 1) {
        await queue.add(['a']);
        await until(async () => runs.length === count && (await isIdle()));
      }
      expect(runs).toEqual(['a', 'a', 'a']);
    });

    it('runs an id once more that was added during a run that failed for good', async () => {
      await reopen({ attempts: 1 });
      const { runs, work, end, active } = createWork();
      queue.process(work);
      await queue.add(['a']);
      await until(() => active() === 1);
      await queue.add(['a']);
      end(new Error('first run'));
      await until(() => active() === 1);
      expect(await queue.parked(10)).toEqual([expect.objectContaining({ id: 'a', reason: 'first run' })]);
      end();
      await until(isIdle);
      await until(async () => (await queue.counts()).parked === 0);
      expect(runs).toEqual(['a', 'a']);
      expect(await queue.parked(10)).toEqual([]);
    });

    it('loses no add during a run that fails and is tried again', async () => {
      const { runs, work, end, active } = createWork();
      queue.process(work);
      await queue.add(['a']);
      await until(() => active() === 1);
      await queue.add(['a']);
      end(new Error('first run'));
      await until(() => active() === 1);
      end();
      // The second run read the state after the add: a third is allowed, and not needed.
      await until(async () => {
        if (active() > 0) end();
        return isIdle();
      });
      expect(runs.length).toBeGreaterThanOrEqual(2);
      expect(runs.length).toBeLessThanOrEqual(3);
    });

    it('takes any characters in ids', async () => {
      const runs: string[] = [];
      await queue.add(HOSTILE_IDS);
      expect((await queue.counts()).waiting).toBe(HOSTILE_IDS.length);
      queue.process(async (id) => void runs.push(id));
      await until(isIdle);
      expect(runs.toSorted()).toEqual(HOSTILE_IDS.toSorted());
    });

    it('tries failing work again after growing delays, then parks it with its reason', async () => {
      const times: number[] = [];
      queue.process(async () => {
        times.push(performance.now());
        throw new TypeError(`no such field: run ${times.length}`);
      });
      const before = Date.now();
      await queue.add(['poison']);
      await until(async () => (await queue.counts()).parked === 1);
      expect(times).toHaveLength(3);
      const [first = 0, second = 0, third = 0] = times;
      expect(second - first).toBeGreaterThanOrEqual(25);
      expect(third - second).toBeGreaterThanOrEqual(50);
      const [parked] = await queue.parked(10);
      expect(parked).toEqual({ id: 'poison', reason: 'no such field: run 3', attempts: 3, at: expect.any(Number) });
      expect(parked?.at).toBeGreaterThanOrEqual(before);
      await pause(300);
      expect(times).toHaveLength(3);
      expect(await isIdle()).toBe(true);
    });

    it('counts work that waits for its next attempt as delayed, and an add of it is the same job', async () => {
      await reopen({ backoff: { first: 60_000, longest: 60_000 } });
      let runs = 0;
      queue.process(async () => {
        runs += 1;
        throw new Error('later');
      });
      await queue.add(['a']);
      await until(async () => (await queue.counts()).delayed === 1);
      await queue.add(['a']);
      await pause(50);
      expect(await queue.counts()).toEqual({ waiting: 0, active: 0, delayed: 1, parked: 0 });
      expect(runs).toBe(1);
    });

    it('retries a parked job with all its attempts, parks it again, and lets it go when it succeeds', async () => {
      let runs = 0;
      let isCured = false;
      queue.process(async () => {
        runs += 1;
        if (!isCured) throw new Error('not yet');
      });
      await queue.add(['a']);
      await until(async () => (await queue.counts()).parked === 1);
      expect(await queue.retry('a')).toBe(true);
      await until(async () => runs === 6 && (await queue.counts()).parked === 1);
      expect(await queue.parked(10)).toEqual([expect.objectContaining({ id: 'a', reason: 'not yet', attempts: 3 })]);
      isCured = true;
      expect(await queue.retry('a')).toBe(true);
      await until(async () => runs === 7 && (await isIdle()));
      expect(await queue.parked(10)).toEqual([]);
      expect(await queue.retry('a')).toBe(false);
    });

    it('knows no parked job that was never there', async () => {
      expect(await queue.retry('a')).toBe(false);
      await queue.add(['a']);
      expect(await queue.retry('a')).toBe(false);
    });

    it('runs a parked job that is added anew, once at a time, and keeps it parked until it succeeds', async () => {
      await reopen({ attempts: 1 });
      const { runs, work, end, active, most } = createWork();
      queue.process(work);
      await queue.add(['a']);
      await until(() => active() === 1);
      end(new Error('first'));
      await until(async () => (await queue.counts()).parked === 1);
      await queue.add(['a']);
      await until(() => active() === 1);
      end(new Error('second'));
      await until(async () => (await queue.parked(10))[0]?.reason === 'second');
      expect(await queue.parked(10)).toHaveLength(1);
      expect(await queue.retry('a')).toBe(true);
      await queue.add(['a']);
      await until(() => active() === 1);
      await pause(50);
      expect(active()).toBe(1);
      end();
      await until(async () => {
        if (active() > 0) end();
        return isIdle();
      });
      expect(most()).toBe(1);
      expect(runs.length).toBeLessThanOrEqual(4);
      expect(await queue.parked(10)).toEqual([]);
    });

    it('lists parked jobs newest first, as many as are asked for', async () => {
      await reopen({ attempts: 1 });
      queue.process(async (id) => Promise.reject(new Error(id)));
      for (const [index, id] of ['a', 'b', 'c'].entries()) {
        await queue.add([id]);
        await until(async () => (await queue.counts()).parked === index + 1);
        await pause(5);
      }
      expect((await queue.parked(10)).map(({ id, reason }) => [id, reason])).toEqual([
        ['c', 'c'],
        ['b', 'b'],
        ['a', 'a'],
      ]);
      expect((await queue.parked(2)).map(({ id }) => id)).toEqual(['c', 'b']);
      expect(await queue.parked(0)).toEqual([]);
    });

    it('parks nothing for an outage, however long: it tries again until it ends', async () => {
      let runs = 0;
      queue.process(async () => {
        runs += 1;
        if (runs <= 6) throw new Unavailable('the cluster is away', 'wait');
      });
      await queue.add(['a']);
      await until(async () => runs === 7 && (await isIdle()));
      expect((await queue.counts()).parked).toBe(0);
    });

    it('cuts a long reason', async () => {
      await reopen({ attempts: 1 });
      queue.process(async () => Promise.reject(new Error('x'.repeat(100_000))));
      await queue.add(['a']);
      await until(async () => (await queue.counts()).parked === 1);
      expect((await queue.parked(1))[0]?.reason.length).toBe(2000);
    });

    it('works on as many ids at a time as it may, and not on more', async () => {
      const { runs, work, end, most, active } = createWork();
      queue.process(work);
      await queue.add(['a', 'b', 'c', 'd', 'e']);
      await until(() => active() === 2);
      await pause(50);
      expect(await queue.counts()).toEqual({ waiting: 3, active: 2, delayed: 0, parked: 0 });
      while (runs.length < 5 || active() > 0) {
        end();
        await pause(5);
      }
      await until(isIdle);
      expect(most()).toBe(2);
    });

    it('lets running work end when it is closed, and starts no other', async () => {
      const { runs, work, end, active } = createWork();
      queue.process(work);
      await queue.add(['a', 'b', 'c']);
      await until(() => active() === 2);
      const closed = queue.close(10_000);
      await pause(50);
      end();
      end();
      await closed;
      expect(runs).toHaveLength(2);
      queue = await ground.open(SETTINGS);
      expect(await queue.counts()).toEqual({ waiting: 1, active: 0, delayed: 0, parked: 0 });
    });

    it('closes at the deadline, and work that did not end runs again', async () => {
      const { work, active } = createWork();
      queue.process(work);
      await queue.add(['a']);
      await until(() => active() === 1);
      const begin = performance.now();
      await reopen({}, 100);
      expect(performance.now() - begin).toBeLessThan(3000);
      const runs: string[] = [];
      queue.process(async (id) => void runs.push(id));
      await until(() => runs.length === 1, 20_000);
      await until(isIdle);
      expect(runs).toEqual(['a']);
    });

    it('keeps what waits, what is delayed and what is parked when it is closed and opened again', async () => {
      await reopen({ concurrency: 1, attempts: 1 });
      queue.process(async (id) => Promise.reject(id === 'parked' ? new Error('poison') : new Unavailable('away', 'wait')));
      await queue.add(['parked']);
      await until(async () => (await queue.counts()).parked === 1);
      await reopen({ backoff: { first: 60_000, longest: 60_000 } });
      queue.process(async () => Promise.reject(new Unavailable('away', 'wait')));
      await queue.add(['delayed']);
      await until(async () => (await queue.counts()).delayed === 1);
      await reopen();
      await queue.add(['waiting']);
      await reopen();
      expect(await queue.counts()).toEqual({ waiting: 1, active: 0, delayed: 1, parked: 1 });
    });

    const kill = async (...ids: readonly string[]) => {
      await queue.close(0);
      const child = spawn(process.execPath, [join(import.meta.dirname, 'queue-child.ts'), ...ground.child, ...ids], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');
    };

    it('runs a job again whose process was killed in the middle of it', async () => {
      await kill('running', 'waiting');
      queue = await ground.open(SETTINGS);
      const runs: string[] = [];
      queue.process(async (id) => void runs.push(id));
      await until(() => runs.length >= 2, 20_000);
      await until(isIdle, 20_000);
      expect(runs.toSorted()).toEqual(['running', 'waiting']);
    });

    it('parks a job that keeps killing its process, and lets it go when it is added anew and succeeds', async () => {
      await kill('killer');
      for (let count = 1; count < SETTINGS.attempts; count += 1) await kill();
      queue = await ground.open(SETTINGS);
      const runs: string[] = [];
      queue.process(async (id) => void runs.push(id));
      await until(async () => (await queue.counts()).parked === 1, 20_000);
      expect(await queue.parked(10)).toEqual([expect.objectContaining({ id: 'killer', reason: expect.stringMatching(/died|stalled/) })]);
      expect(runs).toEqual([]);
      await pause(50);
      await queue.add(['killer']);
      await until(isIdle);
      expect(runs).toEqual(['killer']);
      expect(await queue.parked(10)).toEqual([]);
    });
  });
}
