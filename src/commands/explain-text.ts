/** The explanation for a person at a terminal: the answer before the proof, one block per client. */
import type { ClientExplanation, TargetExplanation } from '../explain.ts';
import { foremost } from '../remedies/verdicts.ts';
import type { Style } from './explain-lines.ts';
import { showClient, showCounts, showPort, showSubject, showTargetWorkload } from './explain-names.ts';
import { showProof } from './explain-proof.ts';
import { showSpan } from './moment.ts';
import { safe, widthOf, wrap } from './terminal.ts';

/** A client's block without its last empty line. `position`: `1 of 4`. */
export function showClientBlock(client: ClientExplanation, position: string, style: Style): readonly string[] {
  const header = headerOf(client, style);
  const word = [verdictWord(client), ...wayOutWord(client)].join(' ');
  const before = ' '.repeat(position.length + word.length + 4);
  const fits = widthOf(before) + widthOf(header) <= style.columns;
  const [first = '', ...rest] = fits ? [header] : wrap(header, style.columns, '  ', before);
  const head = `${position}  ${style.palette.bold(style.palette.red(word))}  ${first.trimStart()}`;
  const lines = [head, ...rest, ...earlierLines(client, style), '', ...whoLines(client, style)];
  const [only, ...more] = client.targets;
  if (only !== undefined && more.length === 0) return [...lines, '', ...showProof(only, style)];
  const groups = proofs(client, style);
  for (const { numbers, proof } of groups) {
    if (groups.length === 1) return [...lines, '', ...proof];
    const which = numbers.join(', ');
    lines.push('', style.palette.dim(`── ${which} ${'─'.repeat(Math.max(0, style.columns - 4 - which.length))}`), ...proof);
  }
  return lines;
}

/** What is to be done, as lists are sorted by it. */
function wayOutWord({ targets }: ClientExplanation): readonly string[] {
  const answer = foremost(targets.flatMap(({ wayOut }) => wayOut ?? []));
  return answer === null ? [] : [`(${answer.verdict})`];
}

function verdictWord({ counts, targets }: ClientExplanation): string {
  const kinds = new Set(targets.map((t) => t.kind));
  if (kinds.size === 1) {
    if (kinds.has('rate-limited')) return 'RATE-LIMITED';
    if (kinds.has('audit-allowed')) return 'ALLOWED BY AUDIT';
    if (kinds.has('route-not-found')) return 'NOT FOUND';
    if (kinds.has('terminated') && counts.terminated !== 0) return 'CUT OFF';
  }
  return 'DENIED';
}

function headerOf({ counts, before, first, last, targets }: ClientExplanation, { now }: Style): string {
  const isAlertOnly = targets.every((t) => t.sources.every((s) => s.kind === 'alert'));
  const only = before > 0 ? `${before.toLocaleString('en')} counted before the first reading: when is not known` : '';
  const counted = showCounts(counts) || only || (isAlertOnly ? 'not counted (an alert)' : 'not counted');
  const span = first === null || last === null ? '' : showSpan(first, last, now);
  return [counted, span].filter((part) => part !== '').join('  ');
}

function earlierLines({ before, counts }: ClientExplanation, { columns }: Style): readonly string[] {
  if (before === 0 || showCounts(counts) === '') return [];
  return wrap(`and ${before.toLocaleString('en')} counted before the first reading: when is not known`, columns, '  ');
}

/** Targets that were decided alike share one proof. */
function proofs(
  { targets }: ClientExplanation,
  style: Style,
): readonly { readonly numbers: readonly number[]; readonly proof: readonly string[] }[] {
  const groups = new Map<string, { numbers: number[]; proof: readonly string[] }>();
  for (const [i, target] of targets.entries()) {
    const proof = showProof(target, style);
    const key = proof.join('\n');
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { numbers: [i + 1], proof });
    else known.numbers.push(i + 1);
  }
  return [...groups.values()];
}

function whoLines(client: ClientExplanation, style: Style): readonly string[] {
  const [only, ...more] = client.targets;
  const name = showClient(client, style.namespace ?? only?.namespace ?? null);
  if (only === undefined) return [`  ${name}`];
  if (more.length > 0) {
    // Said once where it is the same for all.
    const common = client.targets.every((t) => t.namespace === only.namespace) ? only.namespace : null;
    const where = common === null || common === style.namespace ? '' : `  in namespace ${common}`;
    const rows = targetLines(client.targets, common === null ? style : { ...style, namespace: common });
    return [...wrap(`${name}${safe(where)}`, style.columns, '    ', '  '), ...rows, ...requestLines(client.targets, style)];
  }
  const target = [showTargetWorkload(only, style.namespace), showPort(only), showSubject(only)].filter((part) => part !== '').join('  ');
  const line = `  ${name}  →  ${target}`;
  const requests = requestLines(client.targets, style);
  if (widthOf(line) <= style.columns) return [line, ...requests];
  const second = `    →  ${target}`;
  const seconds = widthOf(second) <= style.columns ? [second] : wrap(target, style.columns, '       ', '    →  ');
  return [...wrap(name, style.columns, '    ', '  '), ...seconds, ...requests];
}

function targetLines(targets: readonly TargetExplanation[], style: Style): readonly string[] {
  const rows = targets.map((t, i) => [
    `${i + 1}`,
    showTargetWorkload(t, style.namespace),
    showPort(t),
    showSubject(t),
    showCounts({ [t.kind]: t.count }) || (t.before > 0 ? `${t.before} before` : ''),
  ]);
  const width = (column: number) => Math.max(...rows.map((row) => widthOf(row[column] ?? '')));
  const widths = [0, 1, 2, 3].map(width);
  return rows.flatMap(([number = '', workload = '', port = '', subject = '', count = '']) => {
    const cells = [workload.padEnd(widths[1] ?? 0), port.padEnd(widths[2] ?? 0), subject.padEnd(widths[3] ?? 0), count];
    const line =
      `    ${number.padStart(widths[0] ?? 0)} →  ${cells.filter((cell) => cell.trim() !== '' || cell === count).join('  ')}`.trimEnd();
    if (widthOf(line) <= style.columns) return [line];
    return wrap([workload, port, subject, count].filter((cell) => cell !== '').join(', '), style.columns, '         ', `    ${number} →  `);
  });
}

/** What the client asked for, where the log says it. */
function requestLines(targets: readonly TargetExplanation[], { columns }: Style): readonly string[] {
  const shown = targets.flatMap((t) => t.requests.map((r) => [r.method, r.path].filter((part) => part !== null).join(' ')));
  const distinct = [...new Set(shown)];
  if (distinct.length === 0) return [];
  const more = distinct.length > 3 ? ` and ${distinct.length - 3} more` : '';
  return wrap(safe(`asked for ${distinct.slice(0, 3).join(', ')}${more}`), columns, '      ', '    ');
}
