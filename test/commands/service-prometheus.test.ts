/** Polling from end to end, over HTTP and with a clock that tests set: what becomes an incident, what does not, and what status says. */
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PrometheusWork, type PrometheusWorkOptions, startPrometheus } from '../../src/commands/service-prometheus.ts';
import { createPrometheus } from '../../src/drivers/metrics-prometheus.ts';
import { createUpstream } from '../../src/drivers/upstream.ts';
import { createLogger, createMetrics } from '../../src/telemetry.ts';
import { readPolling } from '../../src/triage/polling.ts';
import { foldReadings } from '../../src/triage/readings.ts';
import { readSources, type SourceStatus } from '../../src/triage/sources.ts';
import type { WorkingSet } from '../../src/triage/working-set.ts';
import { type FakePrometheus, type FakeSeries, type Hardship, startFakePrometheus } from '../fake-prometheus.ts';
import { waitFor } from '../prometheus.ts';
import { alert, createDesk, type Desk, MINUTE, NOON } from '../triage/desk.ts';

const SECOND = 1000;
const HOUR = 60 * MINUTE;
const POD = { namespace: 'shop', pod: 'cart-1', instance: '10.0.0.1:4191', job: 'linkerd-proxy', deployment: 'cart' };
const OTHER = { ...POD, pod: 'cart-2', instance: '10.0.0.2:4191' };
const DENIED = {
  srv_group: 'policy.linkerd.io',
  srv_kind: 'server',
  srv_name: 'cart-http',
  route_kind: 'default',
  route_name: 'default',
  tls: 'true',
};

type Labels = Readonly<Record<string, string>>;
/** From one time to another, each 10 s. */
const scrapes = (from: number, to: number, value: (at: number) => number): FakeSeries['points'] =>
  Array.from(
    { length: Math.floor((to - from) / (10 * SECOND)) + 1 },
    (_, i) => [from + i * 10 * SECOND, value(from + i * 10 * SECOND)] as const,
  );
const proxy = (
  from: number,
  to: number,
  { pod = POD, started = NOON - 24 * HOUR, up = 1 }: { pod?: Labels; started?: number; up?: number } = {},
) => [
  { labels: { __name__: 'up', ...pod }, points: scrapes(from, to, () => up) },
  ...(up === 0 ? [] : [{ labels: { __name__: 'process_start_time_seconds', ...pod }, points: scrapes(from, to, () => started / SECOND) }]),
];
const denials = (client: string, from: number, to: number, value: (at: number) => number = () => 1, pod: Labels = POD): FakeSeries => ({
  labels: { __name__: 'inbound_http_authz_deny_total', ...pod, ...DENIED, client_id: client },
  points: scrapes(from, to, value),
});

let fake: FakePrometheus;
let desk: Desk;
let work: PrometheusWork | null = null;

beforeEach(async () => {
  fake = await startFakePrometheus(NOON);
  desk = createDesk();
});
afterEach(async () => {
  await work?.stop();
  await fake.close();
});

async function start(more: Partial<PrometheusWorkOptions> = {}): Promise<void> {
  await work?.stop();
  const upstream = await createUpstream({
    name: 'Prometheus',
    url: fake.url,
    credentials: { bearer: null, bearerFile: null, basic: null },
    headers: new Map(),
    tls: { ca: null, certificate: null, key: null, serverName: null, isVerified: true },
    timeout: 400,
    mostBytes: 8 * 2 ** 20,
  });
  work = startPrometheus({
    prometheus: createPrometheus(upstream),
    store: desk.store,
    intake: desk.intake,
    isLeader: () => true,
    cluster: '',
    ownCluster: '',
    every: 20,
    everyAllowed: MINUTE,
    resume: 6 * HOUR,
    mostSeries: 100_000,
    now: () => desk.clock.now,
    logger: createLogger(new Writable({ write: (_chunk, _encoding, done) => done() }), 'error'),
    metrics: createMetrics('0.0.0'),
    ...more,
  });
}

