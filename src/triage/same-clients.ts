/** What else is known of the clients of an incident: other open incidents that have them, and what let them in. */
import type { TallyObservation } from '../evidence/tally.ts';
import type { Store } from '../ports.ts';
import { sameClientTags } from './clients.ts';
import type { ObservationDelta } from './delta.ts';
import type { Incident, IncidentClient } from './incident.ts';

export interface SameClients {
  /** With those of the clients that are theirs too; the ones last seen first. */
  readonly incidents: readonly { readonly incident: Incident; readonly clients: readonly IncidentClient[] }[];
  readonly observations: ReadonlyMap<string, TallyObservation>;
}

const MOST_INCIDENTS = 16;
/** Of one client: its own incident may have many of them, one for each address. */
const MOST_DOCUMENTS = 64;
const MOST_OBSERVATIONS = 16;

/** Documents from before clients were found by a tag are not seen. Errors: Unavailable. */
export async function sameClientsOf({ id, cluster }: Incident, clients: readonly IncidentClient[], store: Store): Promise<SameClients> {
  const tags = [...new Set(clients.flatMap((client) => sameClientTags(cluster, client)))];
  const [found, observed] = await Promise.all([
    Promise.all(tags.map((tag) => store.list('clients', { tag, limit: MOST_DOCUMENTS }))),
    Promise.all(tags.map((tag) => store.list('observations', { tag, limit: MOST_OBSERVATIONS }))),
  ]);
  const byId = new Map(found.flat().map((document) => [document.id, document]));
  const last = [...byId.values()].sort((a, b) => b.sort - a.sort).map(({ value }) => value as unknown as IncidentClient);
  const elsewhere = Map.groupBy(last, ({ incident }) => incident);
  elsewhere.delete(id);
  const documents = await store.get('incidents', [...elsewhere.keys()]);
  const open = documents.flatMap((document) => (document === null ? [] : [document.value as unknown as Incident])).filter(isOpen);
  return {
    incidents: open.slice(0, MOST_INCIDENTS).map((incident) => ({ incident, clients: elsewhere.get(incident.id) ?? [] })),
    observations: new Map(observed.flat().map((document) => [document.id, observationOf(document.value as unknown as ObservationDelta)])),
  };
}

function isOpen({ state }: Incident): boolean {
  return state !== 'resolved';
}

function observationOf({ cluster, namespace, workload, client, ...observed }: ObservationDelta): TallyObservation {
  const { server, route, authorization, port, count, first, last } = observed;
  return {
    reporter: { cluster, namespace, pod: null, workload: workload === null || namespace === null ? null : { namespace, ...workload } },
    ip: client.ip,
    tls: client.identity === null ? null : { state: 'established', clientId: client.identity },
    source: { kind: 'metrics', name: 'observed', line: null, raw: '' },
    ...{ server, route, authorization, port, count, before: 0, first, last },
  };
}
