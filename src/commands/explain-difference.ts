/** Required against observed, one below the other, with what differs marked. */
import type { Decision } from '../policy/decision.ts';
import type { Palette } from './terminal.ts';
import { safe, widthOf, wrap } from './terminal.ts';

/** Further left than the sentence, so that a common identity fits on one line. */
const INDENT = '  ';
const VALUE = INDENT.length + 'required  '.length;
const MOST_REQUIRED = 4;

/** Lines of at most `columns`; none where the decision names no two sides. */
export function showDifference({ required, observed, note }: Decision, columns: number, { green, red, dim }: Palette): readonly string[] {
  if (observed === '') return [];
  const shown = required.slice(0, MOST_REQUIRED).map(safe);
  const more = required.length > shown.length ? [`and ${required.length - shown.length} more`] : [];
  const lines = [...shown, ...more].flatMap((text, i) =>
    valueLines(text, i === 0 ? 'required' : '', columns).map((line) => paintValue(line, green)),
  );
  const value = safe(observed);
  const pieces = valueLines(value, required.length === 0 ? 'client' : 'observed', columns);
  const span = shown[0] === undefined ? null : differingSpan(shown[0], value);
  let offset = 0;
  let marked = -1;
  for (const line of pieces) {
    const text = line.slice(VALUE);
    lines.push(paintValue(line, red));
    if (span !== null && marked < 0 && span.start < offset + text.length) {
      const width = Math.min(span.end, offset + text.length) - span.start;
      marked = VALUE + widthOf(text.slice(0, span.start - offset)) + Math.max(1, width);
      lines.push(red('^'.repeat(Math.max(1, width)).padStart(marked)));
    }
    offset += text.length;
  }
  if (note === '') return lines;
  // Beside the mark where there is room.
  const isBeside = marked >= 0 && pieces.length === 1 && marked + 1 + widthOf(safe(note)) <= columns;
  if (isBeside) lines.push(`${lines.pop()} ${dim(safe(note))}`);
  else lines.push(...wrap(safe(note), columns, ' '.repeat(VALUE)).map(dim));
  return lines;
}

function paintValue(line: string, paint: (text: string) => string): string {
  return line.slice(0, VALUE) + paint(line.slice(VALUE));
}

/** Broken after dots and slashes where it is too long, so that the parts of an identity stay whole. */
function valueLines(text: string, label: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const part of text.match(/[^./ ]*[./ ]|[^./ ]+/g) ?? []) {
    if (line !== '' && VALUE + widthOf(line) + widthOf(part) > columns) {
      lines.push(line);
      line = '';
    }
    line += part;
    if (VALUE + widthOf(line) > columns) {
      const broken = wrap(line, columns - VALUE);
      line = broken.pop() ?? '';
      for (const full of broken) lines.push(full);
    }
  }
  if (line !== '') lines.push(line);
  return lines.map((piece, i) => `${i === 0 ? `${INDENT}${label}`.padEnd(VALUE) : ' '.repeat(VALUE)}${piece}`);
}

/** Where `observed` differs from `required`, in whole parts; null when they have nothing in common or nothing apart. */
function differingSpan(required: string, observed: string): { readonly start: number; readonly end: number } | null {
  const separator = /[./:]/;
  const [left, right] = [required.split('/', 1)[0]?.split(separator) ?? [], observed.split(separator)];
  let head = 0;
  while (head < left.length && head < right.length && left[head] === right[head]) head++;
  let tail = 0;
  while (tail < left.length - head && tail < right.length - head && left.at(-1 - tail) === right.at(-1 - tail)) tail++;
  if (head + tail === 0 || head + tail >= right.length) return null;
  const start = right.slice(0, head).reduce((sum, part) => sum + part.length + 1, 0);
  const middle = right.slice(head, right.length - tail);
  return { start, end: start + middle.join('.').length };
}
