/** IP addresses and networks as Linkerd reads them (Rust `ipnet`): host bits are kept for print and masked for matching. */

/** `words`: IPv4 has one 32-bit unsigned word, IPv6 four, most significant first. IPv4-mapped IPv6 stays IPv6. */
export interface Address {
  readonly family: 4 | 6;
  readonly words: readonly number[];
}

export interface Network {
  readonly address: Address;
  /** Prefix length: 0 to 32, or 0 to 128. */
  readonly prefix: number;
  /** Canonical text: always with a length, host bits kept. */
  readonly text: string;
}

/** Reads `10.0.0.1` or `fd00::1`; null when it is neither. Leading zeros are decimal, as in `ipnet`. */
export function parseAddress(text: string): Address | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** Reads a CIDR or a bare address (taken as /32 or /128); null when it is neither. A bare one is read by Rust's standard library, which takes no leading zeros. */
export function parseNetwork(text: string): Network | null {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === null) return null;
  const bits = address.family === 4 ? 32 : 128;
  if (slash < 0) return hasLeadingZero(text) ? null : network(address, bits);
  const length = text.slice(slash + 1);
  if (!(address.family === 4 ? /^\d{1,2}$/ : /^\d{1,3}$/).test(length) || Number(length) > bits) return null;
  return network(address, Number(length));
}

/** In an octet of a dotted quad; groups of IPv6 may have them. */
function hasLeadingZero(text: string): boolean {
  const octets = text.slice(text.lastIndexOf(':') + 1).split('.');
  return octets.length > 1 && octets.some((octet) => octet.length > 1 && octet.startsWith('0'));
}

function network(address: Address, prefix: number): Network {
  return { address, prefix, text: `${showAddress(address)}/${prefix}` };
}

/** True when the first `prefix` bits agree. Families never mix. */
export function contains(net: Network, address: Address): boolean {
  if (net.address.family !== address.family) return false;
  let bits = net.prefix;
  for (let i = 0; bits > 0; i++, bits -= 32) {
    const shift = bits >= 32 ? 0 : 32 - bits;
    if ((net.address.words[i] as number) >>> shift !== (address.words[i] as number) >>> shift) return false;
  }
  return true;
}

/** True when every address of `inner` lies in `outer`. */
export function containsNetwork(outer: Network, inner: Network): boolean {
  return inner.prefix >= outer.prefix && contains(outer, inner.address);
}

/** True for 127.0.0.1 and ::1, the only addresses Linkerd's `localhost` authorization takes. */
export function isLocalhost(address: Address): boolean {
  const w = address.words;
  return address.family === 4 ? w[0] === 0x7f000001 : w[0] === 0 && w[1] === 0 && w[2] === 0 && w[3] === 1;
}

/** Canonical text; IPv6 with the longest run of zero groups shortened. */
export function showAddress(address: Address): string {
  if (address.family === 4) {
    const w = address.words[0] as number;
    return `${w >>> 24}.${(w >>> 16) & 255}.${(w >>> 8) & 255}.${w & 255}`;
  }
  return showIpv6(address.words.flatMap((w) => [w >>> 16, w & 0xffff]));
}

/** By character: every decision reads an address. */
function parseIpv4(text: string): Address | null {
  let word = 0;
  let part = 0;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 46) {
      if (digits === 0 || ++dots > 3) return null;
      word = word * 256 + part;
      part = 0;
      digits = 0;
    } else {
      part = part * 10 + code - 48;
      if (code < 48 || code > 57 || ++digits > 3 || part > 255) return null;
    }
  }
  return dots === 3 && digits > 0 ? { family: 4, words: [word * 256 + part] } : null;
}

function parseIpv6(text: string): Address | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = groups(halves[0] as string, halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1] as string, true) : [];
  if (head === null || tail === null) return null;
  const gap = 8 - head.length - tail.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return null;
  const all = [...head, ...new Array<number>(gap).fill(0), ...tail];
  const words: number[] = [];
  for (let i = 0; i < 8; i += 2) words.push((all[i] as number) * 65536 + (all[i + 1] as number));
  return { family: 6, words };
}

/** 16-bit groups of one side of `::`; a dotted quad may stand at the very end. */
function groups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === '') return [];
  const out: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (mayEndInIpv4 && i === parts.length - 1 && part.includes('.')) {
      const v4 = parseIpv4(part);
      if (v4 === null) return null;
      const word = v4.words[0] as number;
      out.push(word >>> 16, word & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
      out.push(Number.parseInt(part, 16));
    }
  }
  return out;
}

function showIpv6(all: readonly number[]): string {
  if (all.slice(0, 5).every((g) => g === 0) && all[5] === 0xffff) {
    const [g6, g7] = [all[6] as number, all[7] as number];
    return `::ffff:${g6 >>> 8}.${g6 & 255}.${g7 >>> 8}.${g7 & 255}`;
  }
  let best = { start: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let j = i;
    while (j < 8 && all[j] === 0) j++;
    if (j - i > best.length) best = { start: i, length: j - i };
    i = Math.max(i, j - 1);
  }
  const hex = (part: readonly number[]) => part.map((g) => g.toString(16)).join(':');
  return best.start < 0 ? hex(all) : `${hex(all.slice(0, best.start))}::${hex(all.slice(best.start + best.length))}`;
}
