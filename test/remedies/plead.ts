/** The way out of one request, as the log of the server's proxy would tell of its denial. */
import type { Denial } from '../../src/evidence/facts.ts';
import { createTally } from '../../src/evidence/tally.ts';
import { explain } from '../../src/explain.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import type { Connection, Traffic } from '../../src/policy/evaluation.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import type { Workload } from '../../src/policy/workload.ts';
import type { Offer } from './offers.ts';

/** With a grant even where the denial looks deliberate. Empty: the request is no denial, or there is no way out. */
export function offersFor(snapshot: Snapshot, pod: Workload, port: number, connection: Connection, traffic: Traffic): readonly Offer[] {
  if (traffic.type === 'http-on-route' || traffic.type === 'http-unknown') return [];
  const { verdict, server, route } = evaluate(inboundServer(snapshot, pod, port), connection, traffic);
  if (verdict !== 'deny' && verdict !== 'route_not_found') return [];
  const denial: Denial = {
    type: 'denial',
    kind: traffic.type === 'tcp' ? 'tcp-denied' : verdict === 'deny' ? 'http-denied' : 'route-not-found',
    at: null,
    reporter: { cluster: '', namespace: pod.ref.namespace, pod: pod.ref.name, workload: null },
    server,
    route: traffic.type === 'tcp' ? null : route,
    port,
    admin: port === 4191,
    client: { ip: connection.clientIp, port: null, tls: connection.tls },
    request: traffic.type === 'tcp' ? null : traffic.request,
    count: 1,
    sinceBefore: false,
    error: null,
    didNotApply: [],
    source: { kind: 'log', name: 'x', line: 1, raw: '' },
  };
  const tally = createTally();
  tally.add(denial);
  const question = { namespace: null, workload: null, port: null, at: null };
  const remedies = { files: new Map<string, string>(), forceGrant: true };
  const { clients } = explain({ tally, cluster: { at: () => snapshot, moments: [] }, question, remedies });
  return clients.flatMap(({ client, targets }) =>
    targets.flatMap((target) => {
      const { wayOut } = target;
      const clientPod = client.pod?.ref ?? null;
      return wayOut === null ? [] : wayOut.remedies.map((remedy) => ({ of: 'x', wayOut, remedy, snapshot, target, clientPod }));
    }),
  );
}
