/** What a simulation found, by client, workload, port and request. */
import type { Caller } from '../access/can.ts';
import type { Outcome, Recorded, Replayed } from '../access/replay.ts';
import type { AccessRequest } from '../access/requests.ts';
import type { TrafficKind } from '../access/told-traffic.ts';
import { type ClientRef, clientRef } from '../evidence/client.ts';
import { showWorkload } from '../evidence/missing.ts';
import { ownersIn } from '../evidence/places.ts';
import type { ClientTls } from '../policy/evaluation.ts';
import { serviceAccountIdentity } from '../policy/identity.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { ownerOf } from './workload-port.ts';

export interface Grouped {
  readonly outcome: Exclude<Outcome, 'unchanged'>;
  readonly kind: TrafficKind;
  readonly client: string;
  readonly namespace: string;
  readonly server: string;
  readonly port: number;
  readonly isNetwork: boolean;
  readonly missing: readonly string[];
  readonly example: { readonly caller: Caller; readonly server: Workload; readonly request: AccessRequest };
  readonly pods: Set<Workload>;
  count: number | null;
}

export const UNKNOWN_TLS: ClientTls = { state: 'none', reason: 'no_tls_from_remote' };

export type Add = (
  kind: TrafficKind,
  client: string,
  recorded: Recorded,
  replayed: Replayed,
  request: AccessRequest,
  count: number | null,
) => void;

/** What comes out alike for one client, workload, port and request, of all pods. */
export function createBook(snapshot: Snapshot) {
  const groups = new Map<string, Grouped>();
  const nameOf = createNames(snapshot);
  const numbers = new Map<string, number>();
  const numberOf = (text: string) => {
    const known = numbers.get(text) ?? numbers.size;
    numbers.set(text, known);
    return known;
  };
  // By far the most are unchanged, and are only counted: by numbers.
  const unchanged = new Map<string, Map<number, Set<number>>>();
  const addUnchanged = (kind: TrafficKind, client: string, place: string, port: number, request: string) => {
    const ports = unchanged.get(place) ?? new Map<number, Set<number>>();
    unchanged.set(place, ports);
    const at = port * KINDS.length + KINDS.indexOf(kind);
    const kinds = ports.get(at) ?? new Set<number>();
    ports.set(at, kinds);
    kinds.add(numberOf(client) * MOST_TEXTS + numberOf(request));
  };
  const add: Add = (kind, client, recorded, replayed, request, count) => {
    const { server, port } = recorded;
    const { outcome, isNetwork, missing } = replayed;
    const { place, namespace, name } = nameOf(server);
    if (outcome === 'unchanged') {
      addUnchanged(kind, client, place, port, request.text);
      return;
    }
    const key = `${outcome}|${kind}|${client}|${place}:${port}|${isNetwork}|${missing.join()}|${request.text}`;
    const known = groups.get(key);
    if (known !== undefined) {
      known.count = count === null ? known.count : (known.count ?? 0) + count;
      known.pods.add(server);
      return;
    }
    const caller: Caller = { tls: recorded.tls ?? UNKNOWN_TLS, ip: recorded.ip, pod: recorded.pod };
    const example = { caller, server, request };
    groups.set(key, { outcome, kind, client, namespace, server: name, port, isNetwork, missing, example, pods: new Set([server]), count });
  };
  return {
    add,
    groups: () => [...groups.values()],
    unchanged: () => [...unchanged.values()].reduce((sum, ports) => sum + [...ports.values()].reduce((of, { size }) => of + size, 0), 0),
  };
}
const KINDS: readonly TrafficKind[] = ['observed', 'probe', 'scrape', 'control-plane', 'possible'];
/** More than there are facts. */
const MOST_TEXTS = 2 ** 24;

interface ServerName {
  readonly namespace: string;
  /** `deploy/orders`. */
  readonly name: string;
  /** Both. */
  readonly place: string;
}

function createNames(snapshot: Snapshot): (server: Workload) => ServerName {
  const known = new Map<Workload, ServerName>();
  const places = new Map<string, string>();
  return (server) => {
    let found = known.get(server);
    if (found === undefined) {
      const { namespace } = server.ref;
      const name = showWorkload(ownerOf(snapshot, server));
      const text = `${namespace}/${name}`;
      const place = places.get(text) ?? text;
      places.set(text, place);
      found = { namespace, name, place };
      known.set(server, found);
    }
    return found;
  };
}

/** Equal clients of observed traffic have one `tls` object. */
export function createClientNames(snapshot: Snapshot): (recorded: Recorded) => string {
  const known = new Map<ClientTls | null, Map<string | null, { readonly ref: ClientRef; readonly names: Map<string, string> }>>();
  const owners = ownersIn(snapshot);
  return ({ ip, tls, server }) => {
    const byIp = known.get(tls) ?? new Map();
    known.set(tls, byIp);
    const client = byIp.get(ip) ?? { ref: clientRef(snapshot, ip, tls, owners), names: new Map<string, string>() };
    byIp.set(ip, client);
    const { namespace } = server.ref;
    const name = client.names.get(namespace) ?? clientName(snapshot, client.ref, namespace);
    client.names.set(namespace, name);
    return name;
  };
}

/** `sa/frontend`, `deploy/reports without a proxy`, `node …`, an address, or what the identity says. */
export function clientName(snapshot: Snapshot, ref: ClientRef, from: string): string {
  const inNamespace = (name: string, namespace: string) => (namespace === from ? name : `${name}.${namespace}`);
  if (ref.identity !== null) {
    const account = ref.serviceAccount;
    const isLocal = account !== null && serviceAccountIdentity(snapshot.info, account.namespace, account.name) === ref.identity;
    return isLocal ? inNamespace(`sa/${account.name}`, account.namespace) : ref.identity;
  }
  if (ref.node !== null) return `node ${ref.node}`;
  if (ref.workload !== null) return `${inNamespace(showWorkload(ref.workload), ref.workload.namespace)} without identity`;
  return ref.ip ?? 'a client without identity, address not observed';
}
