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
  /** Equal for those of other snapshots that are the same client. */
  readonly key: string;
  readonly who: PodsWho;
  readonly tls: ClientTls;
  /** Of the first; null: it has none. */
  readonly ip: string | null;
  readonly pods: readonly Workload[];
}

/** Of a client without a proxy. */
export const PLAIN: ClientTls = { state: 'none', reason: 'no_tls_from_remote' };

type Workloads = NamespaceIndex['workloads'];

/** In the order in which they are first met. */
export function comersIn(workloads: Workloads, info: ClusterInfo, networks: readonly Network[]): readonly Comer[] {
  const { groups, ends } = groupsIn(workloads)(info);
  const areAlike = ends.every((those) => isOneCell(networks, ...those));
  const found = groups.flatMap((group) => {
    const { key, who, tls, all, pods, ends: own } = group;
    const [{ place, ip }] = all;
    if (own === null) return [{ place, key: `${key}@`, who, tls, ip, pods }];
    if (areAlike || isOneCell(networks, ...own)) return [{ place, key: `${key}@${cellOf(networks, own[0])}`, who, tls, ip, pods }];
    const cells = Map.groupBy(all, ({ address }) => cellOf(networks, address as Address));
    return [...cells].map(([cell, places]) => {
      const [first] = places as [Place, ...Place[]];
      return { place: first.place, key: `${key}@${cell}`, who, tls, ip: first.ip, pods: podsOf(places) };
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
interface Group extends Pick<Comer, 'key' | 'who' | 'tls' | 'pods'> {
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
  const shared = { all, pods: podsOf(all), ends: first === undefined ? null : endsOf([first, ...others]) };
  if (!isMeshed(pod))
    return { key: `plain ${namespace}/${name}`, who: { type: 'unmeshed', namespace, serviceAccount: name }, tls: PLAIN, ...shared };
  const clientId = serviceAccountIdentity(info, namespace, name);
  return {
    key: `mesh ${namespace}/${name}`,
    who: { type: 'service-account', namespace, name },
    tls: { state: 'established', clientId },
    ...shared,
  };
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
