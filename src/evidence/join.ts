/** Logs and counters of one denial meet: counts from metrics, detail from logs; either alone is enough. */
import type { ClientTls } from '../policy/evaluation.ts';
import type { AuthorizationRef, RouteRef, ServerRef } from '../policy/inbound.ts';
import type { Instant } from '../policy/resource.ts';
import type { ClientRef } from './client.ts';
import type { DenialKind, Reporter, RequestTrace, Source } from './facts.ts';
import type { Place } from './places.ts';
import { type Counts, earlier, later, type Tally, type TallyClient, type TallyEntry, tlsKey } from './tally.ts';

export interface JoinedClient {
  readonly ref: ClientRef;
  readonly tls: ClientTls | null;
  readonly ips: readonly string[];
  readonly count: number;
  /** Counted before the first reading of the counter. */
  readonly before: number;
  readonly countedBy: 'metrics' | 'logs';
  readonly first: Instant | null;
  readonly last: Instant | null;
  readonly requests: readonly RequestTrace[];
  readonly didNotApply: readonly AuthorizationRef[];
  readonly sources: readonly Source[];
  readonly error: string | null;
}

/** One denied thing of one workload. */
export interface JoinedTarget extends Place {
  /** Pods whose proxies reported it. */
  readonly pods: readonly string[];
  readonly kind: DenialKind;
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  readonly port: number | null;
  readonly admin: boolean;
  readonly clients: readonly JoinedClient[];
  /** Denials of clients that found no room. */
  readonly beyond: number;
}

export interface Resolvers {
  client(ip: string | null, tls: ClientTls | null, at: Instant | null): ClientRef;
  /** Where the proxy that reported runs. */
  place(reporter: Reporter): Place;
}

export function joinTally(tally: Tally, resolve: Resolvers): readonly JoinedTarget[] {
  const groups = new Map<string, TallyEntry[]>();
  for (const entry of tally.entries.values()) {
    const { namespace, workload } = resolve.place(entry.reporter);
    const key = JSON.stringify([entry.reporter.cluster, namespace, workload ?? entry.reporter.pod, entry.kind, entry.admin]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return [...groups.values()].flatMap((group) => bySubject(group).map((entries) => joinEntries(entries, resolve)));
}

/** Apart by Server and route. A line that names no Server (route not found, rate limit) joins the only one that a counter names. */
function bySubject(group: readonly TallyEntry[]): readonly (readonly TallyEntry[])[] {
  const nameless = group.filter(({ server }) => server === null);
  const named = group.filter(({ server }) => server !== null);
  const subjects = Map.groupBy(named, ({ server, route }) => JSON.stringify([server, route]));
  if (nameless.length === 0) return [...subjects.values()];
  const [only, ...more] = subjects.values();
  if (only !== undefined && more.length === 0) return [[...only, ...nameless]];
  return [...subjects.values(), nameless];
}

function joinEntries(entries: readonly TallyEntry[], resolve: Resolvers): JoinedTarget {
  const first = entries[0] as TallyEntry;
  const named = entries.find((e) => e.server !== null) ?? first;
  const clients = entries.flatMap((entry) => [...entry.clients.values()]);
  // Lines of these name no identity, so that those of a client join its counter whatever that one names.
  const areTogether = isSameToAll(first.kind) && clients.some(({ ip }) => ip !== null);
  const byTls = Map.groupBy(clients, ({ tls }) => (areTogether ? 'any' : tlsKey(tls)));
  return {
    ...resolve.place(first.reporter),
    pods: [...new Set(entries.map((e) => e.reporter.pod).filter((pod) => pod !== null))].sort(),
    kind: first.kind,
    server: named.server,
    route: named.route,
    port: entries.find((e) => e.port !== null)?.port ?? null,
    admin: first.admin,
    clients: [...byTls.values()].flatMap((alike) => joinClients(alike, resolve)),
    beyond: entries.reduce((sum, e) => sum + e.beyond, 0),
  };
}

/** Lines of these say nothing of the client but its address. */
export function isSameToAll(kind: string | null): boolean {
  return kind === 'route-not-found' || kind === 'rate-limited';
}

/** Clients that came alike: logs tell them apart by address, the counter gives their sum. */
function joinClients(clients: readonly TallyClient[], resolve: Resolvers): readonly JoinedClient[] {
  const seen = new Map<string, { ref: ClientRef; parts: TallyClient[] }>();
  const counters: TallyClient[] = [];
  for (const client of clients) {
    if (client.ip === null) {
      counters.push(client);
      continue;
    }
    const ref = resolve.client(client.ip, client.tls, client.logs.last ?? client.metrics.last);
    const known = seen.get(ref.key);
    if (known === undefined) seen.set(ref.key, { ref, parts: [client] });
    else known.parts.push(client);
  }
  if (counters.length === 0) return [...seen.values()].map(({ ref, parts }) => joined(ref, parts, 'logs'));
  const [only, ...more] = seen.values();
  if (only !== undefined && more.length === 0) return [joined(only.ref, [...only.parts, ...counters], 'metrics')];
  const logged = [...seen.values()].map(({ ref, parts }) => joined(ref, parts, 'logs'));
  return [...logged, ...restOf(counters, logged, resolve)];
}

/** What the counters saw beyond the addresses that logs name. */
function restOf(counters: readonly TallyClient[], logged: readonly JoinedClient[], resolve: Resolvers): readonly JoinedClient[] {
  const inLogs = logged.reduce((sum, c) => sum + c.count, 0);
  const sample = counters[0] as TallyClient;
  const rest = joined(resolve.client(null, sample.tls, sample.metrics.last), counters, 'metrics');
  const count = Math.max(0, rest.count - inLogs);
  const before = rest.count === 0 ? Math.max(0, rest.before - inLogs) : rest.before;
  return logged.length > 0 && count === 0 && before === 0 ? [] : [{ ...rest, count, before }];
}

/** A counter that was read once has only a past: what logs tell of is part of it. */
function joined(ref: ClientRef, parts: readonly TallyClient[], countedBy: 'metrics' | 'logs'): JoinedClient {
  const sum = (of: readonly Counts[], part: 'count' | 'before') => of.reduce((total, c) => total + c[part], 0);
  const [logs, metrics] = [parts.map((p) => p.logs), parts.map((p) => p.metrics)];
  const before = sum(metrics, 'before');
  const hasOnlyPast = countedBy === 'metrics' && sum(metrics, 'count') === 0 && sum(logs, 'count') > 0;
  const by = hasOnlyPast ? 'logs' : countedBy;
  // Lines have the time of the denial, counters that of the scrape after it.
  const times = sum(logs, 'count') > 0 && sum(logs, 'count') >= sum(metrics, 'count') ? logs : [...logs, ...metrics];
  return {
    ref,
    tls: parts.find((p) => p.tls !== null)?.tls ?? null,
    ips: [...new Set(parts.map((p) => p.ip).filter((ip) => ip !== null))].sort(),
    count: sum(by === 'metrics' ? metrics : logs, 'count'),
    before: hasOnlyPast ? Math.max(0, before - sum(logs, 'count')) : before,
    countedBy: by,
    first: times.reduce<Instant | null>((t, c) => earlier(t, c.first), null),
    last: times.reduce<Instant | null>((t, c) => later(t, c.last), null),
    requests: parts.flatMap((p) => p.requests).slice(0, 8),
    didNotApply: parts.flatMap((p) => p.didNotApply).slice(0, 32),
    sources: parts.flatMap((p) => p.sources).slice(0, 8),
    error: parts.find((p) => p.error !== null)?.error ?? null,
  };
}
