/**
 * Every pod by every port of every other, counted. What one policy cannot tell apart is evaluated once, and pods are counted by range of address
 * and by identity, so that the cost follows the policies and what they name, not the pairs and not the pods.
 */
import { evaluate } from '../policy/evaluate.ts';
import type { ClientTls } from '../policy/evaluation.ts';
import { serviceAccountIdentity, suffixMatches } from '../policy/identity.ts';
import type { InboundServer } from '../policy/inbound.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { hasEnded } from '../policy/workload.ts';
import { type AddressOrder, createAddressOrder, type Placed } from './address-order.ts';
import { UNMESHED } from './can.ts';
import { namesIn, networksOf } from './clients.ts';
import { getsIn } from './compare.ts';
import { allPorts } from './ports.ts';
import { accessRequests } from './requests.ts';

export interface Matrix {
  readonly clients: number;
  /** Ports of meshed pods. */
  readonly ports: number;
  /** Pairs of a client pod and a port of a server's pod for which some request gets in. */
  readonly allowed: number;
  readonly pairs: number;
}

/** By Linkerd's policy alone. */
export function accessMatrix(snapshot: Snapshot): Matrix {
  const clients = createAddressOrder(clientsIn(snapshot));
  let [ports, allowed] = [0, 0];
  const admitted = new Map<InboundServer, number>();
  for (const { before: policy, workloads } of allPorts(snapshot)) {
    if (policy === null) continue;
    const known = admitted.get(policy) ?? admittedBy(policy, clients);
    admitted.set(policy, known);
    ports += workloads.length;
    allowed += known * workloads.length;
  }
  return { clients: clients.size, ports, allowed, pairs: clients.size * ports };
}

function clientsIn({ info, namespaces }: Snapshot): readonly Placed[] {
  const clients: Placed[] = [];
  for (const { workloads } of namespaces.values()) {
    for (const { value } of workloads.values()) {
      if (value?.kind !== 'Pod' || hasEnded(value.resource.status)) continue;
      const { meshed, ref, serviceAccount, ips } = value;
      clients.push({ ip: ips[0] ?? null, identity: meshed ? serviceAccountIdentity(info, ref.namespace, serviceAccount) : null });
    }
  }
  return clients;
}

/** How many of the pods get in with some request. */
function admittedBy(policy: InboundServer, clients: AddressOrder): number {
  const requests = accessRequests([policy]);
  const { kinds, others } = kindsOf(policy, clients);
  let admitted = 0;
  for (const cell of clients.cellsOf(networksOf([policy]))) {
    const isIn = (identity: string | null) => {
      const connection = { clientIp: cell.ip, tls: tlsOf(identity) };
      return requests.some(({ traffic }) => getsIn(evaluate(policy, connection, traffic).verdict));
    };
    let rest = cell.size;
    for (const kind of kinds) {
      const count = kind.reduce((sum, identity) => sum + clients.countIn(cell, identity), 0);
      rest -= count;
      if (count > 0 && isIn(kind[0] ?? null)) admitted += count;
    }
    if (rest > 0 && others !== undefined && isIn(others)) admitted += rest;
  }
  return admitted;
}

/** Identities that a policy cannot tell apart; null: no proxy. */
type Kind = readonly (string | null)[];

/** `others`: one of all the rest; undefined: nobody is left. */
function kindsOf(policy: InboundServer, clients: AddressOrder): { readonly kinds: readonly Kind[]; readonly others: string | undefined } {
  const { identities, suffixes } = namesIn([policy]);
  const isUnnamed = (identity: string) => !identities.has(identity);
  const named = [...identities].filter(clients.has).map((identity) => [identity]);
  if (suffixes.size === 0) return { kinds: [WITHOUT_PROXY, ...named], others: clients.identities.find(isUnnamed) };
  const signatureOf = (identity: string) => [...suffixes].map((suffix) => (suffixMatches(suffix, identity) ? '1' : '0')).join('');
  const alike = [...Map.groupBy(clients.identities.filter(isUnnamed), signatureOf).values()];
  // Of the most, each is not looked up: they are what is left.
  const [most, ...fewer] = alike.sort((a, b) => b.length - a.length);
  return { kinds: [WITHOUT_PROXY, ...named, ...fewer], others: most?.[0] };
}
const WITHOUT_PROXY: Kind = [null];

function tlsOf(identity: string | null): ClientTls {
  return identity === null ? UNMESHED : { state: 'established', clientId: identity };
}