/** Both clocks go on, and a whole poll is made then. */
async function polledAt(at: number, timeout = 10_000): Promise<void> {
  [fake.now, desk.clock.now] = [at, at];
  expect(await waitFor(async () => (await readPolling(desk.store))?.deniedAt === at, timeout)).toBe(true);
  const begun = polls();
  expect(await waitFor(async () => polls() > begun + 1 && (await status())?.answeredAt === at, timeout)).toBe(true);
}
const polls = () => fake.queries.filter((query) => query === 'vector(time())').length;
const status = async (): Promise<SourceStatus | undefined> => (await readSources(desk.store)).find(({ id }) => id === 'prometheus');
async function counted(): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { id } of await desk.incidents())
    for (const { tls, metrics } of await desk.clients(id)) if (tls?.state === 'established') counts[tls.clientId ?? ''] = metrics.count;
  return counts;
}

describe('what is polled', () => {
  it('is nothing from before the first poll, then each first denial with the time of its scrape', async () => {
    fake.series = [
      ...proxy(NOON - HOUR, NOON + HOUR),
      denials('old', NOON - HOUR, NOON + HOUR, () => 50),
      denials('web', NOON + 20 * SECOND, NOON + HOUR),
    ];
    await start();
    await polledAt(NOON + 5 * SECOND);
    expect(await desk.incidents()).toEqual([]);
    expect(await status()).toMatchObject({ state: 'remarks', lag: 5 * SECOND, fault: null });
    await polledAt(NOON + 45 * SECOND);
    expect(await counted()).toEqual({ web: 1 });
    expect((await desk.incidents()).map(({ firstSeen, workload }) => [firstSeen, workload])).toEqual([
      [NOON + 20 * SECOND, { kind: 'Deployment', name: 'cart' }],
    ]);
    await polledAt(NOON + 5 * MINUTE);
    expect(await counted()).toEqual({ web: 1 });
  });

  it('is a new client that was first denied while its target was down', async () => {
    const back = NOON + 8 * MINUTE;
    fake.series = [
      ...proxy(NOON - MINUTE, NOON),
      ...proxy(NOON + 10 * SECOND, back - SECOND, { up: 0 }),
      ...proxy(back, back + HOUR),
      denials('old', NOON - MINUTE, NOON, () => 50),
      denials('old', back, back + HOUR, () => 50),
      denials('scanner', back, back + HOUR, () => 2),
    ];
    await start();
    for (let at = NOON; at <= back + MINUTE; at += MINUTE) await polledAt(at);
    expect(await counted()).toEqual({ scanner: 2 });
  });

  it('is nothing of a rollout, and the denials of the new pod', async () => {
    const rollout = NOON + 2 * MINUTE;
    fake.series = [
      ...proxy(NOON - MINUTE, rollout),
      denials('old', NOON - MINUTE, rollout, () => 50),
      ...proxy(rollout, rollout + HOUR, { pod: OTHER, started: rollout - 5 * SECOND }),
    ];
    await start();
    await polledAt(NOON);
    await polledAt(rollout + MINUTE);
    expect(await desk.incidents()).toEqual([]);
    fake.series.push(denials('web', rollout + 80 * SECOND, rollout + HOUR, () => 3, OTHER));
    await polledAt(rollout + 2 * MINUTE);
    expect(await counted()).toEqual({ web: 3 });
  });

  it('goes on where it was left after hours, in steps that Prometheus takes, with what pods counted that are gone', async () => {
    fake.series = [...proxy(NOON - MINUTE, NOON + 4 * HOUR)];
    await start();
    await polledAt(NOON);
    await work?.stop();
    const gone = NOON + HOUR;
    fake.series.push(
      ...proxy(gone, gone + 10 * MINUTE, { pod: OTHER, started: gone }),
      denials('batch', gone + MINUTE, gone + 10 * MINUTE, () => 7, OTHER),
      denials('web', NOON + 2 * HOUR, NOON + 4 * HOUR, () => 4),
    );
    fake.queries.length = 0;
    await start();
    await polledAt(NOON + 3 * HOUR + 17 * MINUTE);
    expect(await counted()).toEqual({ batch: 7, web: 4 });
    const seen = (await desk.incidents()).map(({ firstSeen, lastSeen }) => [firstSeen, lastSeen]);
    expect(seen).toEqual([[expect.any(Number), expect.any(Number)]]);
    expect(Math.abs((seen[0]?.[0] ?? 0) - (gone + MINUTE))).toBeLessThanOrEqual(15 * SECOND);
    expect(Math.abs((seen[0]?.[1] ?? 0) - (NOON + 2 * HOUR))).toBeLessThanOrEqual(15 * SECOND);
    // What every sample of three hours would be.
    expect(fake.queries.filter((query) => /\[\d+h\]$/.test(query))).toEqual([]);
  });

  it('is what was allowed, now and then', async () => {
    const allowed = {
      __name__: 'inbound_http_authz_allow_total',
      ...POD,
      ...DENIED,
      client_id: 'web',
      authz_kind: 'authorizationpolicy',
      authz_name: 'web',
    };
    const audited = { ...allowed, client_id: 'audited', authz_kind: 'default', authz_name: 'audit' };
    fake.series = [
      ...proxy(NOON - MINUTE, NOON + HOUR),
      { labels: allowed, points: scrapes(NOON - MINUTE, NOON + HOUR, (at) => (at < NOON ? 10 : 25)) },
      { labels: audited, points: scrapes(NOON + 10 * SECOND, NOON + HOUR, () => 2) },
    ];
    await start();
    await polledAt(NOON - 10 * SECOND);
    await polledAt(NOON + 30 * SECOND);
    expect(await desk.store.count('observations')).toBe(1);
    await polledAt(NOON + 2 * MINUTE);
    const [observed] = await desk.store.list('observations', { limit: 10 });
    expect(observed?.value).toMatchObject({ count: 15, client: { identity: 'web' } });
    expect((await desk.incidents()).map(({ kind, counted: { metrics } }) => [kind, metrics])).toEqual([['audit-allowed', 2]]);
  });
});

