/**
 * The pods of a namespace as those who call. Those that run as one ServiceAccount come as one client wherever no network tells their addresses
 * apart; what does not depend on networks is found once for all the proofs that look at the same pods.
 */
import type { ClientTls } from '../policy/evaluation.ts';
import { serviceAccountIdentity } from '../policy/identity.ts';
import { memo } from '../policy/memo.ts';
import { type Address, type Network, parseAddress } from '../policy/network.ts';
import { isObject } from '../policy/selector.ts';
import type { ClusterInfo } from '../policy/settings.ts';
import type { NamespaceIndex } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { cellOf, compareAddresses, isOneCell } from './addresses.ts';

/** Whom pods stand behind. */
export type PodsWho =
  /** Pods with a proxy that run as this ServiceAccount; without pods: a policy names it, and such may come. */
  | { readonly type: 'service-account'; readonly namespace: string; readonly name: string }
  /** Pods without a proxy. */
  | { readonly type: 'unmeshed'; readonly namespace: string; readonly serviceAccount: string };

/** Pods of one ServiceAccount at addresses that the networks do not tell apart. */
export interface Comer {
  /** Equal for the same ones, whatever their addresses. */
  readonly key: string;
  /** As `cellOf`; empty: they have no address. */
  readonly cell: string;
  readonly client: {
    readonly who: PodsWho;
    readonly tls: ClientTls;
    /** Of the first; null: it has none. */
    readonly ip: string | null;
    readonly pods: readonly Workload[];
  };
}

/** Of a client without a proxy. */
export const PLAIN: ClientTls = { state: 'none', reason: 'no_tls_from_remote' };

type Workloads = NamespaceIndex['workloads'];

/** In the order in which they are first met. */
export function comersIn(workloads: Workloads, info: ClusterInfo, networks: readonly Network[]): readonly Comer[] {
  const { groups, ends } = groupsIn(workloads)(info);
  // Of one family all pods lie in one cell, most often.
  const cells = new Map(ends.map((those) => [those[0].family, isOneCell(networks, ...those) ? cellOf(networks, those[0]) : null]));
  const found = groups.flatMap((group) => {
    const { key, client, all, ends: own } = group;
    const [{ place }] = all;
    if (own === null) return [{ place, key, cell: '', client }];
    const [low, high] = own;
    const cell = cells.get(low.family) ?? (isOneCell(networks, low, high) ? cellOf(networks, low) : null);
    if (cell !== null) return [{ place, key, cell, client }];
    return [...Map.groupBy(all, ({ address }) => cellOf(networks, address as Address))].map(([at, places]) => {
      const [first] = places as [Place, ...Place[]];
      return { place: first.place, key, cell: at, client: { ...client, ip: first.ip, pods: podsOf(places) } };
    });
  });
  return found.sort((a, b) => a.place - b.place);
}

/** One address of a pod. */
interface Place {
  readonly place: number;
  readonly ip: string | null;
  readonly address: Address | null;
  readonly pod: Workload;
}

/** The lowest and the highest address. */
type Ends = readonly [low: Address, high: Address];

/** Of one ServiceAccount, and of one family of addresses. */
interface Group extends Omit<Comer, 'cell'> {
  readonly all: readonly [Place, ...Place[]];
  /** null: they have none. */
  readonly ends: Ends | null;
}

const groupsIn = memo((workloads: Workloads) =>
  memo((info: ClusterInfo): { readonly groups: readonly Group[]; readonly ends: readonly Ends[] } => {
    const byKey = new Map<string, [Place, ...Place[]]>();
    let place = 0;
    for (const { value: pod } of workloads.values()) {
      if (pod?.kind !== 'Pod') continue;
      for (const ip of pod.ips.length === 0 ? [null] : pod.ips) {
        const one = { place: place++, ip, address: ip === null ? null : parseAddress(ip), pod };
        const key = `${isMeshed(pod)} ${one.address?.family} ${pod.serviceAccount}`;
        const known = byKey.get(key);
        if (known === undefined) byKey.set(key, [one]);
        else known.push(one);
      }
    }
    const groups = [...byKey.values()].map((all) => groupOf(all, info));
    const families = Map.groupBy(
      groups.flatMap(({ ends }) => ends ?? []),
      ({ family }) => family,
    );
    return { groups, ends: [...families.values()].map((own) => endsOf(own as [Address, ...Address[]])) };
  }),
);

function groupOf(all: readonly [Place, ...Place[]], info: ClusterInfo): Group {
  const { pod } = all[0];
  const { serviceAccount: name } = pod;
  const { namespace } = pod.ref;
  const addresses = all.flatMap(({ address }) => address ?? []);
  const [first, ...others] = addresses;
  const ends = first === undefined ? null : endsOf([first, ...others]);
  const from = { ip: all[0].ip, pods: podsOf(all) };
  if (!isMeshed(pod)) {
    const who: PodsWho = { type: 'unmeshed', namespace, serviceAccount: name };
    return { key: `plain ${namespace}/${name}`, client: { who, tls: PLAIN, ...from }, all, ends };
  }
  const tls: ClientTls = { state: 'established', clientId: serviceAccountIdentity(info, namespace, name) };
  const who: PodsWho = { type: 'service-account', namespace, name };
  return { key: `mesh ${namespace}/${name}`, client: { who, tls, ...from }, all, ends };
}

/** On the network of its node, a pod comes as one without a proxy. */
function isMeshed({ meshed, resource: { spec } }: Workload): boolean {
  return meshed && !(isObject(spec) && spec['hostNetwork'] === true);
}

/** A pod that is there by several addresses is there once. */
function podsOf(all: readonly Place[]): readonly Workload[] {
  return all.map(({ pod }) => pod).filter((pod, i, pods) => pod !== pods[i - 1]);
}

function endsOf([first, ...others]: readonly [Address, ...Address[]]): Ends {
  let [low, high] = [first, first];
  for (const address of others) {
    if (compareAddresses(address, low) < 0) low = address;
    if (compareAddresses(address, high) > 0) high = address;
  }
  return [low, high];
}
