/** What proxies said of traffic, as traffic that can be put to another policy: equal traffic becomes one, with its count. */
import { PROXY_ADMIN_PORT, portsOf } from '../access/ports.ts';
import type { Recorded } from '../access/replay.ts';
import { clientRef } from '../evidence/client.ts';
import { destinationAt } from '../evidence/destination.ts';
import type { Denial, Fact, Observation, Reporter } from '../evidence/facts.ts';
import { isWhole } from '../evidence/judge.ts';
import { readSocketAddress } from '../evidence/log-text.ts';
import { ownersIn, placesIn } from '../evidence/places.ts';
import { createTally, type Tally, tlsKey } from '../evidence/tally.ts';
import { sameLabels } from '../policy/evaluate.ts';
import type { ClientTls, Traffic } from '../policy/evaluation.ts';
import type { ServerRef } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';

export interface CountedTraffic {
  readonly recorded: Recorded;
  /** For people: `GET /orders`, `route orders`, `TCP`. */
  readonly request: string;
  readonly count: number;
}

export interface ObservedTraffic {
  readonly traffic: readonly CountedTraffic[];
  /** Facts whose pod or port nobody can tell. */
  readonly unplaced: number;
}

/** Takes facts as they are read. */
export interface FactBook {
  readonly tally: Tally;
  readonly facts: readonly (Observation | Denial)[];
}

const MOST_FACTS = 2_000_000;

export function createFactBook(): FactBook {
  const facts: (Observation | Denial)[] = [];
  const tally: Tally = {
    ...createTally(),
    add(fact: Fact) {
      if (fact.type !== 'symptom' && facts.length < MOST_FACTS) facts.push(fact);
    },
  };
  return { tally, facts };
}

/** Facts come by the million and are alike: whatever repeats is looked up once. */
export function observedTraffic(snapshot: Snapshot, facts: FactBook['facts']): ObservedTraffic {
  const ownerOf = ownersIn(snapshot);
  const serverOf = createServers(snapshot);
  const portOf = createPorts(snapshot);
  const clientOf = createClients();
  const texts = createNumbers();
  const pods = new Map<number, Workload | null>();
  const found = new Map<string, { recorded: Recorded; request: string; count: number }>();
  let unplaced = 0;
  for (const fact of facts) {
    const place = serverOf(fact.reporter);
    const port = place === null ? null : portOf(place, fact);
    const count = fact.count + (fact.countedBefore ?? 0);
    if (place === null || port === null) unplaced++;
    if (place === null || port === null || count === 0) continue;
    const { server } = place;
    const { ip, tls } = fact.client;
    const seen = fact.type === 'observation' || fact.kind === 'audit-allowed' ? 'allowed' : 'denied';
    const client = clientOf(ip, tls);
    const key = `${place.number} ${port} ${client} ${texts(keyOf(fact))}${seen}`;
    const known = found.get(key);
    if (known !== undefined) {
      known.count += count;
      continue;
    }
    let pod = pods.get(client);
    if (pod === undefined) {
      pod = ip === null && tls?.state !== 'established' ? null : clientRef(snapshot, ip, tls, ownerOf).pod;
      pods.set(client, pod);
    }
    found.set(key, { recorded: { server, port, tls, ip, pod, traffic: trafficOf(fact), seen }, request: textOf(fact), count });
  }
  return { traffic: withoutRetold([...found.values()]), unplaced };
}

/** Counters count what an access log tells in full: where it tells all of it, the log stands for both. */
function withoutRetold(traffic: readonly CountedTraffic[]): readonly CountedTraffic[] {
  if (!traffic.some(({ recorded }) => recorded.traffic.type === 'http')) return traffic;
  const groups = Map.groupBy(traffic, ({ recorded: { server, port, tls, seen } }) => {
    const who = tls?.state === 'established' ? tls.clientId : null;
    return `${server.ref.namespace}/${server.ref.name}:${port} ${seen} ${who}`;
  });
  return [...groups.values()].flatMap((group) => {
    const told = group.filter(({ recorded }) => recorded.traffic.type === 'http');
    const isCounted = ({ recorded: { traffic: of, ip } }: CountedTraffic) =>
      ip === null && (of.type === 'http-on-route' || of.type === 'http-unknown');
    const counted = group.filter(isCounted);
    return total(told) >= total(counted) ? group.filter((one) => !isCounted(one)) : group;
  });
}

function total(traffic: readonly CountedTraffic[]): number {
  return traffic.reduce((sum, { count }) => sum + count, 0);
}

/** Numbers stand for texts in keys. */
function createNumbers(): (text: string) => number {
  const numbers = new Map<string, number>();
  return (text) => {
    const known = numbers.get(text);
    if (known !== undefined) return known;
    numbers.set(text, numbers.size);
    return numbers.size - 1;
  };
}

/** Equal numbers for one address with one identity. */
function createClients(): (ip: string | null, tls: ClientTls | null) => number {
  const keys = new Map<ClientTls, number>();
  const [identities, clients] = [createNumbers(), createNumbers()];
  return (ip, tls) => {
    let identity = tls === null ? -1 : keys.get(tls);
    if (identity === undefined) {
      identity = identities(tlsKey(tls));
      if (tls !== null) keys.set(tls, identity);
    }
    return clients(`${identity} ${ip}`);
  };
}

