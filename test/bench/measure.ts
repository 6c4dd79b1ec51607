/** Times as multiples of u, the cost of one sha256 of 1 KiB in the same round: machines are noisy, ratios within a round are not. */
import { createHash, randomBytes } from 'node:crypto';

export interface Line {
  readonly name: string;
  /** Median over the rounds. */
  readonly value: number;
  readonly unit: 'u' | 'x' | 'MiB' | 'KiB' | 'lines/s' | 'req/s' | 'ms' | 's';
  /** What it should stay below (or above, for `x` and rates); null: no aim. */
  readonly aim: number | null;
  readonly rounds: readonly number[];
}

const kilobyte = randomBytes(1024);

/** Nanoseconds per call of `f`, over `n` calls. */
export function time(n: number, f: (i: number) => unknown): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < n; i++) f(i);
  return Number(process.hrtime.bigint() - start) / n;
}

/** One u in nanoseconds, now. */
export function unit(): number {
  return time(20_000, () => createHash('sha256').update(kilobyte).digest());
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** Runs `round` several times; each gives one figure per name, in u of that round. */
export function inUnits(
  rounds: number,
  aims: Readonly<Record<string, number>>,
  round: () => Readonly<Record<string, number>>,
): readonly Line[] {
  const figures = new Map<string, number[]>();
  for (let i = 0; i < rounds; i++) {
    const before = unit();
    const measured = round();
    const u = (before + unit()) / 2;
    for (const [name, nanoseconds] of Object.entries(measured)) figures.set(name, [...(figures.get(name) ?? []), nanoseconds / u]);
  }
  return [...figures].map(([name, values]) => ({ name, value: median(values), unit: 'u', aim: aims[name] ?? null, rounds: values }));
}
