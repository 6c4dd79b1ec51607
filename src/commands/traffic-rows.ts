/** Who calls whom, with names: what was counted, by client, workload and port. */
import { clientRef } from '../evidence/client.ts';
import { ownersIn, placesIn } from '../evidence/places.ts';
import { later } from '../evidence/tally.ts';
import type { TrafficRow } from '../http/options.ts';
import type { ClientTls } from '../policy/evaluation.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { TrafficPart } from '../triage/traffic.ts';
import { portNamed } from './observed-traffic.ts';
import { clientName } from './simulate-book.ts';

/** Most parts of one row that are kept: those seen last. */
const MOST_PARTS = 50;

/** `snapshot` null: no cluster is known, and clients are called as they were counted. Those with denials come first, then those seen last. */
export function trafficRows(snapshot: Snapshot | null, namespace: string, parts: readonly TrafficPart[]): readonly TrafficRow[] {
  const nameOf = createNames(snapshot, namespace);
  const portOf = createPorts(snapshot, namespace);
  const groups = Map.groupBy(
    parts.map((part) => ({ ...part, name: nameOf(part.client), port: portOf(part) })),
    ({ name, workload, port }) => JSON.stringify([name, workload, port]),
  );
  return [...groups].map(([id, group]) => rowOf(id, namespace, group)).toSorted((a, b) => b.sort - a.sort || (a.id < b.id ? -1 : 1));
}

type NamedPart = TrafficPart & { readonly name: string };

/** Later than any time. */
const DENIED = 2 ** 42;

function rowOf(id: string, namespace: string, group: readonly NamedPart[]): TrafficRow {
  const [{ name, client, workload, port }] = group as [NamedPart, ...NamedPart[]];
  const sum = (what: 'allowed' | 'denied') => group.reduce((so, part) => so + part[what], 0);
  const last = group.reduce<number | null>((so, part) => later(so, part.last), null);
  const newest = group.toSorted((a, b) => b.denied - a.denied || (b.last ?? 0) - (a.last ?? 0));
  return {
    ...{ id, namespace, workload, port, last },
    ...{ client: name, identity: client.identity, ip: client.ip },
    allowed: sum('allowed'),
    denied: sum('denied'),
    parts: newest.slice(0, MOST_PARTS).map(({ server, route, authorization, allowed, denied, last: seen, incident }) => ({
      ...{ server, route, authorization, allowed, denied, incident },
      last: seen,
    })),
    sort: (sum('denied') > 0 ? DENIED : 0) + (last ?? 0),
  };
}

function createNames(snapshot: Snapshot | null, namespace: string): (client: TrafficPart['client']) => string {
  if (snapshot === null) return ({ identity, ip }) => identity ?? ip ?? 'a client without identity, address not observed';
  const owners = ownersIn(snapshot);
  const names = new Map<string, string>();
  return ({ identity, ip }) => {
    const key = `${identity} ${ip}`;
    const tls: ClientTls | null = identity === null ? null : { state: 'established', clientId: identity };
    const name = names.get(key) ?? clientName(snapshot, clientRef(snapshot, ip, tls, owners), namespace);
    names.set(key, name);
    return name;
  };
}

/** Log lines name the Server and not the port. */
function createPorts(snapshot: Snapshot | null, namespace: string): (part: TrafficPart) => number | null {
  const known = new Map<string, number | null>();
  return ({ workload, port, server }) => {
    if (snapshot === null || port !== null || workload === null || server === null) return port;
    const key = JSON.stringify([workload, server]);
    let found = known.get(key);
    if (found === undefined) {
      const pod = placesIn(snapshot).podOf({ namespace, workload: { ...workload, namespace } }, []);
      found = pod === null || !pod.meshed ? null : portNamed(snapshot, pod, server);
      known.set(key, found);
    }
    return found;
  };
}
