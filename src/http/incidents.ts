/** Incidents: to list, to read whole, to acknowledge, to resolve. */
import type { Json, Store } from '../ports.ts';
import { move } from '../triage/actions.ts';
import { clientsTag, countClients } from '../triage/clients.ts';
import type { Incident, IncidentClient, IncidentState } from '../triage/incident.ts';
import type { Sender } from './auth.ts';
import { type Call, jsonOperation, type Operation, operation, type Reply } from './operation.ts';
import type { Shared } from './options.ts';
import { cutPage, pageOf, readAll } from './paging.ts';
import { Problem } from './problem.ts';
import * as shapes from './schemas.ts';
import { showClient, showIncident, showWithSeries } from './views.ts';

export function incidentOperations(shared: Shared): readonly Operation[] {
  const { store } = shared;
  return [
    operation({
      id: 'listIncidents',
      method: 'get',
      path: '/api/v1/incidents',
      summary: 'Incidents, the most recently active first',
      scope: 'read',
      query: shapes.incidentQuery,
      answers: { 200: { description: 'A page of incidents', schema: shapes.incidentPage } },
      async handle({ query }) {
        const { limit, cursor } = query;
        const wanted = (value: unknown) => isWanted(value as Incident, query);
        const { documents, next } = await pageOf(store, { collection: 'incidents', ...tagFor(query), limit, cursor, wanted });
        const show = query.with === 'series' ? showWithSeries : showIncident;
        return { status: 200, body: { items: documents.map((d) => show(d.value as unknown as Incident)), next } };
      },
    }),
    operation({
      id: 'getIncident',
      method: 'get',
      path: '/api/v1/incidents/{id}',
      summary: 'One incident, its explanation, and its clients page by page',
      scope: 'read',
      query: shapes.detailQuery,
      answers: {
        200: { description: 'The incident', schema: shapes.incidentDetail },
        404: { description: 'There is no such incident', schema: shapes.problem },
      },
      handle: ({ id, query }) => detail(shared, id, query),
    }),
    moveOperation(shared, 'acknowledgeIncident', 'acknowledge', 'acknowledged', 'Say that somebody looks after it'),
    moveOperation(shared, 'resolveIncident', 'resolve', 'resolved', 'Say that it is over; it opens again when it comes back'),
  ];
}

type Filter = (typeof shapes.incidentQuery)['_output'];

/** The index that leaves the least to look at. */
function tagFor({ state, namespace, kind }: Filter): { readonly tag?: string } {
  if (namespace !== undefined) return { tag: state === 'active' ? `active:${namespace}` : `namespace:${namespace}` };
  if (state !== undefined) return { tag: state === 'active' ? 'active' : `state:${state}` };
  return kind === undefined ? {} : { tag: `kind:${kind}` };
}

function isWanted(incident: Incident, { state, namespace, workload, kind, muted, verdict }: Filter): boolean {
  if (state !== undefined && (state === 'active' ? incident.state === 'resolved' : incident.state !== state)) return false;
  if (namespace !== undefined && incident.namespace !== namespace) return false;
  if (kind !== undefined && incident.kind !== kind) return false;
  if (verdict !== undefined && incident.wayOut?.verdict !== verdict) return false;
  if (muted !== undefined && String(incident.muted) !== muted) return false;
  return workload === undefined || (incident.workload !== null && `${incident.workload.kind}/${incident.workload.name}` === workload);
}

async function detail({ store }: Shared, id: string, { limit, cursor }: (typeof shapes.detailQuery)['_output']): Promise<Reply> {
  const [[document], [explanation], clients] = await Promise.all([
    store.get('incidents', [id]),
    store.get('explanations', [id]),
    readClients(store, id),
  ]);
  if (document === undefined || document === null) throw noIncident();
  const incident = document.value as unknown as Incident;
  const kept = explanation?.value as { readonly explanation: Json } | undefined;
  const { items, next } = cutPage(countClients(incident.kind, clients), limit, cursor);
  return {
    status: 200,
    body: { incident: showIncident(incident), explanation: kept?.explanation ?? null, clients: { items: items.map(showClient), next } },
  };
}

/** Those that came alike belong together, so all are read: they are bounded. */
export async function readClients(store: Store, id: string) {
  const documents = await readAll(store, 'clients', clientsTag(id));
  return documents.map((d) => ({ ...(d.value as unknown as IncidentClient), id: d.id }));
}

function moveOperation(shared: Shared, id: string, verb: string, to: IncidentState, summary: string): Operation {
  const { store, bounds, now, limits, budget } = shared;
  return jsonOperation({
    id,
    method: 'post',
    path: `/api/v1/incidents/{id}/${verb}`,
    summary,
    scope: 'triage',
    schema: shapes.moveBody,
    limits,
    budget,
    answers: {
      200: { description: 'The incident as it is now', schema: shapes.incident },
      404: { description: 'There is no such incident', schema: shapes.problem },
      409: { description: 'It is over already', schema: shapes.problem },
    },
    async handle({ id: incidentId, body, sender }: Call<null, (typeof shapes.moveBody)['_output']>) {
      const [document] = await store.get('incidents', [incidentId]);
      const before = document?.value as unknown as Incident | undefined;
      if (before?.state === 'resolved' && to === 'acknowledged')
        throw new Problem(409, 'This incident is resolved.', 'Nothing needs to be done; it opens again when it comes back.');
      const by = { actor: actorOf(body.actor, sender), reason: body.reason, at: now() };
      const incident = await move(store, incidentId, to, by, bounds);
      if (incident === null) throw noIncident();
      shared.logger.info({ incident: incidentId, state: to, sender: sender.name }, 'incident moved');
      return { status: 200, body: showIncident(incident) };
    },
  });
}

/** Who did it: the token's name cannot be chosen, so it always stands there. */
export function actorOf(named: string | undefined, { name }: Sender): string {
  return named === undefined ? name : `${named} (${name})`;
}

export function noIncident(): Problem {
  return new Problem(404, 'There is no incident by this id.', 'GET /api/v1/incidents lists them; old ones are dropped (retention).');
}
