/**
 * The clients of one incident. Counters know how a client came, log lines from where: each is kept as its source saw it, and what the two say
 * of one client is counted once, as in an explanation (evidence/join.ts).
 */
import { isSameToAll } from '../evidence/join.ts';
import { less, type OverTime, scaled } from '../evidence/over-time.ts';
import { tlsKey } from '../evidence/tally.ts';
import type { Cursor } from '../ports.ts';
import { type ClientDelta, mergeClients, mergeOver } from './delta.ts';
import { hashId, type Incident, type IncidentClient, type TriageBounds } from './incident.ts';
import type { WorkingSet } from './working-set.ts';

type Kind = Incident['kind'];

/** Clients that came alike: a counter gives their sum, lines tell them apart by address. */
interface Alike {
  readonly addresses: number;
  readonly counters: number;
  readonly logs: number;
  readonly metrics: number;
  /** When, of those of which it is known. */
  readonly logsOver?: OverTime | undefined;
  readonly metricsOver?: OverTime | undefined;
}
const NOBODY: Alike = { addresses: 0, counters: 0, logs: 0, metrics: 0 };

export interface FoldedClients {
  /** How many there are now. */
  readonly clients: number;
  /** How many denials of theirs there are more than before. */
  readonly count: number;
  /** When all denials of the incident were, as far as that is known. */
  readonly over: OverTime | undefined;
  /** Denials of clients that found no room. */
  readonly beyond: number;
}

/** Stages what a batch adds to the clients of an incident. */
export async function foldClients(
  set: WorkingSet,
  incident: Incident,
  deltas: ReadonlyMap<string, ClientDelta>,
  kind: Kind,
  bounds: TriageBounds,
): Promise<FoldedClients> {
  const idOf = (key: string) => `${incident.id}/${key}`;
  await Promise.all([
    set.load('clients', [...deltas.keys()].map(idOf)),
    set.load(
      'clientGroups',
      [...deltas.values()].map((delta) => alikeId(incident.id, kind, delta)),
    ),
  ]);
  const sum = { clients: incident.clients, count: 0, beyond: 0, over: incident.over };
  for (const [key, delta] of deltas) {
    const known = set.get<IncidentClient>('clients', idOf(key));
    if (known === null && sum.clients >= bounds.clientsPerIncident) {
      const more = delta.logs.count + delta.metrics.count;
      sum.beyond += more;
      sum.count += more;
      sum.over = mergeOver(sum.over, mergeOver(delta.logs.over, delta.metrics.over).over).over;
      continue;
    }
    const id = alikeId(incident.id, kind, delta);
    const before = set.get<Alike>('clientGroups', id) ?? NOBODY;
    const after = withClient(before, delta, known === null);
    set.put('clientGroups', id, after);
    sum.clients += sizeOf(after) - sizeOf(before);
    sum.count += countOf(after) - countOf(before);
    const taken = overOf(before);
    const given = mergeOver(sum.over, overOf(after)).over;
    sum.over = given === undefined || taken === undefined ? given : less(given, taken);
    const next: IncidentClient = { incident: incident.id, ...(known === null ? delta : mergeClients(known, delta)) };
    set.put('clients', idOf(key), next, {
      tags: [clientsTag(incident.id), ...sameClientTags(incident.cluster, delta)],
      sort: sortOf(next),
    });
  }
  return sum;
}

/** What the clients of an incident are listed by. */
export function clientsTag(incident: string): string {
  return `incident:${incident}`;
}

/** What one client is found by in whatever incident: its identity, its address. */
export function sameClientTags(cluster: string, { ip, tls }: Pick<ClientDelta, 'ip' | 'tls'>): readonly string[] {
  const identity = tls?.state === 'established' ? tls.clientId : null;
  const said = { identity, address: ip };
  return Object.entries(said).flatMap(([what, value]) => (value === null ? [] : [`client:${hashId('f', [cluster, what, value])}`]));
}

/** Stages that these clients go, with what is known of those that came alike. */
export async function dropClients(set: WorkingSet, incident: Incident, clients: ReadonlyMap<string, IncidentClient>): Promise<void> {
  const alike = new Set([...clients.values()].map((client) => alikeId(incident.id, incident.kind, client)));
  await Promise.all([set.load('clients', clients.keys()), set.load('clientGroups', alike)]);
  for (const id of clients.keys()) set.delete('clients', id);
  for (const id of alike) if (set.get('clientGroups', id) !== null) set.delete('clientGroups', id);
}

