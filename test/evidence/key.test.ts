import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Denial, Symptom } from '../../src/evidence/facts.ts';
import { type IncidentKey, keyOf, keyText, selects } from '../../src/evidence/key.ts';

const SERVER = { group: 'policy.linkerd.io', kind: 'server', name: 'web' };
const ROUTE = { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'read' };
const KEY: IncidentKey = {
  cluster: 'east',
  namespace: 'shop',
  workload: { kind: 'Deployment', name: 'web' },
  server: SERVER,
  route: ROUTE,
  kind: 'http-denied',
};

const SOURCE = { kind: 'metrics', name: 'x', line: null, raw: '' } as const;
const denial = (parts: Partial<Denial>): Denial => ({
  type: 'denial',
  kind: 'http-denied',
  at: 1,
  reporter: { cluster: 'east', namespace: 'shop', pod: 'web-1', workload: { kind: 'Deployment', namespace: 'shop', name: 'web' } },
  server: SERVER,
  route: ROUTE,
  port: 8080,
  admin: false,
  client: { ip: '10.0.0.1', port: 1, tls: null },
  request: null,
  count: 1,
  sinceBefore: false,
  error: null,
  didNotApply: [],
  source: SOURCE,
  ...parts,
});

describe('the key of a fact', () => {
  it('holds what every source carries', () => {
    expect(keyOf(denial({}))).toEqual(KEY);
  });

  it('is the same for every pod, port and client of the workload', () => {
    const other = denial({
      port: null,
      client: { ip: null, port: null, tls: { state: 'none', reason: 'port_skipped' } },
      reporter: { ...denial({}).reporter, pod: 'web-2' },
    });
    expect(keyText(keyOf(other))).toBe(keyText(KEY));
  });

  it('has a kind of its own for the admin server, whatever was refused there', () => {
    for (const kind of ['http-denied', 'route-not-found'] as const) {
      expect(keyOf(denial({ kind, admin: true })).kind).toBe('admin-denied');
    }
    expect(keyOf(denial({ kind: 'audit-allowed', admin: true })).kind).toBe('audit-allowed');
  });

  it('leaves null what its source lacks', () => {
    const symptom: Symptom = {
      type: 'symptom',
      kind: 'connect-failed',
      at: null,
      reporter: { cluster: '', namespace: null, pod: null, workload: null },
      port: 8080,
      client: null,
      detail: '',
      count: 1,
      source: SOURCE,
    };
    expect(keyOf(symptom)).toEqual({ cluster: '', namespace: null, workload: null, server: null, route: null, kind: 'connect-failed' });
  });
});

describe('the text of a key', () => {
  it('is canonical', () => {
    expect(keyText(KEY)).toBe(
      '["east","shop",["Deployment","web"],["policy.linkerd.io","server","web"],["policy.linkerd.io","HTTPRoute","read"],"http-denied"]',
    );
  });

  it('differs whenever a part differs, whatever the names hold', () => {
    const name = fc.string({ maxLength: 4 });
    const labels = fc.option(fc.record({ group: name, kind: name, name }));
    const key = fc.record<IncidentKey>({
      cluster: name,
      namespace: fc.option(name),
      workload: fc.option(fc.record({ kind: name, name })),
      server: labels,
      route: labels,
      kind: fc.constantFrom('http-denied', 'tcp-denied'),
    });
    fc.assert(
      fc.property(key, key, (a, b) => {
        const equal = JSON.stringify(a) === JSON.stringify(b);
        expect(keyText(a) === keyText(b)).toBe(equal);
      }),
    );
  });
});

describe('a selection', () => {
  it.each([
    ['nothing', {}, true],
    ['the namespace', { namespace: 'shop' }, true],
    ['another namespace', { namespace: 'other' }, false],
    ['the workload', { workload: { kind: 'Deployment', name: 'web' } }, true],
    ['a workload of another kind', { workload: { kind: 'StatefulSet', name: 'web' } }, false],
    ['the Server and the route', { server: SERVER, route: ROUTE }, true],
    ['another Server', { server: { ...SERVER, name: 'api' } }, false],
    ['another route', { route: { ...ROUTE, group: 'gateway.networking.k8s.io' } }, false],
    ['the kind', { kind: 'http-denied' }, true],
    ['another kind', { kind: 'rate-limited' }, false],
    ['another cluster', { cluster: 'west' }, false],
  ] as const)('of %s', (_, selection, expected) => {
    expect(selects(selection, KEY)).toBe(expected);
  });

  it('is not contradicted by what the key does not know yet', () => {
    const unknown = { ...KEY, cluster: '', namespace: null, workload: null, server: null, route: null };
    expect(selects({ cluster: 'west', namespace: 'a', workload: { kind: 'b', name: 'c' }, server: SERVER, route: ROUTE }, unknown)).toBe(
      true,
    );
  });

  it('of a route leaves out denials that have none', () => {
    expect(selects({ route: ROUTE }, { ...KEY, route: null, kind: 'tcp-denied' })).toBe(false);
    expect(selects({ route: ROUTE }, { ...KEY, route: null, kind: 'rate-limited' })).toBe(true);
  });
});