describe('side evidence', () => {
  const own403 = (value: (at: number) => number, pod: Labels = POD): FakeSeries => ({
    labels: {
      __name__: 'response_total',
      ...pod,
      ...DENIED,
      direction: 'inbound',
      client_id: 'web',
      authz_name: 'web',
      status_code: '403',
    },
    points: scrapes(NOON - HOUR, NOON + HOUR, value),
  });
  const failFast = (value: (at: number) => number, from = NOON - HOUR): FakeSeries => ({
    labels: {
      __name__: 'outbound_http_route_request_statuses_total',
      ...{ ...POD, pod: 'web-1', instance: '10.0.0.3:4191', deployment: 'web' },
      parent_kind: 'Service',
      parent_namespace: 'shop',
      parent_name: 'cart',
      parent_port: '80',
      http_status: '',
      error: 'FAIL_FAST',
    },
    points: scrapes(from, NOON + HOUR, value),
  });
  const WEB = { ...POD, pod: 'web-1', instance: '10.0.0.3:4191', deployment: 'web' };
  const kinds = async () =>
    (await desk.incidents()).map(({ kind, workload, counted: { metrics } }) => `${kind} ${workload?.name} ${metrics}`).toSorted();
  /** Side evidence is read each minute. */
  const minutes = async (last: number) => {
    for (let minute = 0; minute <= last; minute++) await polledAt(NOON + minute * MINUTE);
  };

  it('that is everyday makes no incident by itself', async () => {
    fake.series = [...proxy(NOON - HOUR, NOON + HOUR), own403((at) => Math.max(3, 3 + Math.floor((at - NOON) / MINUTE)))];
    await start();
    await minutes(3);
    expect(await kinds()).toEqual([]);
  });

  it('that is everyday stands beside an incident that a policy caused, with what was added, and does not keep it open', async () => {
    fake.series = [
      ...proxy(NOON - HOUR, NOON + HOUR),
      own403((at) => (at < NOON + 90 * SECOND ? 3 : 7)),
      denials('web', NOON + 20 * SECOND, NOON + HOUR),
    ];
    await start();
    await minutes(3);
    expect(await kinds()).toEqual(['application-refused cart 4', 'http-denied cart 1']);
    const before = (await desk.incidents()).find(({ kind }) => kind === 'http-denied');
    await polledAt(NOON + 10 * MINUTE);
    expect((await desk.incidents()).find(({ kind }) => kind === 'http-denied')?.activeAt).toBe(before?.activeAt);
  });

  it('of a client that reaches nothing is an incident: what was before the first poll is not, nor a rollout', async () => {
    fake.series = [...proxy(NOON - HOUR, NOON + HOUR, { pod: WEB }), failFast(() => 8)];
    await start();
    await minutes(1);
    expect(await kinds()).toEqual([]);
    const next = { ...WEB, pod: 'web-2', instance: '10.0.0.4:4191' };
    fake.series.push(...proxy(NOON + 80 * SECOND, NOON + HOUR, { pod: next, started: NOON + 75 * SECOND }));
    await polledAt(NOON + 2 * MINUTE);
    expect(await kinds()).toEqual([]);
    fake.series = [
      ...fake.series.filter(({ labels }) => labels['error'] !== 'FAIL_FAST'),
      failFast((at) => (at < NOON + 150 * SECOND ? 8 : 13)),
    ];
    await polledAt(NOON + 3 * MINUTE);
    expect(await kinds()).toEqual(['request-failed web 5']);
  });

  it('that is born, and begins again with its process, counts all that the new one shows', async () => {
    const restart = NOON + 2 * MINUTE;
    fake.series = [
      ...proxy(NOON - HOUR, restart - SECOND, { pod: WEB }),
      ...proxy(restart, NOON + HOUR, { pod: WEB, started: restart - 5 * SECOND }),
      failFast((at) => (at < restart ? 2 : 4), NOON + 30 * SECOND),
    ];
    await start();
    await minutes(4);
    expect(await kinds()).toEqual(['request-failed web 6']);
  });

  it('is asked for without what is 0, and is bounded by the answer', async () => {
    fake.series = proxy(NOON - HOUR, NOON + HOUR);
    await start();
    await polledAt(NOON);
    const asked = fake.queries.filter((query) => /outbound_|response_total|detect_http/.test(query) && !query.startsWith('count'));
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((query) => !query.endsWith('} > 0'))).toEqual([]);
  });

  it('of proxies that cannot be read comes from `up` where nobody tells of targets', async () => {
    fake.series = [...proxy(NOON - HOUR, NOON), ...proxy(NOON + 10 * SECOND, NOON + HOUR, { up: 0 })];
    await start();
    await minutes(5);
    expect((await desk.incidents()).map(({ kind, details }) => [kind, details[0]?.slice(0, 9)])).toEqual([['scrape-failed', 'up is 0: ']]);
    const remarks = (await status())?.remarks.join('\n');
    expect(remarks).toContain('Prometheus cannot read 1 proxy: shop/cart-1');
    expect(remarks).toContain('It does not tell which proxies cannot be scraped');
  });
});

