import { describe, expect, it } from 'vitest';
import { withApplied } from '../../src/access/applied.ts';
import { getsIn } from '../../src/access/compare.ts';
import { createReplayer, type Recorded } from '../../src/access/replay.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import type { ObjectChange, Snapshot } from '../../src/policy/snapshot.ts';
import { findWorkload } from '../../src/policy/snapshot.ts';
import type { Workload } from '../../src/policy/workload.ts';
import { readCluster } from '../bench/policy.ts';
import { connectionOf, trafficOf } from '../oracle/answers.ts';
import { ACCOUNT, get, NETWORK, network, pod, policy, SERVER, snapshot, targetServer } from '../policy/cluster.ts';

describe('10,000 pods whose policies are taken away, one in two', () => {
  const { snapshot: before, queries } = readCluster();
  const changes: readonly ObjectChange[] = [...before.namespaces.values()].flatMap(({ authorizationPolicies, routes }) =>
    [...authorizationPolicies.values(), ...routes.values()].flatMap(({ value }, i) =>
      value === null || i % 2 === 0 ? [] : [{ delete: value.ref }],
    ),
  );
  const after = withApplied(before, changes);
  const verdict = (of: Snapshot, { pod: server, query }: (typeof queries)[number]) => {
    const there = findWorkload(of, server.kind, server.ref.namespace, server.ref.name) as Workload;
    return getsIn(evaluate(inboundServer(of, there, query.target.port), connectionOf(query.connection), trafficOf(query.request)).verdict);
  };

  it('each request comes out as when it is evaluated by itself', () => {
    const replayer = createReplayer(before, after, false);
    const outcomes = { 'newly-denied': 0, 'newly-allowed': 0, unchanged: 0, undecided: 0 };
    for (const asked of queries) {
      const { pod: server, query } = asked;
      const { clientIp: ip, tls } = connectionOf(query.connection);
      const { outcome } = replayer.of({
        server,
        port: query.target.port,
        tls,
        ip,
        pod: null,
        traffic: trafficOf(query.request),
        seen: null,
      });
      const [was, now] = [verdict(before, asked), verdict(after, asked)];
      expect({ id: query.id, outcome }).toEqual({
        id: query.id,
        outcome: was === now ? 'unchanged' : now ? 'newly-allowed' : 'newly-denied',
      });
      outcomes[outcome]++;
    }
    expect(outcomes['newly-denied']).toBeGreaterThan(10);
    expect(outcomes.unchanged).toBeGreaterThan(10);
  });
});

describe('what was not observed', () => {
  const CLUSTER = snapshot([
    pod(),
    SERVER,
    policy('everyone', targetServer('backend-http'), [NETWORK('all')]),
    network('all', [{ cidr: '10.0.0.0/8' }]),
  ]);
  const server = findWorkload(CLUSTER, 'Pod', 'shop', 'backend') as Workload;
  const seen: Recorded = {
    server,
    port: 8080,
    tls: { state: 'none', reason: 'no_tls_from_remote' },
    ip: null,
    pod: null,
    traffic: get('/'),
    seen: 'allowed',
  };
  const changedBy = (change: ObjectChange) => createReplayer(CLUSTER, withApplied(CLUSTER, [change]), false).of(seen);

  it('an address that got in is one of those that get in: all of them refused is refused', () => {
    expect(changedBy({ apply: network('all', [{ cidr: '192.168.0.0/16' }]) })).toMatchObject({
      outcome: 'newly-denied',
      before: true,
      after: false,
    });
  });

  it('all of them let in still is unchanged', () => {
    expect(changedBy({ apply: network('all', [{ cidr: '10.0.0.0/7' }]) })).toMatchObject({ outcome: 'unchanged' });
  });

  it('some of them refused is undecided, and names what would decide', () => {
    expect(changedBy({ apply: network('all', [{ cidr: '10.0.0.0/9' }]) })).toMatchObject({
      outcome: 'undecided',
      missing: ['client-address'],
    });
  });

  it('an identity asked for shuts out whoever showed none', () => {
    expect(changedBy({ apply: policy('everyone', targetServer('backend-http'), [ACCOUNT('frontend')]) })).toMatchObject({
      outcome: 'newly-denied',
    });
  });
});
