/** The policy in force: which workloads there are, what is enforced on their ports and for whom, and who calls whom. */
import type { Store } from '../ports.ts';
import type { Incident } from '../triage/incident.ts';
import { isOfRefusals } from '../triage/traffic.ts';
import { known, momentOf } from './asking.ts';
import { type Operation, operation } from './operation.ts';
import type { Shared, WorkloadSummary } from './options.ts';
import { cutPage } from './paging.ts';
import * as shapes from './policy-shapes.ts';
import { problem } from './schemas.ts';
import { showTraffic } from './views.ts';

export function policyOperations({ asking, store }: Shared): readonly Operation[] {
  const unknown = { 404: { description: 'No cluster is known', schema: problem } };
  return [
    operation({
      id: 'listWorkloads',
      method: 'get',
      path: '/api/v1/workloads',
      summary: 'Workloads of the cluster by namespace and name, and how many of their pods have a proxy',
      scope: 'read',
      query: shapes.workloadQuery,
      answers: { 200: { description: 'A page of workloads, and all namespaces', schema: shapes.workloadPage }, ...unknown },
      async handle({ query: { namespace, q = '', at, limit, cursor } }) {
        const all = known(asking?.workloads({ namespace: null, workload: null, at: momentOf(at) }) ?? null);
        const wanted = all.filter(
          (one) => (namespace === undefined || one.namespace === namespace) && has([one.namespace, one.workload.name], q),
        );
        const { items, next } = cutPage(listed(wanted), limit, cursor);
        const denied = await deniedByWorkload(store);
        const byNamespace = Map.groupBy(all, (one) => one.namespace);
        const namespaces = [...byNamespace].map(([name, { length }]) => ({ namespace: name, workloads: length }));
        return { status: 200, body: { items: items.map(({ id, one }) => ({ ...one, denied: denied.get(id) ?? 0 })), namespaces, next } };
      },
    }),
    operation({
      id: 'getPolicy',
      method: 'get',
      path: '/api/v1/policy',
      summary: 'What is enforced on each port of the workloads of a namespace, by which object, for whom, and who was seen there',
      scope: 'read',
      query: shapes.policyQuery,
      answers: { 200: { description: 'Workloads with their ports', schema: shapes.policyAnswer }, ...unknown },
      async handle({ query: { namespace, workload = null, at, limit, cursor } }) {
        const moment = momentOf(at);
        const all = known(asking?.workloads({ namespace, workload, at: moment }) ?? null);
        const { items, next } = cutPage(listed(all), limit, cursor);
        const workloads = items.map(({ one }) => one.workload);
        const answer = known((await asking?.policy({ namespace, workloads, at: moment })) ?? null);
        return { status: 200, body: { ...answer, next } };
      },
    }),
    operation({
      id: 'listTraffic',
      method: 'get',
      path: '/api/v1/traffic',
      summary: 'Who calls the workloads of a namespace: allowed and denied, those that were denied first, then those seen last',
      scope: 'read',
      query: shapes.trafficQuery,
      answers: { 200: { description: 'A page of clients by workload and port', schema: shapes.trafficPage }, ...unknown },
      async handle({ query: { namespace, workload, outcome, q = '', limit, cursor } }) {
        const { rows, isWhole } = known((await asking?.traffic(namespace)) ?? null);
        const wanted = rows.filter(
          (row) =>
            (workload === undefined || (row.workload !== null && workload === `${row.workload.kind}/${row.workload.name}`)) &&
            (outcome === undefined || row[outcome] > 0) &&
            has([row.client, row.identity, row.ip, row.workload?.name], q),
        );
        const { items, next } = cutPage(wanted, limit, cursor);
        return { status: 200, body: { items: items.map(showTraffic), isTrafficWhole: isWhole, next } };
      },
    }),
  ];
}

/** Incidents that were active last. */
const MOST_INCIDENTS = 1000;

/** What open incidents have counted, by the id of the workload in the list. */
async function deniedByWorkload(store: Store): Promise<ReadonlyMap<string, number>> {
  const denied = new Map<string, number>();
  for (const { value } of await store.list('incidents', { tag: 'active', limit: MOST_INCIDENTS })) {
    const incident = value as unknown as Incident;
    const { namespace, workload, count } = incident;
    if (namespace === null || workload === null || !isOfRefusals(incident)) continue;
    const id = idOf({ namespace, workload });
    denied.set(id, (denied.get(id) ?? 0) + count);
  }
  return denied;
}

function idOf({ namespace, workload: { kind, name } }: Pick<WorkloadSummary, 'namespace' | 'workload'>): string {
  return `${namespace}/${name}/${kind}`;
}

/** In the order of their names: a page goes on behind the last one's. */
function listed(all: readonly WorkloadSummary[]) {
  const named = all.map((one) => ({ sort: 0, id: idOf(one), one }));
  return named.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function has(texts: readonly (string | null | undefined)[], part: string): boolean {
  const wanted = part.toLowerCase();
  return texts.some((text) => text?.toLowerCase().includes(wanted) === true);
}