describe('a pod that is polled, and pushes its page as well', () => {
  it('counts once, whichever comes first', async () => {
    let value = 50;
    fake.series = [
      ...proxy(NOON - HOUR, NOON + HOUR),
      denials('web', NOON - HOUR, NOON + HOUR, (at) => (at < NOON + 40 * SECOND ? 50 : 53)),
    ];
    await start();
    await polledAt(NOON);
    const push = async (at: number) => {
      const labels = new Map(Object.entries({ ...DENIED, client_id: 'web' }));
      const samples = [
        { metric: 'process_start_time_seconds', labels: new Map<string, string>(), value: (NOON - 24 * HOUR) / SECOND, at: null },
        { metric: 'inbound_http_authz_deny_total', labels, value, at: null },
      ];
      const reporter = { cluster: '', namespace: 'shop', pod: 'cart-1', workload: null };
      const also = (set: WorkingSet) => foldReadings(set, { name: 'pushed', reporter, at, samples });
      await desk.intake.accept({ id: null, facts: [], alerts: [], also });
    };
    await push(NOON + 5 * SECOND);
    expect(await counted()).toEqual({});
    await polledAt(NOON + 45 * SECOND);
    value = 53;
    await push(NOON + 46 * SECOND);
    expect(await counted()).toEqual({ web: 3 });
    value = 54;
    await push(NOON + 50 * SECOND);
    fake.series = [
      ...proxy(NOON - HOUR, NOON + HOUR),
      denials('web', NOON - HOUR, NOON + HOUR, (at) => (at < NOON + 48 * SECOND ? 53 : 54)),
    ];
    await polledAt(NOON + MINUTE);
    expect(await counted()).toEqual({ web: 4 });
  });
});

