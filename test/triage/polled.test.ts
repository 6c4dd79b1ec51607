import { describe, expect, it } from 'vitest';
import type { Sample } from '../../src/evidence/metrics-sample.ts';
import { byTarget } from '../../src/evidence/metrics-targets.ts';
import { foldPolled, MOST_SERIES, type PolledReading } from '../../src/triage/polled.ts';
import { createPolledChanges } from '../../src/triage/polled-changes.ts';
import type { WorkingSet } from '../../src/triage/working-set.ts';
import { createDesk, type Desk, MINUTE, NOON } from './desk.ts';

const SECOND = 1000;
const POD = { namespace: 'shop', pod: 'cart-1', instance: '10.0.0.1:4191', job: 'linkerd-proxy', deployment: 'cart' };
const DENIED = {
  srv_group: 'policy.linkerd.io',
  srv_kind: 'server',
  srv_name: 'cart-http',
  route_kind: 'default',
  route_name: 'default',
  tls: 'true',
};

type Labels = Readonly<Record<string, string>>;
type Points = readonly (readonly [seconds: number, value: number])[];

/** One series, its points in seconds after noon. */
const series = (metric: string, labels: Labels, points: Points): readonly Sample[] => {
  const shared = new Map(Object.entries(labels));
  return points.map(([at, value]) => ({ metric, labels: shared, value, at: NOON + at * SECOND }));
};
const denied = (client: string, points: Points, pod: Labels = POD) =>
  series('inbound_http_authz_deny_total', { ...pod, ...DENIED, client_id: client }, points);
const up = (points: Points, pod: Labels = POD) => series('up', pod, points);
/** A process that started so many seconds after noon. */
const started = (start: number, seen: readonly number[], pod: Labels = POD) =>
  series(
    'process_start_time_seconds',
    pod,
    seen.map((at) => [at, NOON / SECOND + start]),
  );

const OLD = -86_400;
const NOBODY = { cluster: '', namespace: null, pod: null, workload: null };

/** A denywhy that has read Prometheus since noon, and polls it as often as it is told to. */
function createPolling(desk: Desk = createDesk()) {
  const changes = createPolledChanges(1000);
  const poll = async (samples: readonly (readonly Sample[])[], more: Partial<PolledReading> = {}) => {
    const { targets } = byTarget(samples.flat(), NOON + 86_400_000, NOBODY);
    const changed = changes.select(targets);
    const reading: PolledReading = {
      scope: 'denied',
      name: 'prometheus',
      reporter: NOBODY,
      since: NOON,
      isComplete: true,
      targets: changed.map(({ target }) => target),
      ...more,
    };
    await desk.intake.accept({ id: null, facts: [], alerts: [], also: (set: WorkingSet) => foldPolled(set, reading) });
    for (const one of changed) one.remember();
    return changed.length;
  };
  return { desk, poll, forget: () => changes.forget() };
}

/** Denials by client, as the incidents count them. */
async function counted(desk: Desk): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { id } of await desk.incidents())
    for (const { tls, metrics } of await desk.clients(id))
      if (tls?.state === 'established') counts[tls.clientId ?? ''] = (counts[tls.clientId ?? ''] ?? 0) + metrics.count;
  return counts;
}

describe('the first denial of a client', () => {
  it('is seen when its proxy was read before without it', async () => {
    const { desk, poll } = createPolling();
    await poll([up([[0, 1]]), started(OLD, [0])]);
    await poll([up([[15, 1]]), started(OLD, [15]), denied('web', [[15, 1]])]);
    expect(await counted(desk)).toEqual({ web: 1 });
  });

  it('is seen once, however often the windows of the polls overlap', async () => {
    const { desk, poll } = createPolling();
    await poll([started(OLD, [0])]);
    for (let n = 1; n < 6; n++)
      await poll([
        started(OLD, [n * 15]),
        denied(
          'web',
          Array.from({ length: n }, (_, i) => [(i + 1) * 15, 1] as const),
        ),
      ]);
    expect(await counted(desk)).toEqual({ web: 1 });
  });

  it('is seen when it came while the target was down', async () => {
    const { desk, poll } = createPolling();
    await poll([up([[0, 1]]), started(OLD, [0]), denied('web', [[0, 50]])]);
    await poll([
      up([
        [30, 0],
        [60, 0],
      ]),
    ]);
    await poll([up([[480, 1]]), started(OLD, [480]), denied('web', [[480, 50]]), denied('scanner', [[480, 2]])]);
    expect(await counted(desk)).toEqual({ scanner: 2 });
  });

  it('is seen when nobody has read the proxy before and it is younger than the first poll', async () => {
    const { desk, poll } = createPolling();
    await poll([started(120, [130]), denied('web', [[130, 1]])]);
    expect(await counted(desk)).toEqual({ web: 1 });
  });

  it('is seen after denywhy was down, and so is what a pod counted that is gone', async () => {
    const { desk, poll, forget } = createPolling();
    await poll([started(OLD, [0])]);
    forget();
    const gone = { ...POD, pod: 'cart-2', instance: '10.0.0.2:4191' };
    await poll([
      started(OLD, [600, 660, 720]),
      denied('web', [
        [660, 1],
        [720, 4],
      ]),
      started(610, [660], gone),
      denied('batch', [[660, 7]], gone),
    ]);
    expect(await counted(desk)).toEqual({ web: 4, batch: 7 });
  });
});

