/** Two texts as a unified diff, as `patch` and `git apply` take it. */

const CONTEXT = 3;

interface Hunk {
  /** Lines that differ: from, until, in each of the two. */
  readonly a: readonly [number, number];
  readonly b: readonly [number, number];
}

/** Empty where they are equal. */
export function unifiedDiff(file: string, before: string, after: string): string {
  if (before === after) return '';
  const [a, b] = [linesOf(before), linesOf(after)];
  const hunks = joined(differences(a, b));
  const name = file.replace(/^\/+/, '');
  return `--- ${quoted(`a/${name}`)}\n+++ ${quoted(`b/${name}`)}\n${hunks.map((hunk) => show(hunk, a, b)).join('')}`;
}

/** As git writes names that hold what a terminal obeys. */
function quoted(name: string): string {
  return /[\p{C}"\\]/u.test(name) ? JSON.stringify(name).replace(/\p{C}/gu, '?') : name;
}

/** With their line feeds. */
function linesOf(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** A greedy walk: each time the nearest lines that agree again. */
function differences(a: readonly string[], b: readonly string[]): readonly Hunk[] {
  const hunks: Hunk[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && a[i] === b[j]) {
      i++;
      j++;
      continue;
    }
    const [di, dj] = nextAgreement(a, b, i, j);
    hunks.push({ a: [i, i + di], b: [j, j + dj] });
    i += di;
    j += dj;
  }
  return hunks;
}

function nextAgreement(a: readonly string[], b: readonly string[], i: number, j: number): readonly [number, number] {
  const most = Math.min(a.length - i + (b.length - j), MOST_APART);
  for (let sum = 1; sum <= most; sum++) {
    for (let di = Math.max(0, sum - (b.length - j)); di <= Math.min(sum, a.length - i); di++) {
      const dj = sum - di;
      const isEnd = i + di === a.length && j + dj === b.length;
      if (isEnd || (i + di < a.length && a[i + di] === b[j + dj])) return [di, dj];
    }
  }
  return [a.length - i, b.length - j];
}
const MOST_APART = 2000;

/** Those whose context would overlap become one. */
function joined(hunks: readonly Hunk[]): readonly Hunk[][] {
  const groups: Hunk[][] = [];
  for (const hunk of hunks) {
    const last = groups.at(-1)?.at(-1);
    if (last !== undefined && hunk.a[0] - last.a[1] <= 2 * CONTEXT) groups.at(-1)?.push(hunk);
    else groups.push([hunk]);
  }
  return groups;
}

function show(group: readonly Hunk[], a: readonly string[], b: readonly string[]): string {
  const [first, last] = [group[0], group.at(-1)] as [Hunk, Hunk];
  const from = Math.max(0, first.a[0] - CONTEXT);
  const until = Math.min(a.length, last.a[1] + CONTEXT);
  const start = first.b[0] - (first.a[0] - from);
  const length = last.b[1] + (until - last.a[1]) - start;
  const lines: string[] = [];
  let at = from;
  for (const hunk of group) {
    for (; at < hunk.a[0]; at++) lines.push(line(' ', a[at]));
    for (; at < hunk.a[1]; at++) lines.push(line('-', a[at]));
    for (let j = hunk.b[0]; j < hunk.b[1]; j++) lines.push(line('+', b[j]));
  }
  for (; at < until; at++) lines.push(line(' ', a[at]));
  return `@@ -${range(from, until - from)} +${range(start, length)} @@\n${lines.join('')}`;
}

function line(sign: string, text = ''): string {
  return text.endsWith('\n') ? sign + text : `${sign}${text}\n\\ No newline at end of file\n`;
}

/** From 1; of no lines, the one before. */
function range(start: number, length: number): string {
  return length === 0 ? `${start},0` : length === 1 ? `${start + 1}` : `${start + 1},${length}`;
}
