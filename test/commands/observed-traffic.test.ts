import { expect, it } from 'vitest';
import { observedTraffic } from '../../src/commands/observed-traffic.ts';
import type { Observation, RequestTrace } from '../../src/evidence/facts.ts';
import { pod, SERVER, snapshot } from '../policy/cluster.ts';

const CLUSTER = snapshot([{ ...pod(), status: { podIP: '10.42.0.10' } }, SERVER]);

function seen(request: Partial<RequestTrace> | null, more: Partial<Observation> = {}): Observation {
  return {
    type: 'observation',
    at: 0,
    reporter: { cluster: '', namespace: 'shop', pod: 'backend', workload: null },
    server: null,
    route: null,
    authorization: null,
    port: 8080,
    client: {
      ip: '10.42.0.13',
      port: null,
      tls: { state: 'established', clientId: 'a.shop.serviceaccount.identity.linkerd.cluster.local' },
    },
    request: request === null ? null : { version: 'HTTP/1.1', method: 'GET', path: '/x', authority: 'a.example', grpc: false, ...request },
    count: 1,
    source: { kind: 'log', name: 'x', line: 1, raw: '' },
    ...more,
  };
}
const kinds = (facts: readonly Observation[]) => observedTraffic(CLUSTER, facts).traffic.map(({ request, count }) => [request, count]);

it('equal traffic is one, with its count; what a route may ask for tells it apart', () => {
  const different = [
    seen({}),
    seen({ authority: 'b.example' }),
    seen({ path: '/x?full=1' }),
    seen({ method: 'POST' }),
    seen({ grpc: true }),
    seen({}),
  ];
  expect(kinds(different)).toEqual([
    ['GET /x', 2],
    ['GET /x', 1],
    ['GET /x', 1],
    ['POST /x', 1],
    ['GET /x (gRPC)', 1],
  ]);
});

it('clients are told apart by address and identity', () => {
  const { client } = seen({});
  const facts = [seen({}), seen({}, { client: { ...client, ip: '10.42.0.14' } }), seen({}, { client: { ...client, tls: null } })];
  expect(kinds(facts)).toHaveLength(3);
});

it('the port is that of the Server which the proxy named; where several have it, nobody can tell', () => {
  const named = seen(null, {
    port: null,
    server: { group: 'policy.linkerd.io', kind: 'server', name: 'backend-http' },
    route: { group: '', kind: 'default', name: 'default' },
  });
  expect(observedTraffic(CLUSTER, [named]).traffic.map(({ recorded }) => recorded.port)).toEqual([8080]);
  const nobody = seen(null, { port: null, reporter: { cluster: '', namespace: 'shop', pod: 'gone', workload: null } });
  expect(observedTraffic(CLUSTER, [nobody])).toEqual({ traffic: [], unplaced: 1 });
});

it('an access log names no port: it is the only one of the application', () => {
  expect(observedTraffic(CLUSTER, [seen({}, { port: null })]).traffic.map(({ recorded }) => recorded.port)).toEqual([8080]);
});

it('counters that an access log tells in full are told once; those that count more stay', () => {
  const { client } = seen({});
  const counter = (count: number) =>
    seen(null, { client: { ...client, ip: null }, route: { group: '', kind: 'default', name: 'default' }, count });
  expect(kinds([seen({}), seen({}), counter(2)])).toEqual([['GET /x', 2]]);
  expect(kinds([seen({}), counter(2)])).toEqual([
    ['GET /x', 1],
    ['HTTP', 2],
  ]);
});
