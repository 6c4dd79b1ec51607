import { describe, expect, test } from 'vitest';
import type { ClientRef } from '../../src/evidence/client.ts';
import type { Denial } from '../../src/evidence/facts.ts';
import { joinTally } from '../../src/evidence/join.ts';
import { createTally } from '../../src/evidence/tally.ts';
import type { ClientTls } from '../../src/policy/evaluation.ts';

const NO_TLS: ClientTls = { state: 'none', reason: 'no_tls_from_remote' };
const ID: ClientTls = { state: 'established', clientId: 'a.b.serviceaccount.identity.linkerd.cluster.local' };
const server = { group: 'policy.linkerd.io', kind: 'server', name: 'web' };

function denial(
  source: 'log' | 'metrics',
  parts: Partial<Omit<Denial, 'client'>> & { ip?: string | null; tls?: ClientTls | null } = {},
): Denial {
  const { ip = null, tls = NO_TLS, ...rest } = parts;
  return {
    type: 'denial',
    kind: 'http-denied',
    at: 1000,
    reporter: { cluster: '', namespace: 'shop', pod: 'web-0', workload: null },
    server,
    route: null,
    port: null,
    admin: false,
    client: { ip, port: null, tls },
    request: null,
    count: 1,
    sinceBefore: false,
    error: null,
    didNotApply: [],
    source: { kind: source, name: source, line: null, raw: '' },
    ...rest,
  };
}

const ref = (ip: string | null, tls: ClientTls | null): ClientRef => ({
  key: ip ?? 'unknown',
  workload: null,
  serviceAccount: null,
  pod: null,
  identity: tls?.state === 'established' ? tls.clientId : null,
  ip,
  meshed: null,
  node: null,
});

function joined(denials: readonly Denial[]) {
  const tally = createTally();
  for (const one of denials) tally.add(one);
  const targets = joinTally(tally, {
    client: ref,
    place: ({ namespace, workload }) => ({ namespace, workload, serviceAccount: null }),
  });
  return targets.map((t) => ({
    server: t.server?.name ?? null,
    port: t.port,
    clients: t.clients.map((c) => [c.ref.key, c.count, c.before, c.countedBy]),
  }));
}

describe('a tally', () => {
  test('adds to counts, not to memory, however long a storm lasts', () => {
    const tally = createTally({ entries: 3, clientsPerEntry: 2, clients: 5 });
    let held = 0;
    for (let i = 0; i < 10_000; i++) {
      const reporter = { cluster: '', namespace: 'shop', pod: `web-${i % 5}`, workload: null };
      tally.add(
        denial('log', {
          reporter,
          ip: `10.0.0.${i % 7}`,
          request: { version: null, method: 'GET', path: `/${i}`, authority: null, grpc: null },
        }),
      );
    }
    expect(tally.entries.size).toBe(3);
    let counted = tally.dropped.count;
    for (const entry of tally.entries.values()) {
      held += entry.clients.size;
      counted += entry.beyond;
      for (const client of entry.clients.values()) {
        expect(client.requests.length).toBeLessThanOrEqual(8);
        expect(client.sources).toHaveLength(1);
        counted += client.logs.count;
      }
    }
    expect(held).toBe(5);
    expect(counted).toBe(10_000);
  });
});

describe('what a tally keeps of text', () => {
  test('a path that is too long to keep is not cut, since a part of it would match other routes', () => {
    const tally = createTally();
    const request = { version: null, method: 'GET', path: `/${'a'.repeat(5000)}`, authority: null, grpc: null };
    tally.add(denial('log', { request }));
    const [entry] = tally.entries.values();
    const [client] = entry?.clients.values() ?? [];
    expect(client?.requests).toEqual([{ ...request, path: null }]);
  });
});

describe('logs and counters of one denial', () => {
  test.each([
    [
      'count once, by the counter',
      [denial('log', { ip: '10.0.0.1' }), denial('metrics', { count: 5, port: 80 })],
      [['10.0.0.1', 5, 0, 'metrics']],
      80,
    ],
    [
      'count by the log where there is no counter',
      [denial('log', { ip: '10.0.0.1' }), denial('log', { ip: '10.0.0.1' })],
      [['10.0.0.1', 2, 0, 'logs']],
      null,
    ],
    [
      'of several clients: the counter gives what no line tells of',
      [denial('log', { ip: '10.0.0.1' }), denial('log', { ip: '10.0.0.2' }), denial('metrics', { count: 5 })],
      [
        ['10.0.0.1', 1, 0, 'logs'],
        ['10.0.0.2', 1, 0, 'logs'],
        ['unknown', 3, 0, 'metrics'],
      ],
      null,
    ],
    [
      'of a counter that was read once: the log is part of its past',
      [denial('log', { ip: '10.0.0.1' }), denial('metrics', { count: 0, countedBefore: 5 })],
      [['10.0.0.1', 1, 4, 'logs']],
      null,
    ],
    ['of an alert alone are there, uncounted', [denial('metrics', { count: 0 })], [['unknown', 0, 0, 'metrics']], null],
    [
      'of clients that came differently stay apart',
      [denial('log', { ip: '10.0.0.1' }), denial('metrics', { tls: ID, count: 4 })],
      [
        ['10.0.0.1', 1, 0, 'logs'],
        ['unknown', 4, 0, 'metrics'],
      ],
      null,
    ],
  ])('%s', (_, denials, clients, port) => {
    expect(joined(denials)).toEqual([{ server: 'web', port, clients }]);
  });

  test('a line that names no Server joins the only Server that a counter names', () => {
    const line = denial('log', { kind: 'route-not-found', server: null, tls: null, ip: '10.0.0.1' });
    const counter = denial('metrics', { kind: 'route-not-found', count: 2 });
    expect(joined([line, counter])).toEqual([{ server: 'web', port: null, clients: [['10.0.0.1', 2, 0, 'metrics']] }]);
  });
});
