/** Denials of an incident over time, by client, with what of the same clients was allowed: what is kept of both, cut into buckets. */
import type { Denial, Fact, Observation } from '../evidence/facts.ts';
import { coarsened, endOf, MOST_BUCKETS, type OverTime, stepFor, totalOf, within, withStretch } from '../evidence/over-time.ts';
import { stretchOf } from '../evidence/tally.ts';
import type { Labels } from '../policy/inbound.ts';
import type { Instant } from '../policy/resource.ts';
import type { Store } from '../ports.ts';
import { type CountedClient, sameClientTags } from './clients.ts';
import { mergeOver, type ObservationDelta } from './delta.ts';
import type { Incident } from './incident.ts';

/** By its identity; one without, by its address. */
export interface SeriesClient {
  readonly identity: string | null;
  readonly ip: string | null;
}

/** Buckets of `step` milliseconds, the first at `start`. */
export interface SeriesWindow {
  readonly start: Instant;
  readonly step: number;
  readonly buckets: number;
}

export interface ClientSeries extends SeriesClient {
  /** All of its denials, those without a time and outside of the window included. */
  readonly count: number;
  readonly denied: readonly number[];
  /** null: not known. */
  readonly allowed: readonly number[] | null;
}

export interface IncidentSeries {
  readonly window: SeriesWindow;
  /** Those denied most, first. */
  readonly clients: readonly ClientSeries[];
  /** The other ones as a sum. */
  readonly others: { readonly clients: number; readonly count: number; readonly denied: readonly number[] };
  /** Denials in times before and after the window. */
  readonly outside: number;
  /** Denials of which nobody knows when they were. */
  readonly undated: number;
}

/** A client with what is known of when it was denied. */
export interface DatedClient extends SeriesClient {
  readonly count: number;
  readonly over: OverTime | undefined;
}

const MOST_POINTS = 200;
const MOST_CLIENTS = 8;
const MOST_OBSERVATIONS = 64;
const MINUTE = 60_000;
/** As often as counters are usually read. */
const USUAL_STEP = 15_000;

/** Most denied first. */
export function datedClients(rows: readonly CountedClient[]): readonly DatedClient[] {
  const byName = Map.groupBy(rows, ({ client }) => JSON.stringify(Object.values(clientOf(client))));
  const all = [...byName.values()].map((own): DatedClient => {
    const over = own.reduce<OverTime | undefined>((sum, row) => mergeOver(sum, row.over ?? undefined).over, undefined);
    const [first] = own;
    return { ...clientOf(first?.client ?? NOBODY), count: own.reduce((sum, { count }) => sum + count, 0), over };
  });
  return all.sort((a, b) => b.count - a.count || nameOf(a).localeCompare(nameOf(b)));
}
const NOBODY = { ip: null, tls: null };

function clientOf({ ip, tls }: Pick<CountedClient['client'], 'ip' | 'tls'>): SeriesClient {
  const identity = tls?.state === 'established' ? tls.clientId : null;
  return { identity, ip: identity === null ? ip : null };
}

function nameOf({ identity, ip }: SeriesClient): string {
  return identity ?? ip ?? '';
}

export interface AskedWindow {
  /** null: from before the first denial. */
  readonly from: Instant | null;
  /** null: until after the last one, or now. */
  readonly to: Instant | null;
  /** Milliseconds; null: as narrow as it can be. */
  readonly step: number | null;
}

/** Longer than most sources wait between two readings. */
const FRESH = 10 * MINUTE;
const LEAST_MARGIN = MINUTE;

/** Buckets are no narrower than what is known, nor so narrow that there are too many. */
export function windowFor(incident: Incident, clients: readonly DatedClient[], asked: AskedWindow, now: Instant): SeriesWindow {
  const known = clients.flatMap(({ over }) => (over === undefined || over.counts.length === 0 ? [] : [over]));
  const first = known.reduce((least, { start }) => Math.min(least, start), incident.firstSeen ?? incident.openedAt);
  const last = known.reduce((most, over) => Math.max(most, endOf(over)), incident.lastSeen ?? incident.activeAt);
  const margin = Math.max(LEAST_MARGIN, (last - first) / 4);
  const from = asked.from ?? Math.min(first - margin, asked.to ?? first);
  const to = Math.max(asked.to ?? (now - last < FRESH && now > last ? now : last + margin / 4), from + 1);
  const most = asked.step === null ? MOST_BUCKETS : MOST_POINTS;
  const step = stepFor(
    from,
    to - 1,
    most,
    known.reduce((widest, over) => Math.max(widest, over.step), asked.step ?? USUAL_STEP),
  );
  const start = Math.floor(from / step) * step;
  return { start, step, buckets: Math.ceil((to - start) / step) };
}

