/** Pods in the order of their addresses: those of a network are a range, so that nobody has to look at them one by one. */
import { type Address, contains, type Network, parseAddress } from '../policy/network.ts';
import { compareAddresses, endsOf } from './addresses.ts';
import { LOCALHOST } from './classes.ts';

/** Pods that none of some networks tells apart. */
export interface Cell {
  /** Of one of them; null: they have none, or none that can be read. */
  readonly ip: string | null;
  readonly size: number;
  readonly ranges: readonly Range[];
}
type Range = readonly [from: number, to: number];

export interface AddressOrder {
  readonly size: number;
  /** Each once. */
  readonly identities: readonly string[];
  has(identity: string): boolean;
  /** None of them empty; together they are all pods. */
  cellsOf(networks: readonly Network[]): readonly Cell[];
  /** null: pods without a proxy. */
  countIn(cell: Cell, identity: string | null): number;
}

export interface Placed {
  readonly ip: string | null;
  /** null: it has no proxy. */
  readonly identity: string | null;
}

export function createAddressOrder(pods: readonly Placed[]): AddressOrder {
  const read = pods.map((pod) => ({ ...pod, address: pod.ip === null ? null : parseAddress(pod.ip) }));
  const placed = read.filter((pod) => pod.address !== null).sort((a, b) => compareAddresses(a.address as Address, b.address as Address));
  const addresses = placed.map(({ address }) => address as Address);
  const places = new Map<string | null, number[]>();
  for (const [i, { identity }] of [...placed, ...read.filter(({ address }) => address === null)].entries()) {
    const known = places.get(identity);
    if (known === undefined) places.set(identity, [i]);
    else known.push(i);
  }
  const rangeOf = (network: Network): Range => {
    const [first, last] = endsOf(network);
    return [
      countWhile(addresses, (address) => compareAddresses(address, first) < 0),
      countWhile(addresses, (address) => compareAddresses(address, last) <= 0),
    ];
  };
  const cellsOf = (networks: readonly Network[]): readonly Cell[] => {
    // The proxy lets these in by itself.
    const all = [...networks, ...LOCALHOST];
    const cuts = new Set([0, addresses.length, ...all.flatMap(rangeOf)]);
    const sorted = [...cuts].sort((a, b) => a - b);
    const ranges = sorted.slice(1).map((to, i): Range => [sorted[i] as number, to]);
    const cells = Map.groupBy(ranges, ([from]) => all.map((net) => (contains(net, addresses[from] as Address) ? '1' : '0')).join(''));
    const nowhere: Range = [addresses.length, pods.length];
    return [...[...cells.values()].map((of) => cellOf(of, placed[of[0]?.[0] ?? 0]?.ip ?? null)), cellOf([nowhere], null)].filter(
      ({ size }) => size > 0,
    );
  };
  const known = new Map<string, readonly Cell[]>();
  return {
    size: pods.length,
    identities: [...places.keys()].filter((identity) => identity !== null),
    has: (identity) => places.has(identity),
    cellsOf(networks) {
      const key = networks
        .map(({ text }) => text)
        .sort()
        .join();
      const cells = known.get(key) ?? cellsOf(networks);
      known.set(key, cells);
      return cells;
    },
    countIn({ ranges }, identity) {
      const own = places.get(identity) ?? [];
      const before = (end: number) => countWhile(own, (place) => place < end);
      return ranges.reduce((sum, [from, to]) => sum + before(to) - before(from), 0);
    },
  };
}

function cellOf(ranges: readonly Range[], ip: string | null): Cell {
  return { ip, ranges, size: ranges.reduce((sum, [from, to]) => sum + to - from, 0) };
}

/** How many come first for which it holds; none does after one for which it does not. */
function countWhile<T>(all: readonly T[], holds: (one: T) => boolean): number {
  let [from, to] = [0, all.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (holds(all[middle] as T)) from = middle + 1;
    else to = middle;
  }
  return from;
}