interface Placed {
  readonly server: Workload;
  readonly number: number;
}

/** Numbers stand for servers in keys. */
function createServers(snapshot: Snapshot): (reporter: Reporter) => Placed | null {
  const places = placesIn(snapshot);
  const byReporter = new Map<string, Placed | null>();
  const numbers = new Map<Workload, number>();
  // Readers hand out one object for all facts of a proxy.
  const byObject = new Map<Reporter, Placed | null>();
  const placeOf = (reporter: Reporter): Placed | null => {
    const { namespace, pod, workload, serviceAccount } = reporter;
    const key = pod === null ? JSON.stringify([namespace, workload, serviceAccount]) : `${namespace}/${pod}`;
    const known = byReporter.get(key);
    if (known !== undefined) return known;
    const server = places.podOf(places.placeOf(reporter), pod === null ? [] : [pod]);
    const number = server === null ? 0 : (numbers.get(server) ?? numbers.size);
    if (server !== null) numbers.set(server, number);
    const placed = server === null ? null : { server, number };
    byReporter.set(key, placed);
    return placed;
  };
  return (reporter) => {
    const known = byObject.get(reporter);
    if (known !== undefined) return known;
    const placed = placeOf(reporter);
    byObject.set(reporter, placed);
    return placed;
  };
}

/** The port as it was told, or as it follows from what was told; null: it does not. */
function createPorts(snapshot: Snapshot): (place: Placed, fact: Observation | Denial) => number | null {
  const known = new Map<string, number | null>();
  return ({ server, number }, { port, server: named, request }) => {
    if (port !== null || !server.meshed || (named === null && request === null)) return port;
    const key = named === null ? `${number} ${request?.authority}` : `${number} ${named.kind}/${named.name}`;
    let found = known.get(key);
    if (found === undefined) {
      // Clients choose what they dial: it stays bounded.
      if (known.size >= MOST_PORTS) return null;
      found = named === null ? portAsked(snapshot, server, request?.authority ?? null) : portNamed(snapshot, server, named);
      known.set(key, found);
    }
    return found;
  };
}

const MOST_PORTS = 100_000;

/** A log line names the Server and not the port: it is the port that this Server (or default policy) has on the pod. */
function portNamed(snapshot: Snapshot, server: Workload, named: ServerRef): number | null {
  const fitting = portsOf(snapshot, server).filter((one) => sameLabels(inboundServer(snapshot, server, one).ref, named));
  return onlyOf(fitting.length > 1 ? fitting.filter((one) => one !== PROXY_ADMIN_PORT) : fitting);
}

/** An access log tells what was dialled: the application's only port, or the one that is behind it. It has no line of the proxy's own port. */
function portAsked(snapshot: Snapshot, server: Workload, authority: string | null): number | null {
  const own = portsOf(snapshot, server).filter((one) => one !== PROXY_ADMIN_PORT);
  if (own.length <= 1 || authority === null) return onlyOf(own);
  const socket = readSocketAddress(authority);
  const [, name = authority, port] = /^([^:]+):(\d{1,5})$/.exec(authority) ?? [];
  const { ip: host, port: dialled } = socket ?? {
    ip: name.includes('.') ? name : `${name}.${server.ref.namespace}`,
    port: Number(port ?? 80),
  };
  const there = destinationAt(snapshot, host, dialled).pods.find(({ pod }) => pod === server);
  return there !== undefined && there.port !== null && own.includes(there.port) ? there.port : null;
}

function onlyOf(ports: readonly number[]): number | null {
  return ports.length === 1 ? (ports[0] ?? null) : null;
}

function trafficOf({ request, route, ...fact }: Observation | Denial): Traffic {
  if (request !== null && isWhole(request)) {
    const { version, method, path, authority, grpc } = request;
    const shown = { version: version ?? 'HTTP/2.0', method: method ?? '', authority, path: path ?? '', headers: [], grpc: grpc ?? false };
    return { type: 'http', request: shown };
  }
  if (route !== null) return { type: 'http-on-route', route };
  return isTcp(fact, request) ? { type: 'tcp' } : { type: 'http-unknown' };
}

/** Equal for traffic that no policy can tell apart. */
function keyOf({ request, route, ...fact }: Observation | Denial): string {
  if (request !== null && isWhole(request)) {
    const { method, path, authority, grpc, version } = request;
    return `${method} ${path} ${authority} ${grpc} ${version}`;
  }
  if (route !== null) return `${route.kind}/${route.name}`;
  return isTcp(fact, request) ? 'tcp' : 'http';
}

/** For people. */
function textOf({ request, route, ...fact }: Observation | Denial): string {
  if (request !== null && isWhole(request))
    return `${request.method} ${request.path?.split('?', 1)[0]}${request.grpc === true ? ' (gRPC)' : ''}`;
  if (route !== null) return route.kind === 'default' && route.name === 'default' ? 'HTTP' : `route ${route.name}`;
  return isTcp(fact, request) ? 'TCP' : 'HTTP of which nothing is known';
}

function isTcp(fact: Pick<Observation, 'type'> | Pick<Denial, 'type' | 'kind'>, request: unknown): boolean {
  if ('kind' in fact) return fact.kind === 'tcp-denied' || fact.kind === 'terminated';
  return request === null;
}
