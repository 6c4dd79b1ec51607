/** Columns of text that fit a width: the widest gives way first, and what does not fit is wrapped. */
import { pad, widthOf, wrap } from './terminal.ts';

const GAP = 2;
const NARROWEST = 12;

/** Cells that went through `safe`. `indent`: before every line. The last column is not padded. */
export function tableLines(rows: readonly (readonly string[])[], width: number, indent = ''): readonly string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(0, ...rows.map((row) => widthOf(row[i] ?? ''))));
  const room = width - widthOf(indent) - GAP * (columns - 1);
  for (let over = widths.reduce((total, one) => total + one, 0) - room; over > 0; over--) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= NARROWEST) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return rows.flatMap((row) => rowLines(row, widths, indent));
}

function rowLines(row: readonly string[], widths: readonly number[], indent: string): readonly string[] {
  const cells = row.map((cell, i) => wrap(cell, widths[i] ?? NARROWEST));
  const height = Math.max(1, ...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    `${indent}${cells.map((lines, i) => pad(lines[line] ?? '', widths[i] ?? 0)).join(' '.repeat(GAP))}`.trimEnd(),
  );
}