/** `allowed`: by client, in the order of the clients; absent where nothing is known. */
export function seriesOf(
  clients: readonly DatedClient[],
  window: SeriesWindow,
  allowed: readonly (OverTime | undefined)[],
): IncidentSeries {
  const cut = (over: OverTime | undefined) =>
    over === undefined ? new Array<number>(window.buckets).fill(0) : within(over, window.start, window.step, window.buckets);
  const [named, others] = [clients.slice(0, MOST_CLIENTS), clients.slice(MOST_CLIENTS)];
  const over = others.reduce<OverTime | undefined>((sum, client) => mergeOver(sum, client.over).over, undefined);
  const sum = (of: readonly { readonly count: number }[]) => of.reduce((total, { count }) => total + count, 0);
  const shown = named.map(({ identity, ip, count, over: own }, i): ClientSeries => {
    const seen = allowed[i];
    return { identity, ip, count, denied: cut(own), allowed: seen === undefined ? null : cut(seen) };
  });
  const rest = { clients: others.length, count: sum(others), denied: cut(over) };
  const dated = clients.reduce((total, client) => total + totalOf(client.over), 0);
  const inside = [...shown, rest].reduce((total, { denied }) => total + denied.reduce((a, b) => a + b, 0), 0);
  return { window, clients: shown, others: rest, outside: dated - inside, undated: sum(clients) - dated };
}

/** What is kept of allowed requests of these clients to what denied them. */
export async function keptAllowed(
  incident: Incident,
  clients: readonly SeriesClient[],
  store: Store,
): Promise<readonly (OverTime | undefined)[]> {
  return Promise.all(
    clients.slice(0, MOST_CLIENTS).map(async ({ identity, ip }) => {
      const tls = identity === null ? null : ({ state: 'established', clientId: identity } as const);
      const [tag] = sameClientTags(incident.cluster, { ip, tls });
      if (tag === undefined) return undefined;
      const documents = await store.list('observations', { tag, limit: MOST_OBSERVATIONS });
      const own = documents.map(({ value }) => value as unknown as ObservationDelta).filter((one) => isOfIncident(incident, one));
      return own.reduce<OverTime | undefined>((sum, one) => mergeOver(sum, one.over).over, undefined);
    }),
  );
}

export interface CountedFacts {
  readonly denied: readonly DatedClient[];
  /** In the order of the clients given. */
  readonly allowed: readonly (OverTime | undefined)[];
}

/** What counters of another source say of the same: `clients` are those whose allowed requests are asked about. */
export function countedFacts(incident: Incident, facts: readonly Fact[], clients: readonly SeriesClient[]): CountedFacts {
  const over = (own: readonly Fact[]) =>
    own.reduce<OverTime | undefined>((sum, { at, lastAt = null, count, over: known }) => {
      const stretch = stretchOf({ at, lastAt, count, ...(known === undefined ? {} : { over: known }) });
      return withStretch(sum, stretch);
    }, undefined);
  const denials = facts.filter(
    (fact) => fact.type === 'denial' && isOfIncident(incident, placeOf(incident, fact)) && fact.kind === incident.kind,
  );
  const observed = facts.filter((fact) => fact.type === 'observation' && isOfIncident(incident, placeOf(incident, fact)));
  const keyOf = (fact: Fact) => nameOf(clientOf({ ip: fact.client?.ip ?? null, tls: fact.client?.tls ?? null }));
  const denied = [...Map.groupBy(denials, keyOf).values()].map((own): DatedClient => {
    const client = own[0]?.client;
    const when = over(own);
    return { ...clientOf({ ip: client?.ip ?? null, tls: client?.tls ?? null }), count: totalOf(when), over: when };
  });
  const byClient = Map.groupBy(observed, keyOf);
  return {
    denied: denied.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count),
    allowed: clients.map((client) => over(byClient.get(nameOf(client)) ?? [])),
  };
}

type Place = Pick<ObservationDelta, 'namespace' | 'workload' | 'server' | 'route'>;

function placeOf({ pods, workload: own }: Incident, { reporter, server, route }: Denial | Observation): Place {
  const { namespace, pod, workload } = reporter;
  return { namespace, workload: workload ?? (pod !== null && pods.includes(pod) ? own : null), server, route };
}

/** A port without a Server gets one when it is mended: what the default policy denied, a Server may have let in. */
function isOfIncident(incident: Incident, { namespace, workload, server, route }: Place): boolean {
  if (incident.namespace !== namespace || incident.workload?.kind !== workload?.kind || incident.workload?.name !== workload?.name)
    return false;
  if (incident.server === null || incident.server.kind === 'default') return true;
  return isSame(incident.server, server) && (incident.route === null || isSame(incident.route, route));
}

function isSame(a: Labels, b: Labels | null): boolean {
  return b !== null && a.kind === b.kind && a.name === b.name && a.group === b.group;
}

/** Of the list: denials of the whole incident, in few buckets. undefined: nothing is known of when they were. */
export function shortSeries({ over }: Incident): OverTime | undefined {
  return over === undefined || over.counts.length === 0 ? undefined : coarsened(over, 0, LIST_BUCKETS);
}
const LIST_BUCKETS = 32;
