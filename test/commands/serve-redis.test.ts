import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { denials, FROM_CART, WEBHOOK } from '../http/running.ts';
import { redisSkip, startRedis, type TestRedis } from '../redis.ts';
import { type Served, serve } from './served.ts';

let redis: TestRedis;
let served: Served[] = [];

const start = async (env: Readonly<Record<string, string>> = {}) => {
  const one = await serve({ DENYWHY_STORE_DRIVER: 'redis', DENYWHY_REDIS_URL: redis.url, ...env });
  served.push(one);
  return one;
};
const send = (url: string, path: string, body: string, headers: Readonly<Record<string, string>>) =>
  fetch(`${url}${path}`, { method: 'POST', body, headers });
const webhook = (url: string) =>
  send(url, '/api/v1/webhooks/alertmanager', JSON.stringify(WEBHOOK), { 'Content-Type': 'application/json' });
const logs = (url: string, ip: string, key: string) =>
  send(url, '/api/v1/logs', denials(ip), { 'Content-Type': 'text/plain', ...FROM_CART, 'Idempotency-Key': key });
const read = async (url: string, path: string) => (await fetch(`${url}${path}`)).json();

interface Incidents {
  readonly items: readonly {
    readonly counted: { readonly logs: number };
    readonly clients: number;
    readonly explained: number;
    readonly evidence: number;
  }[];
}

async function untilTrue(ask: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await ask())) {
    if (performance.now() > deadline) throw new Error(`it did not come:\n${served.map((s) => s.output()).join('\n')}`);
    await sleep(100);
  }
}

describe.skipIf(redisSkip !== null)(`the service on Redis${redisSkip === null ? '' : ` (${redisSkip})`}`, () => {
  beforeEach(async () => {
    redis = await startRedis({ 'maxmemory-policy': 'noeviction', appendfsync: 'always' });
    served = [];
  });
  afterEach(async () => {
    for (const one of served) await one.stop('SIGKILL');
    await redis.remove();
  });

  it('answers 503 while Redis is gone, and goes on without a restart when it is back', async () => {
    const one = await start();
    expect((await webhook(one.url)).status).toBe(200);
    await redis.stop();
    const refused = await webhook(one.url);
    const problem = (await refused.json()) as { detail: string; remedy: string };
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0, problem.remedy.length > 10]).toEqual([503, true, true]);
    expect((await fetch(`${one.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${one.url}/healthz`)).status).toBe(200);
    await redis.start();
    await untilTrue(async () => (await fetch(`${one.url}/readyz`)).status === 200);
    expect((await logs(one.url, '10.9.0.3', 'k')).status).toBe(200);
    await untilTrue(async () => ((await read(one.url, '/api/v1/incidents')) as Incidents).items.every((i) => i.explained === i.evidence));
  });

  it('is one service in many processes: nothing is lost or doubled, the work is shared, and one leads until it goes', async () => {
    const [first, second] = [await start(), await start()];
    const statuses = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        // Each body goes to both, as from an HA pair.
        const answers = await Promise.all([first, second].map(({ url }) => logs(url, `10.9.0.${i}`, `k${i}`)));
        return answers.map((a) => a.status);
      }),
    );
    expect(new Set(statuses.flat())).toEqual(new Set([200]));
    for (const { url } of [first, second]) {
      const { items } = (await read(url, '/api/v1/incidents')) as Incidents;
      expect(items.map((i) => [i.counted.logs, i.clients])).toEqual([[40, 40]]);
    }
    const leads = ({ output }: Served) => output().includes('this process does the timed work');
    expect([leads(first), leads(second)]).toEqual([true, false]);
    expect((await first.stop('SIGTERM')).code).toBe(0);
    await untilTrue(async () => leads(second));
  });
});
