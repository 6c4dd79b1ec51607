/** The service, killed again and again in the middle of its work. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../ports.ts';
import { startRedis, type TestRedis } from '../redis.ts';
import { startService, type TestService } from '../service.ts';
import { check, type Verdict } from './check.ts';
import { createLedger, firstPageOf, namingLogOf } from './ledger.ts';
import { type Point, planOf, type Victim, WORKLOADS } from './plan.ts';
import { createSender, type Sender } from './sender.ts';
import { createTraffic, type Traffic } from './traffic.ts';

export interface KillOptions {
  readonly driver: 'sqlite' | 'redis';
  readonly points: number;
  readonly seed: number;
  /** What is killed: one of them at each point. */
  readonly victims: readonly Victim[];
  readonly onPoint?: (done: number) => void;
}

export interface KillResult extends Verdict {
  readonly points: number;
  /** Requests that were answered, or not, over all points. */
  readonly sent: number;
}

/** Rejects when the service answers what it must not, or does not start again. */
export async function runKills(options: KillOptions): Promise<KillResult> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-kill-'));
  const redis = options.driver === 'redis' ? await startRedis({ appendonly: 'yes', appendfsync: 'always' }) : null;
  try {
    return await killAndCheck(options, directory, redis);
  } finally {
    await redis?.remove();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function killAndCheck({ driver, points, seed, victims, onPoint }: KillOptions, directory: string, redis: TestRedis | null) {
  const port = await freePort();
  const env: Record<string, string> = {
    DENYWHY_STORE_DRIVER: driver,
    DENYWHY_STORE_DIRECTORY: join(directory, 'data'),
    ...(redis === null ? {} : { DENYWHY_REDIS_URL: redis.url }),
  };
  const start = () => startService({ port, directory, env });
  const ledger = createLedger();
  const sender = createSender(`http://127.0.0.1:${port}`);
  const traffic = createTraffic(sender, ledger);
  let service = start();
  try {
    await service.ready();
    await sendFirstPages(sender);
    for (const [i, point] of planOf(seed, points, victims).entries()) {
      if (point.victim === 'redis' && redis !== null) {
        if (service.isGone()) service = start();
        await service.ready();
        await killRedis(redis, point, traffic);
      } else service = await killService(service, start, point, traffic);
      onPoint?.(i + 1);
    }
    if (service.isGone()) service = start();
    await service.ready();
    await traffic.drain(Array.from({ length: WORKLOADS }, (_, workload) => namingLogOf(workload, 1_000_000 + workload)));
    return { points, sent: ledger.sent.length, ...(await check(service.url, ledger.sent)) };
  } finally {
    sender.close();
    await service.kill();
  }
}

async function sendFirstPages(sender: Sender): Promise<void> {
  for (let workload = 0; workload < WORKLOADS; workload++) {
    const outcome = await sender.send(firstPageOf(workload));
    if (outcome !== 'accepted') throw new Error(`the first page of a target was not accepted: ${outcome}`);
  }
}

/** Kills it while requests are at work, or while it starts; it is left dead, and started anew by the next point. */
async function killService(running: TestService, start: () => TestService, point: Point, traffic: Traffic): Promise<TestService> {
  if (point.duringStart !== null) await running.kill();
  const service = running.isGone() ? start() : running;
  await whileSending(point, traffic, async (answered) => {
    if (point.duringStart !== null) await sleep(point.duringStart);
    else {
      await service.ready();
      await answered;
      await sleep(point.delay);
    }
    await service.kill();
  });
  return service;
}

/** Sends the batches of the point while `act` is at work. `answered` resolves when the service has answered as often as the point says. */
async function whileSending({ batches, answers }: Point, traffic: Traffic, act: (answered: Promise<void>) => Promise<void>): Promise<void> {
  let isOver = false;
  let count = 0;
  const answered = Promise.withResolvers<void>();
  const sending = traffic.run(
    batches,
    () => isOver,
    () => {
      if (count++ >= answers) answered.resolve();
    },
  );
  sending.catch(answered.reject);
  try {
    await act(answered.promise);
  } finally {
    isOver = true;
    await sending;
  }
}

/** The longest time for which Redis is away. */
const LONGEST_OUTAGE = 400;

/** Kills Redis while requests are at work; the service lives on, and must find it again by itself. */
async function killRedis(redis: TestRedis, point: Point, traffic: Traffic): Promise<void> {
  await whileSending(point, traffic, async (answered) => {
    await answered;
    await sleep(point.delay);
    await redis.stop('SIGKILL');
    await sleep((point.delay * 1000) % LONGEST_OUTAGE);
    await redis.start();
  });
}
