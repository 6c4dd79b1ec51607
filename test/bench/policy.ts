/** The law on 10,000 pods: decision, effective policy, index from JSON text, one edit of each kind. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { fromHelmNames } from '../../src/policy/cluster-settings.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { buildSnapshot, findWorkload, type Snapshot, withChanges } from '../../src/policy/snapshot.ts';
import type { Workload } from '../../src/policy/workload.ts';
import { connectionOf, type Query, trafficOf } from '../oracle/answers.ts';
import { inUnits, type Line, median, time } from './measure.ts';

const AIMS = {
  'decision, one request': 0.8,
  'effective policy of one pod and port': 30,
  'index of 10,000 pods from JSON text': 390_000,
  'edit of one Pod': 540,
  'edit of one Server': 540,
  'edit of one MeshTLSAuthentication': 540,
  'edit of one NetworkAuthentication': 540,
  'edit of one ServerAuthorization': 540,
  'edit of one AuthorizationPolicy': 540,
  'edit of one HTTPRoute': 540,
};

export interface BenchCluster {
  readonly lines: readonly string[];
  readonly snapshot: Snapshot;
  readonly queries: readonly { readonly pod: Workload; readonly query: Query }[];
}

export function readCluster(): BenchCluster {
  const file = new URL('../fixtures/oracle/bench-10k.jsonl.gz', import.meta.url);
  const lines = gunzipSync(readFileSync(file)).toString().trim().split('\n');
  const snapshot = index(lines);
  const queries = lines
    .filter((line) => line.startsWith('{"query"'))
    .map((line) => (JSON.parse(line) as { query: Query }).query)
    .map((query) => ({ pod: findWorkload(snapshot, query.target.kind, query.target.namespace, query.target.name) as Workload, query }));
  return { lines, snapshot, queries };
}

/** From text: what reading a dump of JSON lines costs, parsing included. */
function index(lines: readonly string[]): Snapshot {
  const records = lines.map((line) => JSON.parse(line) as { resource?: Resource; settings?: Record<string, unknown> });
  const resources = records.flatMap(({ resource }) =>
    resource === undefined ? [] : [{ ...resource, metadata: { ...resource.metadata, namespace: resource.metadata.namespace ?? '' } }],
  );
  return buildSnapshot(resources, fromHelmNames(records[0]?.settings ?? {}));
}

export function benchPolicy({ lines, snapshot, queries }: BenchCluster, rounds: number): readonly Line[] {
  const asked = queries.map(({ pod, query }) => ({
    pod,
    port: query.target.port,
    policy: inboundServer(snapshot, pod, query.target.port),
    connection: connectionOf(query.connection),
    traffic: trafficOf(query.request),
  }));
  const byNamespace = Map.groupBy(asked, (q) => q.pod.ref.namespace);
  const resources = Map.groupBy(
    lines.flatMap((line) => (line.startsWith('{"resource"') ? [(JSON.parse(line) as { resource: Resource }).resource] : [])),
    (resource) => resource.kind,
  );
  return inUnits(rounds, AIMS, () => {
    const fresh = withChanges(snapshot, []);
    const figures: Record<string, number> = {
      'decision, one request': median(
        Array.from({ length: 9 }, () =>
          time(asked.length, (i) => {
            const { policy, connection, traffic } = asked[i] as (typeof asked)[number];
            return evaluate(policy, connection, traffic);
          }),
        ),
      ),
      'effective policy of one pod and port': time(asked.length, (i) => {
        const { pod, port } = asked[i] as (typeof asked)[number];
        return inboundServer(fresh, pod, port);
      }),
      'index of 10,000 pods from JSON text': time(1, () => index(lines)),
    };
    for (const [kind, all] of resources) {
      figures[`edit of one ${kind}`] = time(300, (i) => {
        const resource = all[(i * 37) % all.length] as Resource;
        const edited = withChanges(snapshot, [{ apply: resource }]);
        const affected = byNamespace.get(resource.metadata.namespace)?.[0];
        return affected === undefined ? edited : inboundServer(edited, affected.pod, affected.port);
      });
    }
    return figures;
  });
}
