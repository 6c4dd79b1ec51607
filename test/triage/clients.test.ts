import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Denial } from '../../src/evidence/facts.ts';
import { joinTally } from '../../src/evidence/join.ts';
import { totalOf } from '../../src/evidence/over-time.ts';
import { createTally } from '../../src/evidence/tally.ts';
import type { ClientTls } from '../../src/policy/evaluation.ts';
import { type CountedClient, clientsTag, countClients } from '../../src/triage/clients.ts';
import { BOUNDS, type IncidentClient } from '../../src/triage/incident.ts';
import { createDesk, type Desk, fromLog, fromMetrics, NOON, SERVER, WEB } from './desk.ts';

const NOBODY: ClientTls = { state: 'none', reason: 'no_tls_from_remote' };
const JOB: ClientTls = { state: 'established', clientId: 'job.shop.serviceaccount.identity.linkerd.cluster.local' };

const line = (ip: string, tls = WEB, count = 1): Denial => fromLog({ client: { ip, port: 1, tls }, count });
const counter = (count: number, tls = WEB): Denial => fromMetrics({ client: { ip: null, port: null, tls }, count });

async function rowsOf(desk: Desk): Promise<readonly CountedClient[]> {
  const [incident] = await desk.incidents();
  const documents = await desk.store.list('clients', { tag: clientsTag(incident?.id ?? ''), limit: 1000 });
  return countClients(
    incident?.kind ?? null,
    documents.map((d) => ({ ...(d.value as unknown as IncidentClient), id: d.id })),
  );
}

const show = ({ client, count, countedBy }: CountedClient) => `${client.ip ?? 'nowhere'} ${count} by ${countedBy}`;

describe('clients are counted once', () => {
  const told: readonly (readonly [string, readonly Denial[], readonly string[]])[] = [
    ['a line alone', [line('10.0.0.1')], ['10.0.0.1 1 by logs']],
    ['a counter alone', [counter(3)], ['nowhere 3 by metrics']],
    ['one identity by counter and one address by line', [counter(3), line('10.0.0.1')], ['10.0.0.1 3 by metrics']],
    ['a counter that lags behind the lines', [counter(1), line('10.0.0.1', WEB, 5)], ['10.0.0.1 1 by metrics']],
    ['a counter that was read once only', [{ ...counter(0), countedBefore: 7 }, line('10.0.0.1')], ['10.0.0.1 1 by logs']],
    [
      'one identity at two addresses, which the counter sums',
      [counter(2), line('10.0.0.1'), line('10.0.0.2')],
      ['10.0.0.1 1 by logs', '10.0.0.2 1 by logs'],
    ],
    [
      'what the counter saw beyond the addresses that lines name',
      [counter(9), line('10.0.0.1'), line('10.0.0.2')],
      ['10.0.0.1 1 by logs', '10.0.0.2 1 by logs', 'nowhere 7 by metrics'],
    ],
    [
      'two identities, of which one is counted and one is logged',
      [counter(4, JOB), line('10.0.0.1'), line('10.0.0.1')],
      ['10.0.0.1 2 by logs', 'nowhere 4 by metrics'],
    ],
    [
      'one address with and without an identity',
      [line('10.0.0.1'), line('10.0.0.1', NOBODY)],
      ['10.0.0.1 1 by logs', '10.0.0.1 1 by logs'],
    ],
  ];
  for (const reversed of [false, true])
    it.each(told)(`%s${reversed ? ', the other way round' : ''}`, async (_, facts, expected) => {
      const desk = createDesk();
      for (const fact of reversed ? facts.toReversed() : facts) await desk.take([fact]);
      const rows = await rowsOf(desk);
      expect(rows.map(show).sort()).toEqual([...expected].sort());
      const [incident] = await desk.incidents();
      expect(incident).toMatchObject({ clients: rows.length, count: rows.reduce((sum, row) => sum + row.count, 0) });
    });

  it('with counts from the counter, and requests, address and time from the lines', async () => {
    const desk = createDesk();
    await desk.take([counter(3), { ...line('10.0.0.1'), at: NOON + 5 }]);
    const [row] = await rowsOf(desk);
    expect(row).toMatchObject({ count: 3, client: { ip: '10.0.0.1', logs: { count: 1, last: NOON + 5 }, metrics: { count: 3 } } });
    expect(row?.client.requests).toHaveLength(1);
    expect(row?.client.sources.map((s) => s.kind).sort()).toEqual(['log', 'metrics']);
  });

  it.each(['route-not-found', 'rate-limited'] as const)('of %s, whose counters say nothing of the client', async (kind) => {
    const desk = createDesk();
    await desk.take([
      { ...line('10.0.0.1', NOBODY), kind },
      { ...fromMetrics({ kind }), client: { ip: null, port: null, tls: null } },
    ]);
    expect((await rowsOf(desk)).map(show)).toEqual(['10.0.0.1 3 by metrics']);
    expect(await desk.incidents()).toMatchObject([{ clients: 1, count: 3 }]);
  });

  it('beyond the bound as a number, and nobody is forgotten', async () => {
    const desk = createDesk({ bounds: { ...BOUNDS, clientsPerIncident: 2 } });
    for (let i = 0; i < 5; i++) await desk.take([line(`10.0.0.${i}`), line('10.0.0.0')]);
    expect(await desk.incidents()).toMatchObject([{ clients: 2, beyond: 3, count: 10 }]);
  });
});

