/** Everyone who could call: the cluster's own pods and ServiceAccounts, identities that policies name, nodes, and addresses outside. */
import type { ClientTls } from '../policy/evaluation.ts';
import { parseIdentity, serviceAccountIdentity } from '../policy/identity.ts';
import type { ClientAuthorization, InboundServer } from '../policy/inbound.ts';
import { type Network, parseAddress } from '../policy/network.ts';
import { listOf } from '../policy/reading.ts';
import { isObject } from '../policy/selector.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { cellOf, representativeAddresses } from './addresses.ts';
import { type Comer, comersIn, PLAIN, type PodsWho } from './comers.ts';

/** Who stands behind the traffic. */
export type Who =
  | PodsWho
  /** A node: its kubelet, host-network pods, translated traffic. */
  | { readonly type: 'node'; readonly name: string }
  /** An identity that a policy names and that no ServiceAccount of the cluster has. */
  | { readonly type: 'identity'; readonly identity: string }
  /** Any identity that no policy names, by an example; null: mesh TLS without a client certificate. */
  | { readonly type: 'other-identity'; readonly identity: string | null }
  /** An address that no pod and no node of the cluster has. */
  | { readonly type: 'address'; readonly ip: string };

/** Clients that Linkerd's policy cannot tell apart. */
export interface AccessClient {
  readonly who: Who;
  readonly tls: ClientTls;
  /** One of theirs; null: the pod has none yet. */
  readonly ip: string | null;
  /** Theirs, for NetworkPolicy and to be counted; empty where there are none. */
  readonly pods: readonly Workload[];
}

/** The networks that the policies look at. */
export function networksOf(policies: readonly InboundServer[]): readonly Network[] {
  const networks = new Map<string, Network>();
  for (const { networks: matches } of policies.flatMap(authorizationsIn)) {
    for (const { net, except } of matches) for (const n of [net, ...except]) networks.set(n.text, n);
  }
  return [...networks.values()];
}

/** Whom the policies name. */
export function namesIn(policies: readonly InboundServer[]): {
  readonly identities: ReadonlySet<string>;
  readonly suffixes: ReadonlySet<string>;
} {
  const [identities, suffixes] = [new Set<string>(), new Set<string>()];
  for (const { authentication } of policies.flatMap(authorizationsIn)) {
    if (authentication.type !== 'tls-authenticated') continue;
    for (const identity of authentication.identities) identities.add(identity);
    for (const suffix of authentication.suffixes) suffixes.add(suffix);
  }
  return { identities, suffixes };
}

/** Those of the Server and of every route. */
export function authorizationsIn(policy: InboundServer): readonly ClientAuthorization[] {
  return [...policy.authorizations, ...(policy.routes ?? []).flatMap((route) => route.authorizations)];
}

/**
 * Everyone who could call under these policies, of all the snapshots. What the policies cannot tell apart is one client; an identity without pods
 * may come from anywhere.
 */
export function accessClients(snapshots: readonly Snapshot[], policies: readonly InboundServer[]): readonly AccessClient[] {
  const networks = networksOf(policies);
  const clients = createClients(networks);
  const known = new Set<unknown>();
  for (const snapshot of snapshots) {
    for (const { workloads } of snapshot.namespaces.values()) {
      // Of a namespace that did not change, they are the same.
      if (known.has(workloads) && snapshot.info === snapshots[0]?.info) continue;
      known.add(workloads);
      for (const comer of comersIn(workloads, snapshot.info, networks)) clients.addComer(comer);
    }
    for (const [name, node] of resourcesOfKind(snapshot, '', 'Node', '')) {
      const status = isObject(node.status) ? node.status : {};
      for (const address of listOf(status['addresses']).filter(isObject)) clients.addNode(name, address['address']);
    }
  }
  const addresses = representativeAddresses(networks);
  for (const identity of identitiesIn(policies)) {
    const account = serviceAccountOf(identity, snapshots);
    const who: Who = account === null ? { type: 'identity', identity } : { type: 'service-account', ...account };
    clients.addIdentity(who, identity, addresses);
  }
  const { info } = snapshots[0] as Snapshot;
  for (const identity of [serviceAccountIdentity(info, 'another-namespace', 'another-account'), OTHER_TRUST_DOMAIN, SPIFFE, null])
    clients.addIdentity({ type: 'other-identity', identity }, identity, addresses);
  for (const ip of addresses) clients.addAddress(ip);
  return clients.all;
}
const OTHER_TRUST_DOMAIN = 'another-account.another-namespace.serviceaccount.identity.linkerd.another.trust.domain';
const SPIFFE = 'spiffe://another.trust.domain/workload';

/** The ServiceAccount of the cluster that has the identity. */
function serviceAccountOf(identity: string, snapshots: readonly Snapshot[]): { readonly namespace: string; readonly name: string } | null {
  const parsed = parseIdentity(identity);
  if (parsed === null) return null;
  const { namespace, serviceAccount: name } = parsed;
  const isOne = (snapshot: Snapshot) =>
    identity === serviceAccountIdentity(snapshot.info, namespace, name) && hasServiceAccount(snapshot, namespace, name) === true;
  return snapshots.some(isOne) ? { namespace, name } : null;
}

/** Every identity listed, and for each suffix one that ends with it. */
function identitiesIn(policies: readonly InboundServer[]): ReadonlySet<string> {
  const identities = new Set<string>();
  for (const { authentication } of policies.flatMap(authorizationsIn)) {
    if (authentication.type !== 'tls-authenticated') continue;
    for (const identity of authentication.identities) identities.add(identity);
    for (const suffix of authentication.suffixes) if (suffix !== '') identities.add(`any${suffix}`);
  }
  return identities;
}

function createClients(networks: readonly Network[]) {
  const all: AccessClient[] = [];
  const places = new Map<string, { readonly cell: string; readonly place: number }[]>();
  const withPods = new Set<string>();

  function add(key: string, cell: string, client: AccessClient): void {
    const own = places.get(key) ?? [];
    const known = own.find((one) => one.cell === cell);
    if (known === undefined) {
      places.set(key, own);
      own.push({ cell, place: all.length });
      all.push(client);
    } else if (client.pods.length > 0) {
      const { pods, ...same } = all[known.place] as AccessClient;
      all[known.place] = { ...same, pods: [...pods, ...(client.pods[0] === pods.at(-1) ? client.pods.slice(1) : client.pods)] };
    }
  }
  function cellAt(ip: string): string {
    const address = parseAddress(ip);
    return address === null ? '' : cellOf(networks, address);
  }

  return {
    all,
    addComer({ key, cell, client }: Comer): void {
      const { tls } = client;
      if (tls.state === 'established' && tls.clientId !== null) withPods.add(tls.clientId);
      add(key, cell, client);
    },
    addNode(name: string, ip: unknown): void {
      if (typeof ip === 'string' && parseAddress(ip) !== null)
        add(`node ${name}`, cellAt(ip), { who: { type: 'node', name }, tls: PLAIN, ip, pods: [] });
    },
    addIdentity(who: Who, identity: string | null, addresses: readonly string[]): void {
      if (identity !== null && withPods.has(identity)) return;
      const tls: ClientTls = { state: 'established', clientId: identity };
      for (const ip of addresses) add(`identity ${identity}`, cellAt(ip), { who, tls, ip, pods: [] });
    },
    addAddress(ip: string): void {
      add('address', cellAt(ip), { who: { type: 'address', ip }, tls: PLAIN, ip, pods: [] });
    },
  };
}
