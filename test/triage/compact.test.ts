import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fact } from '../../src/evidence/facts.ts';
import { createCompactor } from '../../src/triage/compact.ts';
import { createDesk, fromLog, fromMetrics, NOON, observation, symptom } from './desk.ts';

const facts = fc.oneof(
  fc
    .record({ at: fc.nat(50), ip: fc.constantFrom('10.0.0.1', '10.0.0.2'), pod: fc.constantFrom('a', 'b'), path: fc.nat(12) })
    .map(
      ({ at, ip, pod, path }): Fact =>
        fromLog({ at: NOON + at, ip, pod, request: { version: '2', method: 'GET', path: `/${path}`, authority: 'x', grpc: null } }),
    ),
  fc.nat(5).map((count): Fact => fromMetrics({ count: count + 1 })),
  fc.nat(3).map((n): Fact => symptom({ detail: `d${n}` })),
  fc.nat(3).map((n): Fact => observation({ count: n + 1 })),
);

async function outcome(given: readonly Fact[]) {
  const desk = createDesk();
  await desk.take(given);
  const incidents = await desk.incidents();
  const clients = await Promise.all(incidents.map(({ id }) => desk.clients(id)));
  return {
    incidents: incidents
      .map(({ id, counted, firstSeen, lastSeen, pods, clients: n }) => ({ id, counted, firstSeen, lastSeen, pods: pods.toSorted(), n }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    clients: clients
      .flat()
      .map((c) => JSON.stringify([c.incident, c.ip, c.tls, c.logs, c.metrics, c.requests.length]))
      .sort(),
    observations: (await desk.store.list('observations', { limit: 100 })).map((d) => d.value),
  };
}

describe('facts that are summed', () => {
  it('mean to the incidents what they mean one by one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(facts, { maxLength: 40 }), async (given) => {
        const compactor = createCompactor(1000);
        for (const fact of given) expect(compactor.add(fact)).toBe(true);
        expect(compactor.count).toBe(given.length);
        expect(await outcome(compactor.all())).toEqual(await outcome(given));
      }),
      { numRuns: 60 },
    );
  });

  it('take memory for what differs, and say when there is no more room', () => {
    const compactor = createCompactor(3);
    for (let i = 0; i < 1000; i++) expect(compactor.add(fromLog({ at: NOON + i }))).toBe(true);
    expect(compactor.all()).toHaveLength(1);
    expect([
      compactor.add(fromLog({ ip: '10.1.1.1' })),
      compactor.add(fromLog({ ip: '10.1.1.2' })),
      compactor.add(fromLog({ ip: '10.1.1.3' })),
    ]).toEqual([true, true, false]);
  });

  it('keep a few requests of each client apart', () => {
    const compactor = createCompactor(1000);
    for (let i = 0; i < 500; i++)
      compactor.add(fromLog({ request: { version: '2', method: 'GET', path: `/${i}`, authority: 'x', grpc: null } }));
    expect(compactor.all().length).toBeLessThanOrEqual(9);
    expect(compactor.all().reduce((sum, fact) => sum + fact.count, 0)).toBe(500);
  });
});
