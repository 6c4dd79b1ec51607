/** Who calls the workloads of a namespace: what was let in and what was denied, by client, port, route and authorization. */
import type { IncidentKind, KeyWorkload } from '../evidence/key.ts';
import { earlier, later } from '../evidence/tally.ts';
import type { AuthorizationRef, RouteRef, ServerRef } from '../policy/inbound.ts';
import type { Instant } from '../policy/resource.ts';
import type { Collection, Cursor, Store, StoredDocument } from '../ports.ts';
import { clientsTag, countClients } from './clients.ts';
import type { ObservationDelta } from './delta.ts';
import type { Incident, IncidentClient } from './incident.ts';

export interface TrafficPart {
  readonly client: { readonly identity: string | null; readonly ip: string | null };
  readonly workload: KeyWorkload | null;
  /** null: no source tells. */
  readonly port: number | null;
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  /** What let it in; null: nothing did, or no source tells. */
  readonly authorization: AuthorizationRef | null;
  readonly allowed: number;
  readonly denied: number;
  readonly first: Instant | null;
  readonly last: Instant | null;
  /** In which the denials are counted. */
  readonly incident: string | null;
}

export interface Traffic {
  readonly parts: readonly TrafficPart[];
  /** False: there is more than is read; what was seen last is in it. */
  readonly isWhole: boolean;
}

export interface TrafficBounds {
  readonly observations: number;
  readonly incidents: number;
  readonly clients: number;
}

export const TRAFFIC_BOUNDS: TrafficBounds = { observations: 5000, incidents: 500, clients: 5000 };

/** By the index of the namespace. Errors: Unavailable. */
export async function readTraffic(store: Store, namespace: string, bounds: TrafficBounds = TRAFFIC_BOUNDS): Promise<Traffic> {
  const tag = `namespace:${namespace}`;
  const [observations, incidents] = await Promise.all([
    newest(store, 'observations', tag, bounds.observations),
    newest(store, 'incidents', tag, bounds.incidents),
  ]);
  const denied = await deniedOf(
    store,
    incidents.map(({ value }) => value as unknown as Incident),
    bounds.clients,
  );
  const allowed = allowedOf(observations.map(({ value }) => value as unknown as ObservationDelta));
  const isWhole = observations.length < bounds.observations && incidents.length < bounds.incidents && denied.isWhole;
  return { parts: [...denied.parts, ...allowed], isWhole };
}

const PAGE = 500;

async function newest(store: Store, collection: Collection, tag: string, most: number): Promise<readonly StoredDocument[]> {
  const found: (StoredDocument & Cursor)[] = [];
  while (found.length < most) {
    const after = found.at(-1);
    const limit = Math.min(PAGE, most - found.length);
    const page = await store.list(collection, { tag, limit, ...(after && { after: { sort: after.sort, id: after.id } }) });
    found.push(...page);
    if (page.length < limit) break;
  }
  return found;
}

/** The policy refused what the incident stands for. `audit-allowed` got in. */
export function isOfRefusals({ kind }: Pick<Incident, 'kind'>): boolean {
  return REFUSED.has(kind);
}

const REFUSED: ReadonlySet<IncidentKind | null> = new Set<IncidentKind>([
  'http-denied',
  'tcp-denied',
  'terminated',
  'route-not-found',
  'admin-denied',
]);

const AT_ONCE = 16;

async function deniedOf(store: Store, incidents: readonly Incident[], most: number): Promise<Traffic> {
  const wanted = incidents.filter((incident) => isOfRefusals(incident) || incident.kind === 'audit-allowed');
  const parts: TrafficPart[] = [];
  let seen = 0;
  for (let i = 0; i < wanted.length && seen < most; i += AT_ONCE) {
    const some = wanted.slice(i, i + AT_ONCE);
    const clients = await Promise.all(some.map(({ id }) => newest(store, 'clients', clientsTag(id), most)));
    seen += clients.reduce((sum, { length }) => sum + length, 0);
    some.forEach((incident, j) => {
      parts.push(...partsOf(incident, clients[j] ?? []));
    });
  }
  return { parts: summed(parts), isWhole: seen < most };
}

function partsOf(incident: Incident, documents: readonly StoredDocument[]): readonly TrafficPart[] {
  const { id, kind, workload, port, server, route } = incident;
  const clients = documents.map((document) => ({ ...(document.value as unknown as IncidentClient), id: document.id }));
  const isRefused = isOfRefusals(incident);
  return countClients(kind, clients).map(({ client: { ip, tls, logs, metrics }, count }) => {
    const identity = tls?.state === 'established' ? tls.clientId : null;
    return {
      client: { identity, ip: identity === null ? ip : null },
      ...{ workload, port, server, route, authorization: null, incident: isRefused ? id : null },
      allowed: isRefused ? 0 : count,
      denied: isRefused ? count : 0,
      first: earlier(metrics.first, logs.first),
      last: later(metrics.last, logs.last),
    };
  });
}

/** Counters know how a client came, lines from where: what both tell of is one, and is counted once. */
function allowedOf(observations: readonly ObservationDelta[]): readonly TrafficPart[] {
  const seen = observations.filter(({ count }) => count > 0);
  const alike = Map.groupBy(seen, ({ workload, port, server, route, authorization, client: { identity } }) =>
    JSON.stringify([workload, port, server, route, authorization, identity]),
  );
  return summed([...alike.values()].flatMap(onceEach));
}

function onceEach(alike: readonly ObservationDelta[]): readonly TrafficPart[] {
  const inLines = alike.reduce((sum, { client, count }) => sum + (client.ip === null ? 0 : count), 0);
  return alike.flatMap(({ client: { identity, ip }, workload, port, server, route, authorization, first, last, count }) => {
    const allowed = ip === null ? Math.max(0, count - inLines) : count;
    if (allowed === 0) return [];
    const client = { identity, ip: identity === null ? ip : null };
    return [{ client, workload, port, server, route, authorization, allowed, denied: 0, first, last, incident: null }];
  });
}

/** Parts that differ in their counts and times alone become one. */
function summed(parts: readonly TrafficPart[]): readonly TrafficPart[] {
  const same = Map.groupBy(parts, ({ allowed: _, denied: __, first: ___, last: ____, ...part }) => JSON.stringify(part));
  return [...same.values()].map((group) => group.reduce(added));
}

function added(one: TrafficPart, other: TrafficPart): TrafficPart {
  return {
    ...one,
    allowed: one.allowed + other.allowed,
    denied: one.denied + other.denied,
    first: earlier(one.first, other.first),
    last: later(one.last, other.last),
  };
}
