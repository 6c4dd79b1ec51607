import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Fact } from '../../src/evidence/facts.ts';
import type { CountersRead } from '../../src/http/options.ts';
import * as shapes from '../../src/http/schemas.ts';
import type { ClientTls } from '../../src/policy/evaluation.ts';
import { redisSkip, startRedis } from '../redis.ts';
import { BEFORE_MENDED, type ServedStory, serveStory } from '../story.ts';
import { fromLog, fromMetrics, MINUTE, NOON, observation, symptom, WEB } from '../triage/desk.ts';
import { type Running, startTestServer } from './running.ts';

let running: Running | null = null;
afterEach(async () => {
  await running?.server.close(0);
  running = null;
});

const JOB: ClientTls = { state: 'established', clientId: 'job.shop.serviceaccount.identity.linkerd.cluster.local' };
const NOBODY: ClientTls = { state: 'none', reason: 'no_tls_from_remote' };
const at = (seconds: number) => NOON + seconds * 1000;
const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);

async function seriesOf(facts: readonly Fact[], query = '', counters?: () => Promise<CountersRead>) {
  running = await startTestServer(counters === undefined ? {} : { counters });
  await running.take(facts);
  running.clock.now = NOON + 60 * MINUTE;
  const [incident] = await running.incidents();
  const { status, body } = await running.ask('GET', `/api/v1/incidents/${incident?.id}/series${query}`);
  expect([status, status === 200 ? null : body]).toEqual([200, null]);
  return { incident, series: shapes.incidentSeries.parse(body) };
}