function alikeId(incident: string, kind: Kind, { tls }: Pick<ClientDelta, 'tls'>): string {
  return `${incident}/${hashId('g', [alikeKey(kind, tls)])}`;
}

function alikeKey(kind: Kind, tls: ClientDelta['tls']): string {
  return isSameToAll(kind) ? '' : tlsKey(tls);
}

function withClient(alike: Alike, { ip, logs, metrics }: ClientDelta, isNew: boolean): Alike {
  const [address, counter] = ip === null ? [0, 1] : [1, 0];
  return {
    addresses: alike.addresses + (isNew ? address : 0),
    counters: alike.counters + (isNew ? counter : 0),
    logs: alike.logs + logs.count,
    metrics: alike.metrics + metrics.count,
    logsOver: mergeOver(alike.logsOver, logs.over).over,
    metricsOver: mergeOver(alike.metricsOver, metrics.over).over,
  };
}

/** An address and a counter that came alike are one client; of several addresses the counter may have seen more. */
function sizeOf({ addresses, counters, logs, metrics }: Alike): number {
  if (addresses === 0) return Math.min(counters, 1);
  return addresses + (addresses > 1 && metrics > logs ? 1 : 0);
}

function countOf(alike: Alike): number {
  return isByLogs(alike) ? alike.logs : alike.metrics;
}

function overOf(alike: Alike): OverTime | undefined {
  return isByLogs(alike) ? alike.logsOver : alike.metricsOver;
}

function isByLogs({ addresses, logs, metrics }: Alike): boolean {
  return metrics === 0 || (addresses > 1 && logs > metrics);
}

function sortOf({ metrics, logs }: Pick<IncidentClient, 'metrics' | 'logs'>): number {
  return metrics.last ?? logs.last ?? 0;
}

/** One client as people count it. */
export interface CountedClient extends Cursor {
  readonly client: IncidentClient;
  readonly count: number;
  /** When, of those of which it is known. */
  readonly over: OverTime | null;
  readonly countedBy: 'metrics' | 'logs';
}

/** Every client once, those seen last first. */
export function countClients(kind: Kind, clients: readonly (IncidentClient & { readonly id: string })[]): readonly CountedClient[] {
  const alike = Map.groupBy(clients, ({ tls }) => alikeKey(kind, tls));
  return [...alike.values()].flatMap(countAlike).sort((a, b) => b.sort - a.sort || (a.id < b.id ? -1 : 1));
}

type Kept = IncidentClient & { readonly id: string };

function countAlike(clients: readonly Kept[]): readonly CountedClient[] {
  const counters = clients.filter(({ ip }) => ip === null);
  const addressed = clients.filter(({ ip }) => ip !== null);
  const [first, ...more] = addressed;
  const [counter, ...others] = counters;
  if (first !== undefined && more.length === 0) return [counted(mergeAll([first, ...counters]))];
  const rows = addressed.map(counted);
  if (counter === undefined) return rows;
  const rest = counted(mergeAll([counter, ...others]));
  if (first === undefined) return [rest];
  const inLogs = addressed.reduce((sum, { logs }) => sum + logs.count, 0);
  const count = Math.max(0, rest.count - inLogs);
  return count === 0 ? rows : [...rows, { ...rest, count, over: rest.over === null ? null : scaled(rest.over, count) }];
}

function mergeAll([first, ...others]: readonly [Kept, ...Kept[]]): Kept {
  return { ...first, ...others.reduce<ClientDelta>(mergeClients, first) };
}

/** A counter that was only read once has counted nothing yet. */
function counted({ id, ...client }: Kept): CountedClient {
  const { metrics, logs } = client;
  const countedBy = metrics.count === 0 && logs.count > 0 ? 'logs' : metrics.count > 0 || metrics.before > 0 ? 'metrics' : 'logs';
  const { count, over = null } = countedBy === 'metrics' ? metrics : logs;
  return { client, id, sort: sortOf(client), countedBy, count, over };
}