it('an incident counts its clients and their denials as its explanation does, in whatever order and portions they come', async () => {
  const denial = fc.oneof(
    fc
      .record({ ip: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'), tls: fc.constantFrom(WEB, JOB, NOBODY) })
      .map((c) => line(c.ip, c.tls)),
    fc.record({ count: fc.integer({ min: 1, max: 4 }), tls: fc.constantFrom(WEB, JOB, NOBODY) }).map((c) => counter(c.count, c.tls)),
  );
  const timed = fc.tuple(denial, fc.nat(10 ** 7)).map(([fact, ms]): Denial => ({ ...fact, at: NOON + ms }));
  const batches = fc.array(fc.array(timed, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(batches, fc.constantFrom('http-denied', 'rate-limited'), async (given, kind) => {
      const desk = createDesk();
      const tally = createTally();
      // An address that is limited came one way; the counter of limits does not say which.
      const limited = (fact: Denial): Denial => ({
        ...fact,
        kind: 'rate-limited',
        client: { ...fact.client, tls: fact.client.ip === null ? null : WEB },
      });
      for (const facts of given.map((batch) => (kind === 'rate-limited' ? batch.map(limited) : batch))) {
        await desk.take(facts);
        for (const fact of facts) tally.add(fact);
      }
      const ref = { workload: null, serviceAccount: null, pod: null, meshed: null, node: null };
      const [target] = joinTally(tally, {
        client: (ip, tls) => ({ ...ref, key: `${ip}`, ip, identity: tls?.state === 'established' ? tls.clientId : null }),
        place: (reporter) => ({ namespace: reporter.namespace, workload: reporter.workload, serviceAccount: null }),
      });
      const sum = (counts: readonly { readonly count: number }[]) => counts.reduce((total, { count }) => total + count, 0);
      const rows = await rowsOf(desk);
      const expected = { clients: target?.clients.length, count: sum(target?.clients ?? []) };
      expect({ clients: rows.length, count: sum(rows) }).toEqual(expected);
      const [incident, ...more] = await desk.incidents();
      expect([incident, more]).toMatchObject([{ ...expected, server: SERVER }, []]);
      // Every one of them has a time, so when they were is known of all.
      expect(rows.map(({ over }) => totalOf(over ?? undefined))).toEqual(rows.map(({ count }) => count));
      expect(totalOf(incident?.over)).toBe(incident?.count);
    }),
    { numRuns: 100 },
  );
});
