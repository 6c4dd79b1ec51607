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
import { atOnce, type Steps } from '../policy/steps.ts';
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

export function observedTraffic(snapshot: Snapshot, facts: FactBook['facts']): ObservedTraffic {
  return atOnce(observing(snapshot, facts));
}

/** A step is so many facts. */
const FACTS_OF_A_STEP = 5000;

export function* observing(snapshot: Snapshot, facts: FactBook['facts']): Steps<ObservedTraffic> {
  const book = createTrafficBook(snapshot);
  for (let from = 0; from < facts.length; from += FACTS_OF_A_STEP) {
    book.add(facts, from, Math.min(facts.length, from + FACTS_OF_A_STEP));
    yield;
  }
  return book.done();
}

/** Facts come by the million and are alike: whatever repeats is looked up once, and numbers stand for it in keys. */
function createTrafficBook(snapshot: Snapshot) {
  const serverOf = createServers(snapshot);
  const portOf = createPorts(snapshot);
  const clientOf = createClients(snapshot);
  const requestOf = createRequests();
  const traffic: Counted[] = [];
  let unplaced = 0;
  const add = (fact: Observation | Denial) => {
    const place = serverOf(fact.reporter);
    const port = place === null ? null : portOf(place, fact);
    const count = fact.count + (fact.countedBefore ?? 0);
    if (place === null || port === null) unplaced++;
    if (place === null || port === null || count === 0) return;
    const seen = fact.type === 'observation' || fact.kind === 'audit-allowed' ? 'allowed' : 'denied';
    const client = clientOf(fact.client);
    const at = (requestOf(fact) * 2 + (seen === 'allowed' ? 1 : 0)) * MOST_PORTS_OF_A_POD + port;
    let known = place.traffic.get(at);
    if (known === undefined) {
      known = new Map();
      place.traffic.set(at, known);
    }
    const counted = known.get(client.number);
    if (counted !== undefined) {
      counted.count += count;
      return;
    }
    const { ip, tls } = client;
    const recorded: Recorded = { server: place.server, port, tls, ip, pod: client.pod(), traffic: trafficOf(fact), seen };
    const found = { recorded, request: textOf(fact), count };
    known.set(client.number, found);
    traffic.push(found);
  };
  return {
    add(facts: FactBook['facts'], from: number, to: number) {
      for (let i = from; i < to; i++) add(facts[i] as Observation | Denial);
    },
    done: (): ObservedTraffic => ({ traffic: withoutRetold(traffic), unplaced }),
  };
}

const MOST_PORTS_OF_A_POD = 65_536;

type Counted = { -readonly [K in keyof CountedTraffic]: CountedTraffic[K] };

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

interface Client {
  readonly number: number;
  readonly ip: string | null;
  /** One object for all that are equal. */
  readonly tls: ClientTls | null;
  pod(): Workload | null;
}

/** One object for one address with one identity. */
function createClients(snapshot: Snapshot): (client: Observation['client']) => Client {
  const ownerOf = ownersIn(snapshot);
  const byKey = new Map<string, Map<string | null, Client>>();
  // Readers hand out one object for all facts of an identity.
  const byObject = new Map<ClientTls | null, Map<string | null, Client>>();
  let size = 0;
  const sameIdentity = (tls: ClientTls | null) => {
    const key = tlsKey(tls);
    const known = byKey.get(key) ?? new Map<string | null, Client>();
    byKey.set(key, known);
    byObject.set(tls, known);
    return known;
  };
  return ({ ip, tls }) => {
    const same = byObject.get(tls) ?? sameIdentity(tls);
    let client = same.get(ip);
    if (client === undefined) {
      const [one] = same.values();
      client = createClient(snapshot, size++, ip, one === undefined ? tls : one.tls, ownerOf);
      same.set(ip, client);
    }
    return client;
  };
}

function createClient(
  snapshot: Snapshot,
  number: number,
  ip: string | null,
  tls: ClientTls | null,
  ownerOf: ReturnType<typeof ownersIn>,
): Client {
  let pod: Workload | null | undefined;
  return {
    ...{ number, ip, tls },
    pod() {
      pod ??= ip === null && tls?.state !== 'established' ? null : clientRef(snapshot, ip, tls, ownerOf).pod;
      return pod;
    },
  };
}

/** Equal numbers for traffic that no policy can tell apart. */
function createRequests(): (fact: Observation | Denial) => number {
  const numbers = createNumbers();
  const routes = new Map<string, Map<string, number>>();
  return (fact) => {
    const { request, route } = fact;
    if (route === null || (request !== null && isWhole(request))) return numbers(keyOf(fact));
    const number = routes.get(route.kind)?.get(route.name);
    if (number !== undefined) return number;
    const names = routes.get(route.kind) ?? new Map<string, number>();
    routes.set(route.kind, names);
    names.set(route.name, numbers(keyOf(fact)));
    return names.get(route.name) as number;
  };
}

interface Placed {
  readonly server: Workload;
  readonly number: number;
  /** By request, by what became of it, and port; then by client. */
  readonly traffic: Map<number, Map<number, Counted>>;
}

/** One object for one pod. */
function createServers(snapshot: Snapshot): (reporter: Reporter) => Placed | null {
  const places = placesIn(snapshot);
  const byReporter = new Map<string, Placed | null>();
  const byServer = new Map<Workload, Placed>();
  // Readers hand out one object for all facts of a proxy.
  const byObject = new Map<Reporter, Placed | null>();
  const placeOf = (reporter: Reporter): Placed | null => {
    const { namespace, pod, workload, serviceAccount } = reporter;
    const key = pod === null ? JSON.stringify([namespace, workload, serviceAccount]) : `${namespace}/${pod}`;
    const known = byReporter.get(key);
    if (known !== undefined) return known;
    const server = places.podOf(places.placeOf(reporter), pod === null ? [] : [pod]);
    const placed = server === null ? null : (byServer.get(server) ?? { server, number: byServer.size, traffic: new Map() });
    if (placed !== null) byServer.set(placed.server, placed);
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
export function portNamed(snapshot: Snapshot, server: Workload, named: ServerRef): number | null {
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