describe('many series', () => {
  it('are asked for in pieces that hold whole proxies, and each counts once', { timeout: 60_000 }, async () => {
    const pods = Array.from({ length: 600 }, (_, i) => ({
      namespace: i < 550 ? 'big' : `small-${i % 5}`,
      pod: `web-${i.toString(36)}`,
      instance: `10.1.0.${i}:4191`,
      job: 'linkerd-proxy',
      deployment: 'web',
    }));
    fake.series = pods.flatMap((pod) => [
      ...proxy(NOON - 20 * SECOND, NOON + MINUTE, { pod }),
      ...Array.from({ length: 20 }, (_, c) => denials(`client-${c}`, NOON - 20 * SECOND, NOON + MINUTE, (at) => (at > NOON ? 2 : 1), pod)),
    ]);
    let largest = 0;
    fake.hardship = ({ query }) => {
      if (query.startsWith('{')) largest = Math.max(largest, query.length);
      return false;
    };
    await start({ mostSeries: 50_000 });
    await polledAt(NOON, 30_000);
    const before = fake.queries.length;
    await polledAt(NOON + 30 * SECOND, 30_000);
    const incidents = await desk.incidents();
    expect(incidents.map(({ namespace, counted: { metrics } }) => [namespace, metrics]).toSorted()).toEqual([
      ['big', 11_000],
      ...[0, 1, 2, 3, 4].map((i) => [`small-${i}`, 200]),
    ]);
    const asked = fake.queries
      .slice(before)
      .filter((query) => query.includes('inbound_http_authz_deny_total') && !query.startsWith('count'));
    expect(asked.length).toBeGreaterThan(2);
    expect(largest).toBeLessThan(2000);
  });

  it('beyond the limit are not followed, and status says which', async () => {
    fake.series = [
      ...proxy(NOON - MINUTE, NOON + HOUR),
      ...Array.from({ length: 30 }, (_, i) => denials(`c-${i}`, NOON - MINUTE, NOON + HOUR)),
    ];
    await start({ mostSeries: 20 });
    await polledAt(NOON);
    expect((await status())?.remarks).toContain('There are more than 20 series; not polled: shop. Raise prometheus.series.');
  });
});

