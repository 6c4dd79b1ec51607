/** Alertmanager's API v2 from a recorded answer; the real program is in test/commands/service-alertmanager.test.ts. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAlertmanager } from '../../src/drivers/alertmanager.ts';
import { createUpstream } from '../../src/drivers/upstream.ts';
import type { Alertmanager } from '../../src/ports.ts';

const RECORDED = readFileSync(join(import.meta.dirname, '../fixtures/alertmanager/v2-alerts.json'), 'utf8');

let server: Server;
let alertmanager: Alertmanager;
let answer = '';
let posted: unknown = null;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    if (request.method === 'POST') posted = JSON.parse(body);
    response.end(request.url === '/am/api/v2/status' ? '{"uptime":"2026-11-23T08:50:01.5Z"}' : answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const upstream = await createUpstream({
    name: 'Alertmanager',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/am`,
    credentials: { bearer: null, bearerFile: null, basic: null },
    headers: new Map(),
    tls: { ca: null, certificate: null, key: null, serverName: null, isVerified: true },
    timeout: 1000,
    mostBytes: 2 ** 20,
  });
  alertmanager = createAlertmanager(upstream);
});
afterAll(() => {
  alertmanager.close();
  server.close();
});

it('tells what it holds: firing, whatever its end is estimated to be, with the receivers', async () => {
  answer = RECORDED;
  const held = await alertmanager.alerts();
  const raw: { fingerprint: string; receivers: { name: string }[] }[] = JSON.parse(RECORDED);
  expect(held.map(({ alert }) => alert.fingerprint)).toEqual(raw.map(({ fingerprint }) => fingerprint));
  expect(held.every(({ alert: { status, endsAt }, isActive }) => status === 'firing' && endsAt === null && isActive)).toBe(true);
  expect(held[0]?.receivers).toEqual(raw[0]?.receivers.map(({ name }) => name));
});

it('leaves out what cannot be read, and keeps the others', async () => {
  const [first] = JSON.parse(RECORDED);
  answer = JSON.stringify([null, { labels: 7 }, { ...first, startsAt: 'soon' }, { ...first, status: { state: 'suppressed' } }]);
  expect((await alertmanager.alerts()).map(({ isActive }) => isActive)).toEqual([false]);
});

it.each([
  ['{"status":"success"}', 'something else than a list'],
  ['<html>', 'a page instead of JSON'],
  ['[{"labels":', 'cut off or broken'],
])('%s is no list of alerts', async (body, message) => {
  answer = body;
  await expect(alertmanager.alerts()).rejects.toThrow(message);
});

it('says since when it runs', async () => {
  expect(await alertmanager.startedAt()).toBe(Date.parse('2026-11-23T08:50:01.500Z'));
});

it('is handed alerts with times as RFC 3339', async () => {
  answer = '{}';
  const times = { startsAt: Date.parse('2026-03-01T12:00:00Z'), endsAt: Date.parse('2026-03-01T12:03:00Z') };
  await alertmanager.post([{ labels: { alertname: 'A' }, annotations: {}, ...times, generatorURL: '' }]);
  expect(posted).toEqual([
    {
      labels: { alertname: 'A' },
      annotations: {},
      startsAt: '2026-03-01T12:00:00.000Z',
      endsAt: '2026-03-01T12:03:00.000Z',
      generatorURL: '',
    },
  ]);
});
