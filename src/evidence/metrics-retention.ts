/** How long a Prometheus keeps what it scraped, as it says of itself (prometheus.io/docs/prometheus/latest/storage/#operational-aspects). */

/** At least one of the two is known. */
export interface Retention {
  /** Milliseconds; null: only its size is bounded. */
  readonly time: number | null;
  /** `10GB`: what is older goes where so much is full; null: its size is not bounded. */
  readonly size: string | null;
  /** What says so: `/api/v1/status/runtimeinfo`. */
  readonly source: string;
}

/** What it answers; null: it has no such page, or does not show it. */
export interface RetentionAnswers {
  /** Its configuration, read. */
  readonly config: unknown;
  /** `data` of /api/v1/status/runtimeinfo. */
  readonly runtimeinfo: unknown;
  /** `data` of /api/v1/status/flags. */
  readonly flags: unknown;
}

/** What the configuration says goes before flags; without either it is 15 days. null: none of them tells. */
export function readRetention({ config, runtimeinfo, flags }: RetentionAnswers): Retention | null {
  const written = at(config, 'storage', 'tsdb', 'retention');
  return (
    retention(at(written, 'time'), at(written, 'size'), '/api/v1/status/config') ??
    ofRuntime(at(runtimeinfo, 'storageRetention')) ??
    ofFlags(flags)
  );
}

/** `15d`, `10GiB`, or `15d or 10GiB`. */
function ofRuntime(text: unknown): Retention | null {
  if (typeof text !== 'string') return null;
  const parts = text.split(' or ');
  const time = parts.find((part) => readDuration(part) !== null);
  return retention(
    time,
    parts.find((part) => part !== time),
    '/api/v1/status/runtimeinfo',
  );
}

const DEFAULT = '15d';

function ofFlags(flags: unknown): Retention | null {
  const [time, old, size] = ['retention.time', 'retention', 'retention.size'].map((name) => at(flags, `storage.tsdb.${name}`));
  if (time === undefined && size === undefined) return null;
  const isSet = (one: unknown) => (readDuration(one) ?? 0) > 0;
  const given = [time, old].find(isSet);
  return retention(given ?? (readSize(size) === null ? DEFAULT : undefined), size, '/api/v1/status/flags');
}

function retention(time: unknown, size: unknown, source: string): Retention | null {
  const [milliseconds, bytes] = [readDuration(time), readSize(size)];
  return milliseconds === null && bytes === null ? null : { time: milliseconds, size: bytes, source };
}

/** null: not bounded, or no size. */
function readSize(text: unknown): string | null {
  return typeof text === 'string' && /^(?!0+[KMGTPE]?i?B$)\d{1,20}(?:\.\d{1,9})?[KMGTPE]?i?B$/.test(text) ? text : null;
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** Milliseconds of a duration as Prometheus writes it (`6h`, `1d12h`); null: it is none, or nothing. */
export function readDuration(text: unknown): number | null {
  if (typeof text !== 'string' || !/^(?:\d{1,6}(?:ms|[smhdwy])){1,7}$/.test(text)) return null;
  let milliseconds = 0;
  for (const [, n, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) milliseconds += Number(n) * (UNITS[unit ?? ''] ?? 0);
  return milliseconds > 0 ? milliseconds : null;
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[key];
  }
  return found;
}
