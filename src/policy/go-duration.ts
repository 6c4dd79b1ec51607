/** Durations written as Go writes them, the way Linkerd reads them (linkerd2 `policy-controller/k8s/api/src/duration.rs`): `1h30m`, `-1.5s`, `0`, and even nothing at all. */

export interface GoDuration {
  readonly negative: boolean;
  readonly nanoseconds: bigint;
}

const SECONDS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-9],
  ['us', 1e-6],
  ['µs', 1e-6],
  ['μs', 1e-6],
  ['ms', 1e-3],
  ['s', 1],
  ['m', 60],
  ['h', 3600],
]);

/** null when it is no duration, or one beyond 2^64 seconds. Any number of leading `+`, then of `-`, is taken as one sign. */
export function goDuration(text: string): GoDuration | null {
  const negative = text.startsWith('-');
  let rest = text.replace(/^\++/, '').replace(/^-+/, '');
  let nanoseconds = 0n;
  while (rest !== '') {
    if (rest === '0') return { negative, nanoseconds: 0n };
    const part = /^([^\p{Alphabetic}]*)(\p{Alphabetic}+)/u.exec(rest);
    if (part === null) return null;
    const amount = part[1] as string;
    const seconds = SECONDS.get(part[2] as string);
    if (seconds === undefined || !/^\+?(?:\d+\.?\d*|\.\d+)$/.test(amount)) return null;
    const added = toNanoseconds(Number(amount) * seconds);
    if (added === null) return null;
    nanoseconds += added;
    rest = rest.slice(part[0].length);
  }
  return { negative, nanoseconds };
}

function toNanoseconds(seconds: number): bigint | null {
  if (!(seconds < 2 ** 64)) return null;
  const whole = Math.floor(seconds);
  return BigInt(whole) * 1_000_000_000n + BigInt(Math.round((seconds - whole) * 1e9));
}