describe('what is not new makes no incident', () => {
  it.each<readonly [string, (polling: ReturnType<typeof createPolling>) => Promise<unknown>]>([
    ['denials from before the first poll', ({ poll }) => poll([up([[0, 1]]), started(OLD, [0]), denied('web', [[0, 50]])])],
    [
      'a series that was born before a proxy was known, within the first window',
      ({ poll }) =>
        poll([
          up([
            [-30, 1],
            [0, 1],
          ]),
          started(OLD, [-30, 0]),
          denied('web', [[0, 50]]),
        ]),
    ],
    [
      'a rollout without denials',
      async ({ poll }) => {
        await poll([started(OLD, [0]), denied('web', [[0, 50]])]);
        await poll([started(20, [30], { ...POD, pod: 'cart-2', instance: '10.0.0.2:4191' })]);
      },
    ],
    [
      'a target that is down for eight minutes',
      async ({ poll }) => {
        await poll([up([[0, 1]]), started(OLD, [0]), denied('web', [[0, 50]])]);
        for (let at = 60; at < 480; at += 60) await poll([up([[at, 0]])]);
        await poll([up([[480, 1]]), started(OLD, [480]), denied('web', [[480, 50]])]);
      },
    ],
    [
      'a Prometheus that is down for eight minutes',
      async ({ poll }) => {
        await poll([up([[0, 1]]), started(OLD, [0]), denied('web', [[0, 50]])]);
        await poll([up([[480, 1]]), started(OLD, [480]), denied('web', [[480, 50]])]);
      },
    ],
    [
      'a process of denywhy that is another one',
      async ({ poll, forget }) => {
        await poll([started(OLD, [0]), denied('web', [[0, 50]])]);
        forget();
        await poll([started(OLD, [15]), denied('web', [[15, 50]])]);
      },
    ],
    [
      'a label that somebody puts on the pod',
      async ({ poll }) => {
        await poll([started(OLD, [0]), denied('web', [[0, 50]])]);
        await poll([started(OLD, [15], { ...POD, team: 'a' }), denied('web', [[15, 50]], { ...POD, team: 'a' })]);
      },
    ],
    [
      'a second scrape job',
      async ({ poll }) => {
        await poll([started(OLD, [0]), denied('web', [[0, 50]])]);
        const twice = { ...POD, job: 'linkerd/linkerd-proxy' };
        await poll([started(OLD, [15]), denied('web', [[15, 50]]), started(OLD, [16], twice), denied('web', [[16, 50]], twice)]);
      },
    ],
    [
      'a proxy of which a partial answer shows a part',
      async ({ poll }) => {
        await poll([started(OLD, [0])], { isComplete: false });
        await poll([started(OLD, [15]), denied('web', [[15, 50]])]);
      },
    ],
    [
      'values that are no counts',
      async ({ poll }) => {
        await poll([started(OLD, [0])]);
        await poll([
          started(OLD, [15]),
          denied('web', [
            [15, Number.NaN],
            [16, -1],
            [17, Number.POSITIVE_INFINITY],
          ]),
        ]);
      },
    ],
  ])('%s', async (_, happen) => {
    const polling = createPolling();
    await happen(polling);
    expect(await polling.desk.incidents()).toEqual([]);
  });
});