describe('a Prometheus in trouble is a line of status, and makes no incident', () => {
  const page: (status: number, body: string) => Hardship = (code, body) => (_, response) => {
    response.writeHead(code).end(body);
    return true;
  };
  const error = (code: number, message: string) => page(code, JSON.stringify({ status: 'error', errorType: 'x', error: message }));
  it.each<readonly [string, Hardship, string]>([
    ['a login page', page(200, '<html>'), 'a page instead of JSON'],
    ['an answer that is cut off', page(200, '{"status":"success","data":{"resultType":"vector","result":[{"metric"'), 'cut off'],
    ['a server that is starting', page(503, 'Service Unavailable'), '(503)'],
    ['credentials that are wrong', page(401, ''), 'wants credentials'],
    [
      'a redirect',
      (_, response) => {
        response.writeHead(302, { Location: 'http://elsewhere' }).end();
        return true;
      },
      'redirects elsewhere',
    ],
    ['no answer', () => true, 'did not answer within 0.4 s'],
    ['too many points', error(400, 'exceeded maximum resolution of 11,000 points per timeseries.'), '11,000 points'],
    ['too many samples', error(422, 'query processing would load too many samples into memory in query execution'), 'too many samples'],
    [
      'an answer without end',
      (_, response) => {
        response.write(`{${' '.repeat(9 * 2 ** 20)}`);
        return true;
      },
      'more than 8 MiB',
    ],
    [
      'a connection that breaks',
      (_, response) => {
        response.destroy();
        return true;
      },
      'closed the connection',
    ],
  ])('%s', async (_, hardship, message) => {
    fake.series = [
      ...proxy(NOON - HOUR, NOON + HOUR),
      denials('old', NOON - HOUR, NOON + HOUR, () => 50),
      denials('web', NOON + 20 * SECOND, NOON + HOUR),
    ];
    await start();
    await polledAt(NOON);
    fake.hardship = hardship;
    expect(await waitFor(async () => (await status())?.state === 'failing', 10_000)).toBe(true);
    [fake.now, desk.clock.now] = [NOON + MINUTE, NOON + MINUTE];
    expect(await waitFor(async () => (await status())?.at === NOON + MINUTE, 10_000)).toBe(true);
    const said = await status();
    expect(said?.fault?.message).toContain(message);
    expect(said?.fault?.remedy).not.toBe('');
    expect(said).toMatchObject({ state: 'failing', answeredAt: NOON, fault: { since: NOON } });
    expect(await desk.incidents()).toEqual([]);
    fake.hardship = null;
    await polledAt(NOON + 2 * MINUTE);
    expect((await status())?.fault).toBeNull();
    expect(await counted()).toEqual({ web: 1 });
  });

  it('values that are no counts count nothing', async () => {
    const lies = [Number.NaN, Number.POSITIVE_INFINITY, -5];
    fake.series = [
      ...proxy(NOON - HOUR, NOON + HOUR),
      denials('web', NOON + 20 * SECOND, NOON + HOUR, (at) => lies[Math.floor(at / 10_000) % 3] ?? 0),
    ];
    await start();
    await polledAt(NOON);
    await polledAt(NOON + MINUTE);
    expect(await desk.incidents()).toEqual([]);
  });

  it('a partial answer makes no proxy known: what it left out was there before', async () => {
    const old = denials('old', NOON - HOUR, NOON + HOUR, () => 50);
    fake.series = proxy(NOON - HOUR, NOON + HOUR);
    fake.warnings = ['store-1 is unavailable'];
    await start();
    await polledAt(NOON);
    expect((await status())?.remarks).toContain('Prometheus warns that its answer may not be whole: store-1 is unavailable');
    fake.warnings = [];
    fake.series.push(old);
    await polledAt(NOON + MINUTE);
    await polledAt(NOON + 2 * MINUTE);
    expect(await desk.incidents()).toEqual([]);
  });

  it('a clock that is wrong is said', async () => {
    fake.series = proxy(NOON - HOUR, NOON + HOUR);
    await start();
    fake.now = NOON + 90 * SECOND;
    expect(await waitFor(async () => (await status())?.remarks[0]?.startsWith('Its clock is 90 s ahead') === true, 5000)).toBe(true);
  });
});

describe('proxies that cannot be read', () => {
  const target = (pod: Labels, lastError: string) => ({
    labels: pod,
    health: lastError === '' ? 'up' : 'down',
    lastError,
    lastScrape: '2026-03-01T11:59:55Z',
  });

  it('by policy are an incident and a line of status; others only when they stay so', async () => {
    fake.targets = {
      activeTargets: [
        target(POD, 'server returned HTTP status 403 Forbidden'),
        target(OTHER, 'context deadline exceeded'),
        target({ ...POD, pod: 'web-1', deployment: 'web' }, ''),
      ],
    };
    await start();
    await polledAt(NOON);
    expect((await desk.incidents()).map(({ kind }) => kind)).toEqual(['scrape-refused']);
    expect((await status())?.remarks).toEqual([
      '1 proxy refuses Prometheus by policy (403 on port 4191), so that no rule sees what is denied there: shop/cart-1. Allow Prometheus there: linkerd viz allow-scrapes shows the objects.',
    ]);
    for (const minute of [1, 2, 3]) await polledAt(NOON + minute * MINUTE);
    expect((await desk.incidents()).map(({ kind }) => kind).toSorted()).toEqual(['scrape-failed', 'scrape-refused']);
    fake.targets = { activeTargets: [] };
    await polledAt(NOON + 5 * MINUTE);
    expect((await status())?.remarks).toEqual([]);
  });
});

