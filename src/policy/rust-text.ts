/** How Rust prints what Linkerd's sentences quote: `{:?}` of strings and of durations. */

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\0', '\\0'],
  ['\t', '\\t'],
  ['\r', '\\r'],
  ['\n', '\\n'],
  ['"', '\\"'],
  ['\\', '\\\\'],
]);

/** Not printed as they are: controls, format and unassigned characters, separators other than the space, marks that join the character before. */
const UNPRINTABLE = /^(?! )[\p{C}\p{Z}\p{Grapheme_Extend}]$/u;

/** A string in double quotes, `{:?}`. */
export function rustDebug(text: string): string {
  let out = '"';
  for (const c of text) {
    out += ESCAPES.get(c) ?? (UNPRINTABLE.test(c) ? `\\u{${(c.codePointAt(0) as number).toString(16)}}` : c);
  }
  return `${out}"`;
}

/** A duration as `{:?}` prints it: `1.5s`, `10ms`, `3µs`, `0ns`. */
export function showDuration(nanoseconds: bigint): string {
  if (nanoseconds >= 1_000_000_000n) return `${decimal(nanoseconds, 1_000_000_000n)}s`;
  if (nanoseconds >= 1_000_000n) return `${decimal(nanoseconds, 1_000_000n)}ms`;
  if (nanoseconds >= 1000n) return `${decimal(nanoseconds, 1000n)}µs`;
  return `${nanoseconds}ns`;
}

function decimal(value: bigint, unit: bigint): string {
  const rest = value % unit;
  if (rest === 0n) return `${value / unit}`;
  const digits = `${unit + rest}`.slice(1).replace(/0+$/, '');
  return `${value / unit}.${digits}`;
}