describe('a restart of the proxy', () => {
  it.each<readonly [string, number, number, number]>([
    ['that counts less than before', 50, 3, 3],
    ['that counts as much as before', 1, 1, 1],
    ['that has come further than before', 5, 60, 60],
  ])('%s: all that the new process counted is news', async (_, before, after, expected) => {
    const { desk, poll } = createPolling();
    await poll([started(OLD, [0]), denied('web', [[0, before]])]);
    await poll([
      started(OLD, [15]),
      started(100, [120]),
      denied('web', [
        [15, before],
        [120, after],
      ]),
    ]);
    expect(await counted(desk)).toEqual({ web: expected });
  });

  it.each<readonly [string, number, number]>([
    ['as often as', 2, 2],
    ['more often than', 2, 5],
    ['less often than', 5, 2],
  ])(
    'that denies nobody at first: whom it denies later, %s the process before, is news, while the windows still show that one',
    async (_, before, after) => {
      const { desk, poll, forget } = createPolling();
      await poll([started(OLD, [0]), denied('web', [[0, before]])]);
      await poll([started(OLD, [15]), started(100, [120, 135]), denied('web', [[15, before]])]);
      await poll([started(OLD, [15]), started(100, [120, 135, 150]), denied('web', [[15, before]])]);
      const later = [
        started(100, [120, 135, 150, 165]),
        denied('web', [
          [15, before],
          [165, after],
        ]),
      ];
      await poll([started(OLD, [15]), ...later]);
      await poll(later);
      forget();
      await poll(later);
      expect(await counted(desk)).toEqual({ web: after });
    },
  );

  it('is no second one when its first reading is read again', async () => {
    const { desk, poll } = createPolling();
    await poll([started(OLD, [0]), denied('web', [[0, 5]])]);
    const after = [
      started(OLD, [15]),
      started(100, [120]),
      denied('web', [
        [15, 5],
        [120, 2],
      ]),
    ];
    await poll(after);
    await poll(after);
    expect(await counted(desk)).toEqual({ web: 2 });
  });
});

it('two processes that poll at once count once', async () => {
  const one = createPolling();
  const other = createPolling(createDesk({ memory: one.desk.memory }));
  await one.poll([started(OLD, [0])]);
  await Promise.all([one, other].map(({ poll }) => poll([started(OLD, [15]), denied('web', [[15, 3]])])));
  expect(await counted(one.desk)).toEqual({ web: 3 });
});

it('two jobs that read one proxy count once', async () => {
  const { desk, poll } = createPolling();
  await poll([started(OLD, [0])]);
  const twice = { ...POD, job: 'linkerd/linkerd-proxy' };
  await poll([
    started(OLD, [15]),
    denied('web', [
      [15, 2],
      [25, 3],
    ]),
    denied(
      'web',
      [
        [16, 2],
        [26, 4],
      ],
      twice,
    ),
  ]);
  expect(await counted(desk)).toEqual({ web: 4 });
});

it('counters that stand still are not written again', async () => {
  const { poll } = createPolling();
  await poll([started(OLD, [0]), denied('web', [[0, 5]])]);
  expect(await poll([started(OLD, [15]), denied('web', [[15, 5]])])).toBe(0);
  expect(await poll([started(OLD, [30]), denied('web', [[30, 6]])])).toBe(1);
});

it('a client that chooses a new SNI each time fills no memory, and what is known still counts', async () => {
  const { desk, poll } = createPolling();
  await poll([started(OLD, [0]), denied('web', [[0, 1]])]);
  const flood = Array.from({ length: MOST_SERIES + 500 }, (_, i) =>
    series('inbound_tcp_authz_deny_total', { ...POD, ...DENIED, tls: 'opaque', sni: `n${i}` }, [[15, 1]]),
  );
  await poll([started(OLD, [15]), ...flood, denied('web', [[15, 4]])]);
  const [reading] = await desk.store.list('readings', { limit: 10 });
  expect(reading?.value).toHaveProperty('series');
  expect(Object.keys(Object(reading?.value).series)).toHaveLength(MOST_SERIES);
  expect(await counted(desk)).toMatchObject({ web: 3 });
});

it('the time of a denial is that of the scrape that showed it', async () => {
  const { desk, poll } = createPolling();
  await poll([started(OLD, [0])]);
  await poll([
    started(OLD, [15]),
    denied('web', [
      [15, 1],
      [25, 1],
      [35, 2],
    ]),
  ]);
  expect((await desk.incidents()).map(({ firstSeen, lastSeen }) => [firstSeen, lastSeen])).toEqual([
    [NOON + 15 * SECOND, NOON + 35 * SECOND],
  ]);
});

it('samples without a time, of the future, or of no target are dropped and counted', () => {
  const samples = [
    ...denied('web', [[0, 1]]),
    ...denied('late', [[7200, 1]]),
    ...series('inbound_http_authz_deny_total', { client_id: 'nobody' }, [[0, 1]]),
    { metric: 'inbound_http_authz_deny_total', labels: new Map(Object.entries(POD)), value: 1, at: null },
    ...series('go_goroutines', POD, [[0, 1]]),
  ];
  const { targets, dropped } = byTarget(samples, NOON + MINUTE, NOBODY);
  expect(dropped).toBe(3);
  expect(targets.flatMap(({ series: all }) => all.flatMap(({ points }) => points))).toEqual([{ at: NOON, value: 1 }]);
});
