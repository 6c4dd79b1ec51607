/** What proxies said of traffic, as traffic that can be put to another policy: equal traffic becomes one, with its count. */
import { portsOf } from '../access/ports.ts';
import type { Recorded } from '../access/replay.ts';
import { clientRef } from '../evidence/client.ts';
import type { Denial, Fact, Observation } from '../evidence/facts.ts';
import { isWhole } from '../evidence/judge.ts';
import { ownersIn, placesIn } from '../evidence/places.ts';
import { createTally, type Tally, tlsKey } from '../evidence/tally.ts';
import { sameLabels } from '../policy/evaluate.ts';
import type { Traffic } from '../policy/evaluation.ts';
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

export function observedTraffic(snapshot: Snapshot, facts: FactBook['facts']): ObservedTraffic {
  const ownerOf = ownersIn(snapshot);
  const places = placesIn(snapshot);
  const servers = new Map<string, Workload | null>();
  const found = new Map<string, { recorded: Recorded; request: string; count: number }>();
  let unplaced = 0;
  const serverOf = ({ reporter }: Observation | Denial): Workload | null => {
    const key = JSON.stringify([reporter.namespace, reporter.pod, reporter.workload, reporter.serviceAccount]);
    const known = servers.get(key);
    if (known !== undefined) return known;
    const server = places.podOf(places.placeOf(reporter), reporter.pod === null ? [] : [reporter.pod]);
    servers.set(key, server);
    return server;
  };
  for (const fact of facts) {
    const server = serverOf(fact);
    const port = server === null ? null : portOf(snapshot, server, fact);
    const count = fact.count + (fact.countedBefore ?? 0);
    if (server === null || port === null) unplaced++;
    if (server === null || port === null || count === 0) continue;
    const { traffic, text } = trafficOf(fact);
    const { ip, tls } = fact.client;
    const seen = fact.type === 'observation' || fact.kind === 'audit-allowed' ? 'allowed' : 'denied';
    const key = JSON.stringify([server.ref.namespace, server.ref.name, port, tlsKey(tls), ip, text, seen]);
    const known = found.get(key);
    if (known !== undefined) known.count += count;
    else {
      const pod = ip === null && tls?.state !== 'established' ? null : clientRef(snapshot, ip, tls, ownerOf).pod;
      found.set(key, { recorded: { server, port, tls, ip, pod, traffic, seen }, request: text, count });
    }
  }
  return { traffic: [...found.values()], unplaced };
}

/** A log line names the Server and not the port: it is the port that this Server (or default policy) has on the pod. */
function portOf(snapshot: Snapshot, server: Workload, { port, server: named }: Observation | Denial): number | null {
  if (port !== null || named === null || !server.meshed) return port;
  const fitting = portsOf(snapshot, server).filter((one) => sameLabels(inboundServer(snapshot, server, one).ref, named));
  const own = fitting.length > 1 ? fitting.filter((one) => one !== 4191) : fitting;
  return own.length === 1 ? (own[0] ?? null) : null;
}

function trafficOf(fact: Observation | Denial): { readonly traffic: Traffic; readonly text: string } {
  const { request, route } = fact;
  if (request !== null && isWhole(request)) {
    const { version, method, path, authority, grpc } = request;
    const shown = { version: version ?? 'HTTP/2.0', method: method ?? '', authority, path: path ?? '', headers: [], grpc: grpc ?? false };
    return { traffic: { type: 'http', request: shown }, text: `${method} ${path?.split('?', 1)[0]}` };
  }
  if (route !== null) return { traffic: { type: 'http-on-route', route }, text: route.kind === 'default' ? 'HTTP' : `route ${route.name}` };
  const isTcp = fact.type === 'denial' ? fact.kind === 'tcp-denied' || fact.kind === 'terminated' : request === null;
  return isTcp ? { traffic: { type: 'tcp' }, text: 'TCP' } : { traffic: { type: 'http-unknown' }, text: 'HTTP' };
}
