/** Traffic that the service keeps, as facts that can be put to another policy. */
import type { Denial, DenialKind, Observation } from '../evidence/facts.ts';
import type { ClientTls } from '../policy/evaluation.ts';
import type { Cursor, Store } from '../ports.ts';
import { type CountedClient, clientsTag, countClients } from '../triage/clients.ts';
import type { ObservationDelta } from '../triage/delta.ts';
import type { Incident, IncidentClient } from '../triage/incident.ts';
import { isOfRefusals } from '../triage/traffic.ts';
import { turn } from './in-turns.ts';

const PAGE = 1000;
const MOST_OBSERVATIONS = 200_000;

/** The newest, as facts. */
export async function keptObservations(store: Store): Promise<readonly Observation[]> {
  const facts: Observation[] = [];
  for (let after: Cursor | null = null; facts.length < MOST_OBSERVATIONS; ) {
    const page: Awaited<ReturnType<Store['list']>> = await store.list('observations', {
      limit: PAGE,
      ...(after === null ? {} : { after }),
    });
    for (const { value } of page) facts.push(asFact(value as unknown as ObservationDelta));
    // A store may answer without ever giving others their turn.
    await turn();
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) break;
    after = last;
  }
  return facts;
}

function asFact({
  cluster,
  namespace,
  workload,
  client,
  server,
  route,
  authorization,
  port,
  first,
  last,
  count,
}: ObservationDelta): Observation {
  const tls: ClientTls | null = client.identity === null ? null : { state: 'established', clientId: client.identity };
  return {
    type: 'observation',
    at: first,
    lastAt: last,
    reporter: { cluster, namespace, pod: null, workload: workload === null || namespace === null ? null : { ...workload, namespace } },
    ...{ server, route, authorization, port, count },
    client: { ip: client.ip, port: null, tls },
    request: null,
    source: { kind: 'metrics', name: 'observations', line: null, raw: '' },
  };
}

/** Open incidents, and clients of one. */
const MOST_INCIDENTS = 500;
const MOST_CLIENTS = 200;

/** Who is denied now, each client of an open incident once: what a change would let in. Errors: Unavailable. */
export async function keptDenials(store: Store): Promise<readonly Denial[]> {
  const documents = await store.list('incidents', { tag: 'active', limit: MOST_INCIDENTS });
  const facts: Denial[] = [];
  for (const { value } of documents) {
    const incident = value as unknown as Incident;
    if (!isOfRefusals(incident)) continue;
    const clients = await store.list('clients', { tag: clientsTag(incident.id), limit: MOST_CLIENTS });
    const kept = clients.map((client) => ({ ...(client.value as unknown as IncidentClient), id: client.id }));
    for (const counted of countClients(incident.kind, kept)) facts.push(denialOf(incident, counted));
    await turn();
  }
  return facts;
}

function denialOf(incident: Incident, { client, count }: CountedClient): Denial {
  const { cluster, namespace, workload, server, route, port, admin, kind } = incident;
  const { ip, tls, pod, logs, metrics, requests, error, didNotApply } = client;
  const [request = null, ...others] = requests;
  return {
    type: 'denial',
    kind: kind === 'admin-denied' ? 'http-denied' : (kind as DenialKind),
    at: metrics.first ?? logs.first,
    lastAt: metrics.last ?? logs.last,
    reporter: { cluster, namespace, pod, workload: workload === null || namespace === null ? null : { ...workload, namespace } },
    ...{ server, route, port, admin, error, didNotApply, count },
    client: { ip, port: null, tls },
    // Of several nobody knows how often each came.
    request: others.length === 0 ? request : null,
    sinceBefore: false,
    source: { kind: 'metrics', name: 'incidents', line: null, raw: '' },
  };
}