describe('denials of an incident over time', () => {
  it('by client, with what was allowed of the same clients to the same route, and a window around them', async () => {
    const { series } = await seriesOf([
      fromMetrics({ at: at(0), count: 3 }),
      fromLog({ at: at(40), client: { ip: '10.0.0.7', port: 1, tls: NOBODY } }),
      fromLog({ at: at(60), client: { ip: '10.0.0.7', port: 1, tls: NOBODY } }),
      observation({ at: at(-30), count: 9 }),
      observation({ at: at(-30), count: 99, route: { group: '', kind: 'default', name: 'other' } }),
    ]);
    expect([series.from, series.to, series.step]).toEqual(['2026-03-01T11:59:00.000Z', '2026-03-01T12:01:30.000Z', 15]);
    const where = (counts: readonly number[] | null) => counts?.flatMap((n, i) => (n === 0 ? [] : [[i * 15 - 60, n]]));
    expect(series.clients.map(({ identity, ip, count }) => [identity, ip, count])).toEqual([
      [WEB.state === 'established' ? WEB.clientId : '', null, 3],
      [null, '10.0.0.7', 2],
    ]);
    expect(series.clients.map(({ denied, allowed }) => [where(denied), where(allowed)])).toEqual([
      [[[0, 3]], [[-30, 9]]],
      [
        [
          [30, 1],
          [60, 1],
        ],
        undefined,
      ],
    ]);
    expect(series).toMatchObject({ outside: 0, undated: 0, sources: { denied: 'kept', allowed: 'kept' }, missing: [], remarks: [] });
  });

  it('in the step and the window that is asked for, no narrower than it is known', async () => {
    const facts = [fromLog({ at: at(0) }), fromLog({ at: at(3600) })];
    const { series } = await seriesOf(facts, '?from=2026-03-01T12:30:00Z&to=2026-03-01T13:30:00Z&step=301');
    expect(series).toMatchObject({ from: '2026-03-01T12:30:00.000Z', to: '2026-03-01T13:30:00.000Z', step: 900, outside: 1 });
    expect(series.clients[0]?.denied).toEqual([0, 0, 1, 0]);
  });

  it('of eight clients, and of all others as a sum', async () => {
    const facts = [...Array(20).keys()].flatMap((n) => fromLog({ client: { ip: `10.0.0.${n}`, port: 1, tls: NOBODY }, count: 30 - n }));
    const { series, incident } = await seriesOf(facts);
    expect(series.clients).toHaveLength(8);
    expect([series.others.clients, series.others.count, sum(series.others.denied)]).toEqual([12, 198, 198]);
    expect(incident?.count).toBe(410);
  });

  it('names what is missing: when they were, and what was allowed', async () => {
    const { series } = await seriesOf([fromMetrics({ at: null, count: 3 })]);
    expect([series.undated, series.sources.allowed, series.clients[0]?.allowed]).toEqual([3, null, null]);
    expect(series.missing.map(({ what }) => what.slice(0, 30))).toEqual([
      'when 3 of the denials were; li',
      'what was allowed of these clie',
    ]);
    expect(series.missing[0]?.command).toMatch(/^kubectl logs -n shop deploy\/cart -c linkerd-proxy /);
  });

  it('stand in years that RFC 3339 has, whatever clock wrote them and whatever is asked for', async () => {
    const { series } = await seriesOf(
      [fromLog({ at: Date.parse('9999-12-31T00:00:00Z') }), fromLog({ at: at(0) })],
      '?from=1000-01-01T00:00:00Z',
    );
    expect([series.to, series.clients[0]?.count, series.outside]).toEqual(['9999-12-31T23:59:59.000Z', 2, 0]);
    expect(series.clients[0]?.denied.length).toBeLessThanOrEqual(200);
  });

  it('of trouble without a denial lack nothing that was allowed', async () => {
    const { series } = await seriesOf([symptom({ at: at(0), count: 2 })]);
    expect([series.clients.map(({ count }) => count), series.missing]).toEqual([[2], []]);
  });

  it('names of others are no part of a command', async () => {
    const workload = { kind: 'Deployment', namespace: 'shop', name: '$(reboot)' };
    const { series } = await seriesOf([fromMetrics({ at: null, workload })]);
    expect(series.missing.map(({ command }) => /reboot/.test(command))).toEqual([false, false]);
  });

  it('by Prometheus where that says more, and without it while it does not answer', async () => {
    const told = [observation({ at: at(-20), count: 8 }), fromMetrics({ at: at(10), count: 4 })];
    const answer = async () => ({ facts: told, remarks: ['it warns'] });
    const { series } = await seriesOf([fromMetrics({ at: at(0) })], '', answer);
    expect([sum(series.clients[0]?.denied ?? []), sum(series.clients[0]?.allowed ?? [])]).toEqual([3, 8]);
    expect([series.sources, series.remarks, series.missing]).toEqual([{ denied: 'kept', allowed: 'prometheus' }, ['it warns'], []]);
    await running?.server.close(0);
    const undated = await seriesOf([fromMetrics({ at: null })], '', answer);
    expect([undated.series.sources.denied, undated.series.clients[0]?.count]).toEqual(['prometheus', 4]);
    await running?.server.close(0);
    const silent = await seriesOf([fromMetrics({ at: at(0) })], '', async () => Promise.reject(new Error('it is away')));
    expect(silent.series.remarks).toEqual(['Prometheus was asked, and gave nothing: it is away']);
    expect(sum(silent.series.clients[0]?.denied ?? [])).toBe(3);
  });

  it.each([
    ['?from=2026-03-01T12:00:00Z&to=2026-03-01T12:00:00Z', 400],
    ['?step=0', 400],
    ['?step=99999999999', 400],
    ['?from=yesterday', 400],
  ])('%s is refused', async (query, status) => {
    running = await startTestServer();
    await running.take([fromLog()]);
    const [incident] = await running.incidents();
    expect((await running.ask('GET', `/api/v1/incidents/${incident?.id}/series${query}`)).status).toBe(status);
    expect((await running.ask('GET', '/api/v1/incidents/i0/series')).status).toBe(404);
  });

  it('sum up to the count of the incident, whatever is counted by whom, when, and asked for', async () => {
    running = await startTestServer();
    const desk = running;
    const fact = fc
      .record({
        at: fc.option(fc.integer({ min: NOON, max: NOON + 10 ** 8 }), { freq: 5 }),
        tls: fc.constantFrom(WEB, JOB, NOBODY),
        ip: fc.option(fc.constantFrom(...[...Array(12).keys()].map((n) => `10.0.0.${n}`))),
        count: fc.integer({ min: 1, max: 50 }),
      })
      .map(({ ip, tls, ...rest }) => (ip === null ? fromMetrics : fromLog)({ ...rest, client: { ip, port: 1, tls } }));
    const query = fc.constantFrom('', '?step=60', '?from=2026-03-01T13:00:00Z', '?to=2026-03-01T13:00:00Z&step=5');
    let n = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fact, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 }),
        query,
        async (batches, asked) => {
          const server = { group: 'policy.linkerd.io', kind: 'server', name: `s${n++}` };
          for (const facts of batches) await desk.take(facts.map((one) => ({ ...one, server })));
          const incident = (await desk.incidents()).find((one) => one.server?.name === server.name);
          const { body } = await desk.ask('GET', `/api/v1/incidents/${incident?.id}/series${asked}`);
          const { clients, others, outside, undated, from, to, step } = shapes.incidentSeries.parse(body);
          const inside = sum([...clients, others].flatMap(({ denied }) => denied));
          expect([inside + outside + undated, sum(clients.map(({ count }) => count)) + others.count]).toEqual([
            incident?.count,
            incident?.count,
          ]);
          expect(Math.min(inside, outside, undated)).toBeGreaterThanOrEqual(0);
          const buckets = (Date.parse(to) - Date.parse(from)) / step / 1000;
          expect(new Set([...clients, others].map(({ denied }) => denied.length))).toEqual(new Set([buckets]));
          expect(buckets).toBeLessThanOrEqual(200);
          const page = shapes.incidentPage.parse((await desk.ask('GET', '/api/v1/incidents?with=series&limit=500')).body);
          const short = page.items.find(({ id }) => id === incident?.id)?.series?.denied ?? [];
          expect(short.length).toBeLessThanOrEqual(32);
          expect(sum(short)).toBeLessThanOrEqual(incident?.count ?? 0);
          if (batches.flat().every((one) => one.at !== null)) expect([sum(short), undated]).toEqual([incident?.count, 0]);
        },
      ),
      { numRuns: 60 },
    );
  }, 120_000);
});

