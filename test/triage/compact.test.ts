import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Client, Denial, Fact, Observation, Reporter, RequestTrace, Symptom } from '../../src/evidence/facts.ts';
import { createCompactor } from '../../src/triage/compact.ts';
import { type BatchDelta, deltaOf } from '../../src/triage/delta.ts';

const CONTEXT = { workload: () => null, namespace: () => null, cluster: '' };
const SERVER = { group: 'policy.linkerd.io', kind: 'server', name: 'backend-http' };

/** Objects that facts share, as those of one log do. */
const reporters: readonly Reporter[] = ['a', 'b'].map((pod) => ({
  cluster: '',
  namespace: 'production',
  pod,
  workload: { kind: 'Deployment', namespace: 'production', name: 'backend' },
}));
const clients: readonly Client[] = ['10.42.0.1', '10.42.0.2', null].map((ip) => ({
  ip,
  port: null,
  tls: { state: 'established', clientId: 'frontend.production.serviceaccount.identity.linkerd.cluster.local' },
}));
const requests: readonly (RequestTrace | null)[] = [
  null,
  ...Array.from({ length: 5 }, (_, i) => ({ version: null, method: 'GET', path: `/${i}`, authority: null, grpc: null })),
];

const shared = {
  reporter: fc.constantFrom(...reporters),
  at: fc.option(fc.integer({ min: 1, max: 1000 })),
  count: fc.integer({ min: 0, max: 5 }),
  port: fc.constantFrom(null, 8080),
};
const source = (kind: 'log' | 'metrics') => ({ kind, name: 'x', line: null, raw: '' });
const denials: fc.Arbitrary<Denial> = fc
  .record({
    ...shared,
    client: fc.constantFrom(...clients),
    kind: fc.constantFrom('http-denied' as const, 'rate-limited' as const),
    server: fc.constantFrom(null, SERVER),
    request: fc.constantFrom(...requests),
    admin: fc.boolean(),
    error: fc.constantFrom(null, 'rate-limit exceeded'),
    before: fc.constantFrom(0, 0, 3),
    from: fc.constantFrom('log' as const, 'metrics' as const),
  })
  .map(({ before, from, ...rest }) => ({
    type: 'denial',
    route: null,
    sinceBefore: false,
    didNotApply: [],
    source: source(from),
    ...rest,
    ...(before > 0 ? { countedBefore: before } : {}),
  }));
const symptoms: fc.Arbitrary<Symptom> = fc
  .record({ ...shared, client: fc.constant(null), kind: fc.constant('connect-failed' as const), detail: fc.constantFrom('one', 'two') })
  .map((rest) => ({ type: 'symptom', source: source('log'), ...rest }));
const observations: fc.Arbitrary<Observation> = fc
  .record({ ...shared, client: fc.constantFrom(...clients), route: fc.constantFrom(null, SERVER) })
  .map((rest) => ({ type: 'observation', server: SERVER, authorization: null, request: null, source: source('log'), ...rest }));

function compacted(facts: readonly Fact[]): readonly Fact[] {
  const compactor = createCompactor(10_000);
  for (const fact of facts) expect(compactor.add(fact)).toBe(true);
  expect(compactor.count).toBe(facts.length);
  return compactor.all();
}

/** What an incident would take of it, as plain data. */
function meaning({ incidents, observations: seen, unplaced }: BatchDelta): unknown {
  return { incidents: incidents.map((i) => ({ ...i, clients: Object.fromEntries(i.clients) })), seen, unplaced };
}

describe('compact', () => {
  it('means to an incident what the facts mean one by one', () => {
    void fc.assert(
      fc.property(fc.array(fc.oneof(denials, symptoms, observations), { maxLength: 60 }), (facts) => {
        expect(meaning(deltaOf(compacted(facts), CONTEXT))).toEqual(meaning(deltaOf(facts, CONTEXT)));
      }),
    );
  });

  it('does not care whether equal facts share their objects', () => {
    void fc.assert(
      fc.property(fc.array(denials, { maxLength: 60 }), (facts) => {
        expect(compacted(structuredClone(facts))).toEqual(compacted(facts));
        expect(compacted(facts.map((fact) => structuredClone(fact)))).toEqual(compacted(facts));
      }),
    );
  });

  it('holds as many facts as there are different ones, and says when there is no room', () => {
    const [first] = fc.sample(denials, 1);
    if (first === undefined) throw new Error('no sample');
    const compactor = createCompactor(2);
    const from = (ip: string) => ({ ...first, client: { ip, port: null, tls: null } });
    for (let i = 0; i < 1000; i++) expect(compactor.add(from(`10.42.0.${i % 2}`))).toBe(true);
    expect(compactor.add(from('10.42.0.9'))).toBe(false);
    expect(compactor.all()).toHaveLength(2);
  });
});