describe('the cluster of facts that name none', () => {
  it.each([
    ['is that of the external labels', '', '{cluster: north, replica: a}', 'north'],
    ['is the configured one before that', 'south', '{cluster: north}', 'south'],
    ['is not known', '', '{replica: a}', ''],
  ])('%s', async (_, cluster, externalLabels, expected) => {
    fake.externalLabels = externalLabels;
    fake.series = [...proxy(NOON - HOUR, NOON + HOUR), denials('web', NOON + 20 * SECOND, NOON + HOUR)];
    await start({ cluster });
    await polledAt(NOON);
    await polledAt(NOON + MINUTE);
    expect((await desk.incidents()).map((incident) => incident.cluster)).toEqual([expected]);
    expect(work?.cluster()).toBe(expected);
  });

  it('that differs from the name of denywhy’s own is said', async () => {
    fake.externalLabels = '{cluster: north}';
    await start({ ownCluster: 'prod' });
    await polledAt(NOON);
    expect((await status())?.remarks.join(' ')).toContain('Set cluster.name');
  });
});

describe('an alert', () => {
  const LABELS = {
    alertname: 'LinkerdRequestsDenied',
    namespace: 'shop',
    workload_kind: 'Deployment',
    workload_name: 'cart',
    srv_group: 'policy.linkerd.io',
    srv_kind: 'server',
    srv_name: 'cart-http',
  };
  /** As the webhook does it. */
  const take = async (labels: Labels) => {
    const fired = alert({ labels, startsAt: desk.clock.now });
    await desk.take([], [fired]);
    work?.look([fired]);
  };

  it('is looked at at once, also by a process that does not poll', async () => {
    fake.series = proxy(NOON - HOUR, NOON + HOUR);
    await start();
    await polledAt(NOON);
    await start({ every: HOUR, isLeader: () => false });
    fake.series.push(denials('web', NOON + 10 * SECOND, NOON + HOUR, () => 3));
    [fake.now, desk.clock.now] = [NOON + 15 * SECOND, NOON + 15 * SECOND];
    await take(LABELS);
    expect(await waitFor(async () => (await counted())['web'] === 3, 5000)).toBe(true);
    expect((await desk.incidents()).map(({ waitingForEvidence, alerts }) => [waitingForEvidence, alerts.length])).toEqual([[false, 1]]);
    expect(await readPolling(desk.store)).toMatchObject({ deniedAt: NOON });
  });

  it('about what was counted before the first poll gets the clients that its labels select, once', async () => {
    const elsewhere = { ...DENIED, srv_name: 'cart-admin' };
    fake.series = [
      ...proxy(NOON - HOUR, NOON + HOUR),
      denials('web', NOON - HOUR, NOON + HOUR, () => 3),
      {
        labels: { ...denials('admin', 0, 0).labels, ...elsewhere, client_id: 'admin' },
        points: scrapes(NOON - HOUR, NOON + HOUR, () => 9),
      },
    ];
    await start();
    await polledAt(NOON);
    await take(LABELS);
    const clients = async () => {
      const [incident] = await desk.incidents();
      return incident === undefined ? [] : desk.clients(incident.id);
    };
    expect(await waitFor(async () => (await clients()).length > 0, 5000)).toBe(true);
    await take(LABELS);
    await polledAt(NOON + MINUTE);
    expect((await clients()).map(({ tls, metrics }) => [tls, metrics.before, metrics.count])).toEqual([
      [{ state: 'established', clientId: 'web' }, 3, 0],
    ]);
    expect(await desk.incidents()).toHaveLength(1);
  });

  it.each([
    ['of hostile labels', { ...LABELS, namespace: 'x"} or up{job="', workload_name: '.*' }],
    ['of another cluster', { ...LABELS, cluster: 'south' }],
  ])('%s reads no series of others', async (_, labels) => {
    fake.externalLabels = '{cluster: north}';
    fake.series = proxy(NOON - HOUR, NOON + HOUR);
    await start();
    await polledAt(NOON);
    fake.series.push(denials('web', NOON - 10 * SECOND, NOON + HOUR, () => 3));
    await start({ every: HOUR, isLeader: () => false, cluster: 'north' });
    fake.queries.length = 0;
    await take(labels);
    expect(await waitFor(async () => fake.queries.includes('vector(time())'), 5000)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await counted()).toEqual({});
  });
});
