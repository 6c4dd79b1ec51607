/** One explanation in the 10,000-pod cluster: a denial as a log line gives it, to everything that was considered. */
import type { Denial } from '../../src/evidence/facts.ts';
import { createTally } from '../../src/evidence/tally.ts';
import { explain } from '../../src/explain.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import type { ClusterView } from '../../src/policy/history.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { connectionOf, trafficOf } from '../oracle/answers.ts';
import { inUnits, type Line, time } from './measure.ts';
import type { BenchCluster } from './policy.ts';

const NAME = 'explanation of one denial';
const PROVED = 'explanation of one denial with its way out, every candidate proved';

const WISH = { files: new Map<string, string>(), forceGrant: true };

export function benchExplain({ snapshot, queries }: BenchCluster, rounds: number): readonly Line[] {
  const denials = queries.flatMap(({ pod, query }): readonly Denial[] => {
    const connection = connectionOf(query.connection);
    const evaluation = evaluate(inboundServer(snapshot, pod, query.target.port), connection, trafficOf(query.request));
    if (evaluation.verdict !== 'deny') return [];
    return [
      {
        type: 'denial',
        kind: query.request === null ? 'tcp-denied' : 'http-denied',
        at: 1,
        reporter: { cluster: '', namespace: pod.ref.namespace, pod: pod.ref.name, workload: null },
        server: evaluation.server,
        route: evaluation.route,
        port: null,
        admin: false,
        client: { ip: connection.clientIp, port: null, tls: connection.tls },
        request: null,
        count: 1,
        sinceBefore: false,
        error: null,
        didNotApply: [],
        source: { kind: 'log', name: 'bench', line: 1, raw: '' },
      },
    ];
  });
  const cluster: ClusterView = { at: () => snapshot, moments: [] };
  const question = { namespace: null, workload: null, port: null, at: null };
  const work = (i: number, remedies: boolean) => {
    const tally = createTally();
    tally.add(denials[i % denials.length] as Denial);
    return explain({ tally, cluster, question, ...(remedies ? { remedies: WISH } : {}) });
  };
  return inUnits(rounds, { [NAME]: 2700 }, () => ({
    [NAME]: time(500, (i) => work(i, false)),
    [PROVED]: time(20, (i) => work(i, true)),
  }));
}