describe('the recorded story', () => {
  let served: ServedStory | null = null;
  afterEach(async () => {
    await served?.remove();
    served = null;
  });

  async function check(story: ServedStory): Promise<void> {
    const get = async (path: string) => (await fetch(`${story.url}/api/v1/${path}`)).json();
    const { items } = shapes.incidentPage.parse(await get('incidents?with=series'));
    const denied = items.find((one) => one.route?.name === 'backend-routes' && one.kind === 'http-denied');
    expect(sum(denied?.series?.denied ?? [])).toBe(denied?.count);
    expect(denied?.series).toMatchObject({ from: '2026-11-23T09:23:00.000Z', step: 15 });
    const series = shapes.incidentSeries.parse(await get(`incidents/${denied?.id}/series`));
    const [frontend, scanner] = series.clients;
    expect([frontend?.identity, scanner?.ip]).toEqual(['frontend.production.serviceaccount.identity.linkerd.cluster.local', '10.42.0.28']);
    expect([sum(frontend?.denied ?? []), sum(scanner?.denied ?? []), series.undated, series.outside]).toEqual([frontend?.count, 4, 0, 0]);
    // Allowed until it is denied, and not a minute longer.
    const until = (Date.parse('2026-11-23T09:23:07Z') - Date.parse(series.from)) / 1000 / series.step;
    expect(sum(frontend?.allowed?.slice(0, Math.floor(until)) ?? [])).toBeGreaterThan(50);
    expect(sum(frontend?.allowed?.slice(Math.ceil(until + 60 / series.step)) ?? [])).toBe(0);
  }

  it('on SQLite', async () => {
    served = await serveStory(BEFORE_MENDED);
    await check(served);
  }, 120_000);

  it.skipIf(redisSkip !== null)(
    `on Redis${redisSkip === null ? '' : ` (${redisSkip})`}`,
    async () => {
      const redis = await startRedis();
      try {
        served = await serveStory(BEFORE_MENDED, { DENYWHY_STORE_DRIVER: 'redis', DENYWHY_REDIS_URL: redis.url });
        await check(served);
      } finally {
        await served?.remove();
        served = null;
        await redis.remove();
      }
    },
    60_000,
  );
});
