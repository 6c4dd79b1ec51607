import { describe, expect, it } from 'vitest';
import type { Sample } from '../../src/evidence/metrics-sample.ts';
import { byTarget } from '../../src/evidence/metrics-targets.ts';
import { foldPolled } from '../../src/triage/polled.ts';
import { savePolling } from '../../src/triage/polling.ts';
import { foldReadings } from '../../src/triage/readings.ts';
import type { WorkingSet } from '../../src/triage/working-set.ts';
import { createDesk, type Desk, MINUTE, NOON } from './desk.ts';

const REPORTER = { cluster: '', namespace: 'shop', pod: 'cart-1', workload: { kind: 'Deployment', namespace: 'shop', name: 'cart' } };
const LABELS = {
  srv_group: 'policy.linkerd.io',
  srv_kind: 'server',
  srv_name: 'cart-http',
  route_kind: 'default',
  route_name: 'default',
  target_port: '8080',
  tls: 'no_identity',
  no_tls_reason: 'no_tls_from_remote',
};

const denied = (value: number, more: Readonly<Record<string, string>> = {}): Sample => ({
  metric: 'inbound_http_authz_deny_total',
  labels: new Map(Object.entries({ ...LABELS, ...more })),
  value,
  at: null,
});
const started: Sample = { metric: 'process_start_time_seconds', labels: new Map(), value: (NOON - 60 * MINUTE) / 1000, at: null };

async function push(desk: Desk, samples: readonly Sample[], at: number, id: string | null = null) {
  const also = (set: WorkingSet) => foldReadings(set, { name: 'pushed', reporter: REPORTER, at, samples });
  return desk.intake.accept({ id, facts: [], alerts: [], also });
}

const counted = async (desk: Desk) => (await desk.incidents()).map((i) => i.counted);

describe('counters that are pushed', () => {
  it('count what was added since the last push of the same target', async () => {
    const desk = createDesk();
    await push(desk, [started, denied(5)], NOON);
    expect(await counted(desk)).toEqual([]);
    await push(desk, [started, denied(7)], NOON + MINUTE);
    await push(desk, [started, denied(7)], NOON + 2 * MINUTE);
    await push(desk, [started, denied(8)], NOON + 3 * MINUTE);
    expect(await counted(desk)).toEqual([{ metrics: 3, logs: 0, before: 0 }]);
  });

  it('see the first denial of a series whose target was read before', async () => {
    const desk = createDesk();
    await push(desk, [started], NOON);
    await push(desk, [started, denied(1)], NOON + MINUTE);
    expect(await counted(desk)).toEqual([{ metrics: 1, logs: 0, before: 0 }]);
  });

  it('begin again after a restart of the proxy', async () => {
    const desk = createDesk();
    await push(desk, [started, denied(5)], NOON);
    await push(desk, [started, denied(2)], NOON + MINUTE);
    expect(await counted(desk)).toEqual([{ metrics: 2, logs: 0, before: 0 }]);
  });

  it('are not counted twice when two processes take pushes of one target at once', async () => {
    const desk = createDesk();
    const other = createDesk({ memory: desk.memory });
    await push(desk, [started, denied(0)], NOON);
    await Promise.all([push(desk, [started, denied(4)], NOON + MINUTE), push(other, [started, denied(4)], NOON + MINUTE + 1)]);
    expect(await counted(desk)).toEqual([{ metrics: 4, logs: 0, before: 0 }]);
  });

  it('follow each target alone', async () => {
    const desk = createDesk();
    const [a, b] = [
      { pod: 'cart-1', namespace: 'shop' },
      { pod: 'cart-2', namespace: 'shop' },
    ];
    await push(desk, [denied(5, a), denied(50, b)], NOON);
    await push(desk, [denied(6, a)], NOON + MINUTE);
    await push(desk, [denied(52, b)], NOON + 2 * MINUTE);
    expect(await counted(desk)).toEqual([{ metrics: 3, logs: 0, before: 0 }]);
    expect(await desk.store.count('readings')).toBe(2);
  });

  it('that come within one millisecond all count', async () => {
    const desk = createDesk();
    for (const value of [0, 1, 3, 6, 10]) await push(desk, [started, denied(value)], NOON);
    expect(await counted(desk)).toEqual([{ metrics: 10, logs: 0, before: 0 }]);
  });

  it('that come late, with an earlier time, add nothing', async () => {
    const desk = createDesk();
    const at = (sample: Sample, time: number) => ({ ...sample, at: time });
    await push(desk, [at(denied(5), NOON)], NOON);
    await push(desk, [at(denied(9), NOON + MINUTE)], NOON + 2 * MINUTE);
    await push(desk, [at(denied(7), NOON + 1000)], NOON + 3 * MINUTE);
    await push(desk, [at(denied(10), NOON + 2 * MINUTE)], NOON + 4 * MINUTE);
    expect(await counted(desk)).toEqual([{ metrics: 5, logs: 0, before: 0 }]);
  });
});

