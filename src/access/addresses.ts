/** Addresses that stand for all others: no policy that names these networks can tell two addresses of one cell apart. */
import { type Address, contains, isLocalhost, type Network, showAddress } from '../policy/network.ts';

/** In which of the networks an address lies, as a text that is equal for equal answers. */
export function cellOf(networks: readonly Network[], address: Address): string {
  return `${address.family}:${networks.map((net) => (contains(net, address) ? '1' : '0')).join('')}`;
}

/** Whether all addresses from the first to the last, of one family, lie in the same of the networks. */
export function isOneCell(networks: readonly Network[], first: Address, last: Address): boolean {
  return networks.every((net) => {
    const isBetween = compareAddresses(net.address, first) > 0 && compareAddresses(net.address, last) < 0;
    return contains(net, first) ? contains(net, last) : !contains(net, last) && !isBetween;
  });
}

/**
 * One address of every cell that the networks cut the address space into, loopback left out (it never passes the proxy as a client's).
 * Networks nest or are apart, so that a cell always has the first, the last or a neighbouring address of one of them.
 */
export function representativeAddresses(networks: readonly Network[]): readonly string[] {
  const cells = new Map<string, string>();
  for (const text of [...OUTSIDE, ...networks.toSorted(byText).flatMap(candidates)]) {
    if (isLocalhost(text) || isUnspecified(text)) continue;
    const cell = cellOf(networks, text);
    if (!cells.has(cell)) cells.set(cell, showAddress(text));
  }
  return [...cells.values()];
}

/** Documentation addresses (RFC 5737, RFC 3849): they belong to nobody. */
const OUTSIDE: readonly Address[] = [
  { family: 4, words: [0xc6336401] },
  { family: 6, words: [0x20010db8, 0, 0, 1] },
];

function byText(a: Network, b: Network): number {
  return a.text < b.text ? -1 : 1;
}

function candidates(network: Network): readonly Address[] {
  const [first, last] = endsOf(network);
  return [step(first, 1), first, last, step(first, -1), step(last, 1)];
}

/** The first and the last address of a network. */
export function endsOf({ address: { family, words }, prefix }: Network): readonly [first: Address, last: Address] {
  return [
    { family, words: words.map((word, i) => (word & maskOf(prefix, i)) >>> 0) },
    { family, words: words.map((word, i) => (word | ~maskOf(prefix, i)) >>> 0) },
  ];
}

/** Of one family by number, IPv4 before IPv6: a network's addresses stand together. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family;
  const at = a.words.findIndex((word, i) => word !== b.words[i]);
  return at < 0 ? 0 : (a.words[at] as number) - (b.words[at] as number);
}

/** The bits of one 32-bit word that the prefix covers. */
function maskOf(prefix: number, word: number): number {
  const bits = Math.min(32, Math.max(0, prefix - word * 32));
  return bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0;
}

/** The next or previous address; wraps at the ends, which is another cell's address or the same one's. */
function step({ family, words }: Address, by: 1 | -1): Address {
  const next = [...words];
  for (let i = next.length - 1; i >= 0; i--) {
    const sum = (next[i] as number) + by;
    next[i] = sum >>> 0;
    if (sum >= 0 && sum <= 0xffffffff) break;
  }
  return { family, words: next };
}

function isUnspecified({ words }: Address): boolean {
  return words.every((word) => word === 0);
}
