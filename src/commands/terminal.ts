/** Text for a terminal: hostile text made inert, cut and wrapped by what a person sees, coloured where somebody looks. */

/**
 * Everything that a terminal obeys or that a person cannot see: control characters (C0, C1, DEL), bidirectional controls, zero-width and other
 * ignorable characters, line and paragraph separators, lone surrogates.
 */
const NOT_INERT = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

const SHORT: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** The text on one line, with everything that is not plainly visible written as an escape (`\u001b`, `\u{e0001}`). Idempotent. */
export function safe(text: string): string {
  return text.replace(NOT_INERT, (character) => SHORT.get(character) ?? escaped(character.codePointAt(0) ?? 0));
}

function escaped(codePoint: number): string {
  const hex = codePoint.toString(16);
  return codePoint > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`;
}

const COMBINING = /\p{Mn}|\p{Me}/u;
/** East Asian Wide and Fullwidth (Unicode UAX 11), and what is shown as a picture by default. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** How many columns the text takes; for text that went through `safe`. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

function columnsOf(character: string): number {
  if (character.charCodeAt(0) < 0x300) return 1;
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** At most `width` columns, with `…` where something is left out. */
export function cut(text: string, width: number): string {
  if (takeColumns(text, width).length === text.length) return text;
  return width <= 0 ? '' : `${takeColumns(text, width - 1)}…`;
}

/** Filled with spaces to `width` columns, or cut to it. */
export function pad(text: string, width: number): string {
  const shown = cut(text, width);
  return shown + ' '.repeat(Math.max(0, width - widthOf(shown)));
}

/**
 * Lines of at most `width` columns, broken at spaces, inside a word only where it is longer than a line. The first line begins with `first`
 * (the indent, where left out), the others with `indent`. A line has at least one character of the text, however narrow it is.
 */
export function wrap(text: string, width: number, indent = '', first = indent): string[] {
  const lines: string[] = [];
  let line = first;
  let room = width - widthOf(first);
  let isEmpty = true;
  const finish = () => {
    lines.push(line.trimEnd());
    line = indent;
    room = width - widthOf(indent);
    isEmpty = true;
  };
  for (const word of text.split(' ')) {
    if (word === '') continue;
    if (!isEmpty && takeColumns(word, room - 1).length < word.length) finish();
    let rest = word;
    if (!isEmpty) {
      line += ' ';
      room--;
    }
    for (let head = headOf(rest, room); head.length < rest.length; head = headOf(rest, room)) {
      line += head;
      rest = rest.slice(head.length);
      finish();
    }
    line += rest;
    room -= widthOf(rest);
    isEmpty = false;
  }
  if (!isEmpty || lines.length === 0) finish();
  return lines;
}

/** What fits, but at least one character. */
function headOf(text: string, width: number): string {
  const head = takeColumns(text, width);
  return head === '' ? String.fromCodePoint(text.codePointAt(0) ?? 0) : head;
}

/** The longest beginning of at most `width` columns. A mark stays with what it marks. */
function takeColumns(text: string, width: number): string {
  let columns = 0;
  let end = 0;
  for (const character of text) {
    columns += columnsOf(character);
    if (columns > width) return text.slice(0, end);
    end += character.length;
  }
  return text;
}

type Paint = (text: string) => string;

/** Colour underlines what the words say already. Every one is the identity where colours are off. */
export interface Palette {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
}

/** `FORCE_COLOR` decides where it is set (`0` and `false`: off), then `NO_COLOR` (any text: off), then whether it is a terminal (not a dumb one). */
export function wantsColor(isTTY: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  const force = env['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  const no = env['NO_COLOR'];
  if (no !== undefined && no !== '') return false;
  return isTTY && env['TERM'] !== 'dumb';
}

export function createPalette(isColored: boolean): Palette {
  const paint = (on: number, off: number): Paint =>
    isColored ? (text) => (text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`) : (text) => text;
  return { bold: paint(1, 22), dim: paint(2, 22), red: paint(31, 39), green: paint(32, 39), yellow: paint(33, 39) };
}