describe('a pod that is pushed and polled', () => {
  const SCRAPED = { namespace: 'shop', pod: 'cart-1', instance: '10.0.0.1:4191', job: 'linkerd-proxy', deployment: 'cart' };
  const SINCE = NOON - MINUTE;

  /** As Prometheus shows it: one sample, with its time and the labels of the target. */
  const poll = async (desk: Desk, samples: readonly Sample[], at: number) => {
    const scraped = samples.map(({ labels, ...sample }) => ({ ...sample, at, labels: new Map([...Object.entries(SCRAPED), ...labels]) }));
    const reporter = { cluster: '', namespace: null, pod: null, workload: null };
    const { targets } = byTarget(scraped, at, reporter);
    const reading = { scope: 'denied', name: 'prometheus', reporter, since: SINCE, isComplete: true, targets } as const;
    return desk.intake.accept({ id: null, facts: [], alerts: [], also: (set: WorkingSet) => foldPolled(set, reading) });
  };
  const polled = async () => {
    const desk = createDesk();
    await savePolling(desk.store, { since: SINCE, deniedAt: NOON, allowedAt: null, sideAt: null, newest: null, cluster: '' });
    await poll(desk, [started, denied(5)], NOON);
    return desk;
  };
  const S = 1000;

  it.each<readonly [string, readonly (readonly ['push' | 'poll', value: number, at: number])[], number]>([
    [
      'counts what either says first, once',
      [
        ['push', 7, 10],
        ['poll', 7, 15],
        ['poll', 8, 30],
        ['push', 8, 40],
        ['push', 9, 55],
        ['poll', 9, 60],
      ],
      4,
    ],
    [
      'counts nothing that was polled before it was pushed',
      [
        ['push', 5, 10],
        ['push', 5, 20],
      ],
      0,
    ],
    [
      'takes a scrape of before the push for no restart',
      [
        ['push', 9, 10],
        ['poll', 6, 9],
        ['poll', 9, 24],
      ],
      4,
    ],
    [
      'takes a page that was long on its way for no restart',
      [
        ['poll', 9, 30],
        ['push', 6, 31],
        ['poll', 10, 45],
      ],
      5,
    ],
    [
      'takes a clock that is ahead for no restart',
      [
        ['poll', 9, 90],
        ['push', 11, 40],
        ['poll', 12, 105],
      ],
      7,
    ],
  ])('%s', async (_, steps, expected) => {
    const desk = await polled();
    for (const [by, value, at] of steps)
      if (by === 'poll') await poll(desk, [started, denied(value)], NOON + at * S);
      else await push(desk, [started, denied(value)], NOON + at * S);
    expect(await counted(desk)).toEqual(expected === 0 ? [] : [{ metrics: expected, logs: 0, before: 0 }]);
  });

  it('and restarts counts all that the new process shows, once, and nothing more of the old one', async () => {
    const desk = await polled();
    const again: Sample = { ...started, value: (NOON + 20 * S) / 1000 };
    await push(desk, [again, denied(3)], NOON + 30 * S);
    await poll(desk, [again, denied(3)], NOON + 35 * S);
    await push(desk, [started, denied(6)], NOON + 36 * S);
    await poll(desk, [again, denied(4)], NOON + 50 * S);
    expect(await counted(desk)).toEqual([{ metrics: 4, logs: 0, before: 0 }]);
  });

  it('and began after polling did shows its first denial in whichever comes first', async () => {
    const desk = await polled();
    const young: Sample = { ...started, value: (NOON + 20 * S) / 1000 };
    const other = { ...REPORTER, pod: 'cart-2' };
    const samples = [young, denied(1)];
    const also = (set: WorkingSet) => foldReadings(set, { name: 'pushed', reporter: other, at: NOON + 30 * S, samples });
    await desk.intake.accept({ id: null, facts: [], alerts: [], also });
    await poll(
      desk,
      samples.map((sample) => ({ ...sample, labels: new Map([...sample.labels, ['pod', 'cart-2']]) })),
      NOON + 35 * S,
    );
    expect(await counted(desk)).toEqual([{ metrics: 1, logs: 0, before: 0 }]);
  });
});
