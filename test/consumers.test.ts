/** docs/consumers.md, run as it stands: its consumer and its stream get what a real service explains. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { incident as incidentShape } from '../src/http/schemas.ts';
import { freePort } from './ports.ts';
import { redisSkip, startRedis, type TestRedis } from './redis.ts';
import { startService, type TestService } from './service.ts';

const ROOT = join(import.meta.dirname, '..');
const PAGE = readFileSync(join(ROOT, 'docs', 'consumers.md'), 'utf8');

function blockOf(name: string): string {
  const [, text] = new RegExp(`^\`\`\`${name}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(PAGE) ?? [];
  if (text === undefined) throw new Error(`docs/consumers.md has no block ${name}`);
  return text;
}

it('the schema of a job is the one that validates', async () => {
  const schema = z.toJSONSchema(incidentShape, {
    io: 'input',
    // What a later version adds is no fault.
    override: ({ jsonSchema }) => void delete jsonSchema.additionalProperties,
  });
  const described = { title: 'Data of a job on the queue denywhy-incidents', ...schema };
  await expect(`${JSON.stringify(described, null, 2)}\n`).toMatchFileSnapshot('../docs/schema/denywhy-incidents.json');
});

it('the consumer has ten lines of its own', () => {
  const lines = blockOf('js consumer')
    .split('\n')
    .filter((line) => line.trim() !== '');
  expect(lines.length).toBeLessThanOrEqual(10);
});

const LINE =
  '2026-11-23T09:23:08.000Z [     1.000000s]  INFO ThreadId(01) inbound:server{port=8080}: linkerd_app_inbound::policy::http: Request denied server.group=policy.linkerd.io server.kind=server server.name=cart-http route.group= route.kind=default route.name=default client.tls=None(NoClientHello) client.ip=10.42.0.7\n';

describe.skipIf(redisSkip !== null)(`consumers${redisSkip === null ? '' : ` (${redisSkip})`}`, () => {
  let directory = '';
  let redis: TestRedis;
  let service: TestService;
  const children: ChildProcess[] = [];
  const told = new Map<string, string>();

  /** Runs a program of the page; what it prints is in `told` by its name. */
  function run(name: string, command: string, args: readonly string[], env: Readonly<Record<string, string>>): void {
    const child = spawn(command, args, {
      cwd: directory,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const add = (chunk: Buffer) => void told.set(name, (told.get(name) ?? '') + chunk);
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    children.push(child);
  }

  async function until(name: string, part: string): Promise<string> {
    const end = performance.now() + 20_000;
    for (; performance.now() < end; await sleep(50)) if (told.get(name)?.includes(part) === true) return told.get(name) ?? '';
    throw new Error(`${name} did not say ${JSON.stringify(part)}: ${told.get(name)}`);
  }

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'denywhy-consumers-'));
    mkdirSync(join(directory, 'data'));
    symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    writeFileSync(join(directory, 'consumer.mjs'), blockOf('js consumer'));
    redis = await startRedis();
    service = startService({
      port: await freePort(),
      directory,
      env: {
        DENYWHY_STORE_DRIVER: 'redis',
        DENYWHY_REDIS_URL: redis.url,
        DENYWHY_PUBLISH_QUEUES: 'denywhy-incidents,pager,checked',
      },
    });
    await service.ready();
  }, 60_000);

  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await service.kill();
    await redis.remove();
    rmSync(directory, { recursive: true });
  });

  it('each get every explained incident: two with queues of their own, and a stream', { timeout: 60_000 }, async () => {
    run('first', process.execPath, ['consumer.mjs'], { REDIS_URL: redis.url });
    run('pager', process.execPath, ['consumer.mjs'], { REDIS_URL: redis.url, QUEUE: 'pager' });
    run('stream', 'sh', ['-c', blockOf('sh stream')], { DENYWHY: service.url });
    const jobs: unknown[] = [];
    const worker = new Worker('checked', async ({ data }) => void jobs.push(data), { connection: { url: redis.url }, prefix: 'denywhy' });

    const headers = {
      'Content-Type': 'text/plain',
      'X-Denywhy-Namespace': 'shop',
      'X-Denywhy-Pod': 'cart-1',
      'X-Denywhy-Workload': 'Deployment/cart',
    };
    const answer = await fetch(`${service.url}/api/v1/logs`, { method: 'POST', headers, body: LINE });
    expect(answer.status).toBe(200);
    const { items } = (await (await fetch(`${service.url}/api/v1/incidents`)).json()) as { items: readonly { id: string }[] };
    const [{ id } = { id: '' }] = items;
    expect(await until('first', `${id} open `)).toMatch(new RegExp(`^${id} open \\S.*\n$`));
    expect(await until('pager', `${id} open `)).toBe(told.get('first'));
    expect(await until('stream', 'event: incident\n')).toContain(`"incident":{"id":"${id}"`);
    while (jobs.length === 0) await sleep(20);
    await worker.close();
    expect(incidentShape.parse(jobs[0])).toMatchObject({ id, namespace: 'shop', counted: { logs: 1 } });
  });

  it('that stay away find the newest jobs, and the metrics say how many went', { timeout: 60_000 }, async () => {
    const env = {
      DENYWHY_STORE_DRIVER: 'redis',
      DENYWHY_REDIS_URL: redis.url,
      DENYWHY_REDIS_PREFIX: 'away',
      DENYWHY_PUBLISH_QUEUES: 'nobody',
      DENYWHY_PUBLISH_WAITING: '1',
    };
    const other = startService({ port: await freePort(), directory, env });
    try {
      await other.ready();
      for (const name of ['cart', 'shop', 'till']) {
        const headers = { 'Content-Type': 'text/plain', 'X-Denywhy-Namespace': 'shop', 'X-Denywhy-Workload': `Deployment/${name}` };
        expect((await fetch(`${other.url}/api/v1/logs`, { method: 'POST', headers, body: LINE })).status).toBe(200);
      }
      let page = '';
      while (!page.includes('denywhy_publications_total{result="published"} 3')) {
        await sleep(50);
        page = await (await fetch(`${other.url}/metrics`)).text();
      }
      expect(page).toContain('denywhy_publications_total{result="trimmed"} 2');
      expect(redis.cli('LLEN', 'away:nobody:wait')).toBe('1');
    } finally {
      await other.kill();
    }
  });
});
