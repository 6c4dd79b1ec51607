/** For whom requests come out differently, as people read it: one by one, and where they are very many, by what they are. */
import { UNMESHED } from '../access/can.ts';
import type { AccessClient } from '../access/clients.ts';
import type { AccessChange } from '../access/compare.ts';
import type { PortChange } from '../access/ports.ts';
import type { AccessRequest } from '../access/requests.ts';
import { evaluate } from '../policy/evaluate.ts';
import { parseIdentity } from '../policy/identity.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Newcomer } from './remedy.ts';

/** Of more nobody reads each: a setting of a whole cluster lets everyone in everywhere. */
const MANY = 20_000;

/** Each client at each port once; beyond 20,000 changes each kind of client at each port number. */
export function newcomersOf(changes: readonly AccessChange[]): readonly Newcomer[] {
  return changes.length > MANY ? byKind(changes) : oneByOne(changes);
}

function oneByOne(changes: readonly AccessChange[]): readonly Newcomer[] {
  const groups = Map.groupBy(changes, ({ at, client }) =>
    JSON.stringify([client.who, at.port, at.workloads[0]?.ref.namespace, at.after?.server?.name]),
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [newcomer(first, new Set(group.map(({ request }) => request.text)))];
  });
}

interface Kind {
  readonly first: AccessChange;
  readonly clients: Set<AccessClient>;
  readonly ports: Set<PortChange>;
  readonly requests: Set<string>;
}

/** Sorted as they came, so that the first of each kind is an example of it. */
function byKind(changes: readonly AccessChange[]): readonly Newcomer[] {
  const kinds = new Map<string, Kind>();
  for (const change of changes) {
    const { at, client, request } = change;
    const key = `${client.who.type} ${at.port}`;
    let kind = kinds.get(key);
    if (kind === undefined) {
      kind = { first: change, clients: new Set(), ports: new Set(), requests: new Set() };
      kinds.set(key, kind);
    }
    kind.clients.add(client);
    kind.ports.add(at);
    kind.requests.add(request.text);
  }
  return [...kinds.values()].map(({ first, clients, ports, requests }) => ({
    ...newcomer(first, requests),
    pods: [...ports].reduce((sum, { workloads }) => sum + workloads.length, 0),
    alike: { clients: new Set([...clients].map(({ who }) => JSON.stringify(who))).size - 1, ports: ports.size - 1 },
  }));
}

function newcomer({ at, client }: AccessChange, requests: ReadonlySet<string>): Newcomer {
  return {
    who: client.who,
    namespace: at.workloads[0]?.ref.namespace ?? '',
    pods: at.workloads.length,
    port: at.port,
    server: at.after?.server?.name ?? null,
    requests: [...requests],
  };
}

/** Of those that a change shuts out, the ones that lose something: identities of nobody and the paths of probes are left out. */
export function losersOf(before: Snapshot, changes: readonly AccessChange[]): readonly Newcomer[] {
  const missing = new Map<AccessClient, boolean>();
  const ofProbes = new Map<PortChange, Map<AccessRequest, boolean>>();
  return newcomersOf(
    changes.filter((change) => {
      const { at, client, request } = change;
      const isMissing = missing.get(client) ?? isOfNobody(before, client);
      missing.set(client, isMissing);
      if (isMissing || isNowhere(change)) return false;
      const known = ofProbes.get(at) ?? new Map<AccessRequest, boolean>();
      ofProbes.set(at, known);
      const isProbe = known.get(request) ?? isOfProbes(change);
      known.set(request, isProbe);
      return !isProbe;
    }),
  );
}

/** An identity that a policy names, and of whose ServiceAccount or whole namespace the cluster has nothing: nobody is shut out by its end. */
function isOfNobody(snapshot: Snapshot, { who }: AccessClient): boolean {
  const own = who.type === 'identity' ? parseIdentity(who.identity) : null;
  if (own === null || own.trustDomain !== snapshot.info.identityTrustDomain) return false;
  return !snapshot.namespaces.has(own.namespace) || hasServiceAccount(snapshot, own.namespace, own.serviceAccount) === false;
}

/** A pod without a proxy and without an address yet, where the address would decide. */
function isNowhere({ client: { who, tls, ip }, before, after }: AccessChange): boolean {
  if (who.type === 'identity' || ip !== null || tls.state !== UNMESHED.state) return false;
  return before === 'undecided' || after === 'undecided';
}

/**
 * The route that Linkerd makes for probes lets everyone in on their paths: its end is no loss where the kubelet stays let in. Which route a request
 * takes does not depend on who asks.
 */
function isOfProbes({ at, client, request }: AccessChange): boolean {
  if (at.before === null) return false;
  const { route } = evaluate(at.before, { clientIp: client.ip, tls: client.tls }, request.traffic);
  return route?.kind === 'default' && route.name === 'probe';
}
