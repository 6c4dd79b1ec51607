/** The service's answers about the policy in force: which workloads there are, what is enforced on their ports, and who calls them. */
import { OTHER, type WhoMay, whoMay } from '../access/who-may.ts';
import { workloadsIn } from '../access/workloads.ts';
import { InvalidInput } from '../errors.ts';
import { showWorkload } from '../evidence/missing.ts';
import type { Asking, TrafficRow, WorkloadSummary } from '../http/options.ts';
import { showTraffic } from '../http/views.ts';
import { sameLabels } from '../policy/evaluate.ts';
import type { InboundServer } from '../policy/inbound.ts';
import { namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import type { Store } from '../ports.ts';
import type { PostureWorkload } from '../posture/practice.ts';
import { readTraffic } from '../triage/traffic.ts';
import { policyData } from './policy-data.ts';
import type { PolicySource } from './policy-known.ts';
import { workloadPolicies } from './policy-workloads.ts';
import { trafficRows } from './traffic-rows.ts';
import { whileRunning } from './while-running.ts';
import { readWorkloadName } from './workload-name.ts';

type PolicyAsking = Pick<Asking, 'workloads' | 'policy' | 'traffic'>;

export function createPolicyAsking(policy: Pick<PolicySource, 'current' | 'settings'>, store: Store): PolicyAsking {
  const snapshotAt = (at: number | null) => policy.current()?.view.at(at) ?? null;

  const traffic = whileRunning(async (namespace: string) => {
    const { parts, isWhole } = await readTraffic(store, namespace);
    return { rows: trafficRows(snapshotAt(null), namespace, parts), isWhole };
  });

  return {
    workloads({ namespace, workload, at }) {
      const snapshot = snapshotAt(at);
      if (snapshot === null) return null;
      const all = summariesOf(snapshot, namespace);
      if (namespace !== null && all.length === 0)
        throw new InvalidInput(
          `No pods are in namespace ${namespace}.`,
          'GET /api/v1/workloads without a namespace lists those that have some.',
        );
      return workload === null ? all : named(workload, namespace, all);
    },
    async policy({ namespace, workloads, at }) {
      const snapshot = snapshotAt(at);
      const origin = policy.settings()?.origins.defaultPolicy;
      if (snapshot === null || origin === undefined) return null;
      const { rows, isWhole } = await traffic(namespace);
      const found = workloads.flatMap((workload) => workloadPolicies(snapshot, { namespace, workload, port: null }));
      const data = policyData(snapshot, found, [], origin);
      return {
        ...data,
        workloads: data.workloads.map((one, i) => withTraffic(snapshot, one, found[i] as PostureWorkload, rows)),
        isTrafficWhole: isWhole,
      };
    },
    traffic,
  };
}

/** By namespace, then by name. */
function summariesOf(snapshot: Snapshot, namespace: string | null): readonly WorkloadSummary[] {
  return (namespace === null ? [...snapshot.namespaces.keys()].sort() : [namespace]).flatMap((name) =>
    workloadsIn(namespaceIndex(snapshot, name)).map(({ ref, pods }) => ({
      namespace: name,
      workload: { kind: ref.kind, name: ref.name },
      pods: pods.length,
      meshed: pods.filter(({ meshed }) => meshed).length,
    })),
  );
}

/** Most clients of one port: those that were denied, then those seen last. */
const MOST_CLIENTS = 50;

type WorkloadData = ReturnType<typeof policyData>['workloads'][number];

function withTraffic(snapshot: Snapshot, data: WorkloadData, { ref, ports }: PostureWorkload, all: readonly TrafficRow[]) {
  const rows = all.filter(({ workload }) => workload !== null && workload.kind === ref.kind && workload.name === ref.name);
  const known = new Set(ports.map(({ port }) => port));
  return {
    ...data,
    ports: data.ports.map((port, i) => {
      const { policy } = ports[i] as PostureWorkload['ports'][number];
      const own = rows.filter((row) => row.port === port.port);
      const may = mayCounts(whoMay(snapshot, ref.namespace, policy), policy, own);
      return { ...port, may: port.may.map((one, j) => ({ ...one, ...may[j] })), traffic: trafficOf(own) };
    }),
    otherTraffic: trafficOf(rows.filter(({ port }) => port === null || !known.has(port))),
  };
}

function trafficOf(rows: readonly TrafficRow[]) {
  const sum = (what: 'allowed' | 'denied') => rows.reduce((so, row) => so + row[what], 0);
  return {
    allowed: sum('allowed'),
    denied: sum('denied'),
    clients: rows.slice(0, MOST_CLIENTS).map(showTraffic),
    beyond: Math.max(0, rows.length - MOST_CLIENTS),
  };
}

/** What was counted under the policy in force now: allowed by authorization, denied by route, which the first of its rows has. */
function mayCounts(may: readonly WhoMay[], policy: InboundServer, rows: readonly TrafficRow[]) {
  const parts = rows.flatMap((row) => row.parts).filter(({ server }) => server !== null && sameLabels(server, policy.ref));
  const named = new Set(may.map(({ route }) => route));
  const isOf = (route: string, name: string | null) => {
    if (route === OTHER) return name === null;
    return route === '' ? !named.has(name ?? OTHER) : name === route;
  };
  return may.map(({ route, authorization }, i) => {
    const isFirst = may.findIndex((one) => one.route === route) === i;
    const own = parts.filter((part) => isOf(route, part.route?.name ?? null));
    const by = parts.filter(
      (part) => authorization !== null && part.authorization !== null && sameLabels(part.authorization, authorization.ref),
    );
    const passed = by.filter((part) => route === '' || part.route?.name === route);
    return {
      allowed: passed.reduce((sum, part) => sum + part.allowed, 0),
      denied: isFirst ? own.reduce((sum, part) => sum + part.denied, 0) : null,
    };
  });
}

/** The one that is named, as `KIND/NAME` or as kubectl takes it. Errors: InvalidInput (no name, or nothing has it). */
function named(text: string, namespace: string | null, known: readonly WorkloadSummary[]): readonly WorkloadSummary[] {
  const exact = known.filter(({ workload: { kind, name } }) => `${kind}/${name}` === text);
  if (exact.length > 0) return exact;
  const wanted = readWorkloadName(text);
  const found = known.filter(({ workload: { kind, name } }) => kind === wanted.kind && name === wanted.name);
  if (found.length > 0) return found;
  const where = namespace === null ? 'this cluster' : `namespace ${namespace}`;
  throw new InvalidInput(
    `There is no ${showWorkload({ ...wanted, namespace: '' })} in ${where}.`,
    'GET /api/v1/workloads lists what there is.',
  );
}
