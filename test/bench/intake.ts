/**
 * Acknowledged alerts: each is one webhook with one alert that changed, on disk before its answer. Beside a bare express route that keeps nothing, and
 * a plain Redis SET of the same body, in the same run. Rates are per second of one core: the processor time of all processes that serve.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { freePort } from '../ports.ts';
import { redisSkip, startRedis, type TestRedis } from '../redis.ts';
import { startService } from '../service.ts';
import { cpuSeconds, type Load, type Loaded, load, quantile } from './load.ts';
import { type Line, median } from './measure.ts';

const SECONDS = 4;
const WARM_UP = 2;
const CONNECTIONS = 64;
/** At which the latencies are measured. */
const RATE = 1000;
const FINGERPRINTS = 500;
const WORKLOADS = 50;
const FIRST_START = Date.parse('2026-11-23T09:00:00Z');

/** Each is a new state of one of some alerts. */
function webhookBody(n: number): string {
  const alert = n % FINGERPRINTS;
  const labels = {
    alertname: 'LinkerdRequestsDenied',
    severity: 'warning',
    namespace: `ns${alert % 5}`,
    deployment: `w${alert % WORKLOADS}`,
    srv_group: 'policy.linkerd.io',
    srv_kind: 'server',
    srv_name: 'backend-http',
    client_id: `client${alert}.production.serviceaccount.identity.linkerd.cluster.local`,
  };
  const startsAt = new Date(FIRST_START + n).toISOString();
  const about = {
    annotations: { summary: 'requests are denied' },
    generatorURL: 'http://prometheus/graph',
    endsAt: '0001-01-01T00:00:00Z',
  };
  const one = { status: 'firing', labels, startsAt, fingerprint: alert.toString(16).padStart(16, '0'), ...about };
  return JSON.stringify({
    version: '4',
    groupKey: '{}:{}',
    status: 'firing',
    receiver: 'denywhy',
    externalURL: 'http://am',
    alerts: [one],
  });
}

interface Round {
  readonly perCore: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

async function measure(url: string, pids: readonly number[]): Promise<Round> {
  let n = 0;
  const run = (options: Pick<Load, 'rate' | 'seconds'>): Promise<Loaded> =>
    load({ url, connections: CONNECTIONS, ...options }, () => webhookBody(n++));
  const used = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  await run({ rate: null, seconds: WARM_UP });
  const before = used();
  const full = await run({ rate: null, seconds: SECONDS });
  const perCore = full.latencies.length / (used() - before);
  const steady = await run({ rate: RATE, seconds: SECONDS });
  return { perCore, perSecond: full.perSecond, p50: quantile(steady.latencies, 0.5), p99: quantile(steady.latencies, 0.99) };
}

export async function benchIntake(rounds: number): Promise<readonly Line[]> {
  const lines: Line[] = [];
  lines.push(...report('express that keeps nothing', await repeat(rounds, bareRound), false));
  lines.push(...report('on SQLite', await repeat(rounds, () => serviceRound(null)), true));
  if (redisSkip !== null) {
    process.stderr.write(`on Redis: skipped, ${redisSkip}\n`);
    return lines;
  }
  const redis = await startRedis({ appendonly: 'yes', appendfsync: 'everysec' });
  try {
    lines.push(...report('on Redis', await repeat(rounds, () => serviceRound(redis)), true));
    const sets = await repeat(rounds, () => setRound(redis));
    lines.push({ name: 'Redis SET of the same body: per core', value: median(sets), unit: 'req/s', aim: null, rounds: sets });
  } finally {
    await redis.remove();
  }
  return lines;
}

async function repeat<T>(rounds: number, round: () => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  for (let i = 0; i < rounds; i++) results.push(await round());
  return results;
}

function report(where: string, rounds: readonly Round[], hasAims: boolean): readonly Line[] {
  const line = (what: string, unit: Line['unit'], aim: number | null, figure: keyof Round): Line => {
    const figures = rounds.map((round) => round[figure]);
    return { name: `alerts, ${where}: ${what}`, value: median(figures), unit, aim: hasAims ? aim : null, rounds: figures };
  };
  return [
    line('per core', 'req/s', 1000, 'perCore'),
    line('by the clock', 'req/s', null, 'perSecond'),
    line(`median at ${RATE}/s`, 'ms', null, 'p50'),
    line(`p99 at ${RATE}/s`, 'ms', 50, 'p99'),
  ];
}

async function bareRound(): Promise<Round> {
  const child: ChildProcess = fork(fileURLToPath(new URL('bare-child.ts', import.meta.url)));
  const [port] = await once(child, 'message');
  try {
    return await measure(`http://127.0.0.1:${port}/`, [child.pid ?? 0]);
  } finally {
    child.kill();
  }
}

async function serviceRound(redis: TestRedis | null): Promise<Round> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-bench-'));
  redis?.cli('FLUSHALL');
  const env: Record<string, string> =
    redis === null ? { DENYWHY_STORE_DIRECTORY: directory } : { DENYWHY_STORE_DRIVER: 'redis', DENYWHY_REDIS_URL: redis.url };
  const service = startService({ port: await freePort(), directory, env });
  try {
    await service.ready();
    return await measure(`${service.url}/api/v1/webhooks/alertmanager`, [service.pid, ...(redis === null ? [] : [pidOf(redis)])]);
  } finally {
    await service.kill();
    rmSync(directory, { recursive: true });
  }
}

function pidOf(redis: TestRedis): number {
  return Number(/^process_id:(\d+)/m.exec(redis.cli('INFO', 'server'))?.[1]);
}

/** As many at a time as there are connections above, each SET by itself. */
async function setRound(redis: TestRedis): Promise<number> {
  const client = new Redis(redis.url);
  const own = () => process.cpuUsage().user + process.cpuUsage().system;
  const used = () => own() / 1e6 + cpuSeconds(pidOf(redis));
  const body = webhookBody(0);
  let count = 0;
  const before = used();
  const end = performance.now() + SECONDS * 1000;
  const lane = async () => {
    while (performance.now() < end) await client.set(`bench:${count++ % FINGERPRINTS}`, body);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  const perCore = count / (used() - before);
  await client.quit();
  return perCore;
}
