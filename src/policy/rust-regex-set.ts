/** Character classes of Rust's `regex` syntax, written as RE2's: by their words where it has them, else as the ranges of characters that are meant. */
import { RE2JS } from 're2js';
import { propertyInJavaScript } from './rust-regex-class.ts';

export interface RegexCursor {
  readonly chars: readonly string[];
  at: number;
  unicode: boolean;
  spaced: boolean;
  ignoreCase: boolean;
}

/** `set`: an operand of JavaScript's `v` mode. `words`: what stands between RE2's brackets; null where RE2 has no words for it. */
interface Items {
  readonly set: string;
  readonly words: string | null;
}

const DIGITS = '\\p{Nd}';
const BLANKS = '\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}';
/** Letters, marks, digits, letter-like numbers and symbols, connectors, joiners: RE2 has no word for Unicode's `Alphabetic`. */
const WORDS =
  '\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{200c}\\x{200d}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}';
const WORD_SET = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';

/** Rust's letters. RE2's own `\d`, `\s`, `\w` are ASCII. */
const PERL: ReadonlyMap<string, Items> = new Map([
  ['d', { set: '\\p{Nd}', words: DIGITS }],
  ['D', { set: '\\P{Nd}', words: `^${DIGITS}` }],
  ['s', { set: '\\p{White_Space}', words: BLANKS }],
  ['S', { set: '\\P{White_Space}', words: `^${BLANKS}` }],
  ['w', { set: `[${WORD_SET}]`, words: WORDS }],
  ['W', { set: `[^${WORD_SET}]`, words: `^${WORDS}` }],
]);
const PERL_ASCII: ReadonlyMap<string, Items> = new Map([
  ['d', { set: '[0-9]', words: '0-9' }],
  ['s', { set: '[\\t-\\r ]', words: '\\t-\\r ' }],
  ['w', { set: '[0-9A-Za-z_]', words: '0-9A-Za-z_' }],
]);

const POSIX: ReadonlyMap<string, string> = new Map([
  ['alnum', '0-9A-Za-z'],
  ['alpha', 'A-Za-z'],
  ['ascii', '\\u{0}-\\u{7f}'],
  ['blank', '\\t '],
  ['cntrl', '\\u{0}-\\u{1f}\\u{7f}'],
  ['digit', '0-9'],
  ['graph', '\\u{21}-\\u{7e}'],
  ['lower', 'a-z'],
  ['print', '\\u{20}-\\u{7e}'],
  ['punct', '\\u{21}-\\u{2f}\\u{3a}-\\u{40}\\u{5b}-\\u{60}\\u{7b}-\\u{7e}'],
  ['space', '\\t-\\r '],
  ['upper', 'A-Z'],
  ['word', '0-9A-Za-z_'],
  ['xdigit', '0-9A-Fa-f'],
]);

/** `\d`, `\p{Greek}` and their like outside of brackets; null when the escape at the cursor is none of them. */
export function escapedClass(cursor: RegexCursor): string | null {
  const start = cursor.at;
  const items = readEscapedClass(cursor);
  if (items === null) cursor.at = start;
  return items === null ? null : inBrackets(cursor, items);
}

/** `[…]`, from its first bracket behind its last. */
export function bracketClass(cursor: RegexCursor): string {
  return inBrackets(cursor, readBrackets(cursor));
}

function inBrackets({ ignoreCase }: RegexCursor, { set, words }: Items): string {
  return words !== null && isKnownToRe2(words) ? `[${words}]` : rangesOf(set, ignoreCase);
}

const known = new Map<string, boolean>();

function isKnownToRe2(words: string): boolean {
  if (!words.includes('\\p{') && !words.includes('\\P{')) return true;
  let answer = known.get(words);
  if (answer === undefined) {
    answer = compiles(`[${words}]`);
    if (known.size > 1000) known.clear();
    known.set(words, answer);
  }
  return answer;
}

function compiles(pattern: string): boolean {
  try {
    return RE2JS.compile(pattern) !== null;
  } catch {
    return false;
  }
}

/** Behind the backslash at the cursor. */
function readEscapedClass(cursor: RegexCursor): Items | null {
  const letter = cursor.chars[cursor.at + 1] ?? '';
  if (letter === 'p' || letter === 'P') return readProperty(cursor, letter);
  const items = (cursor.unicode ? PERL : PERL_ASCII).get(letter) ?? null;
  if (items !== null) cursor.at += 2;
  return items;
}

function readProperty(cursor: RegexCursor, letter: string): Items {
  cursor.at += 2;
  let name = cursor.chars[cursor.at] ?? '';
  if (name === '{') {
    const end = cursor.chars.indexOf('}', cursor.at);
    name = cursor.chars.slice(cursor.at + 1, end).join('');
    cursor.at = end;
  }
  cursor.at += 1;
  const inJavaScript = propertyInJavaScript(name) ?? 'Any';
  const isNegated = (letter === 'P') !== name.includes('!=');
  const p = isNegated ? 'P' : 'p';
  return { set: `\\${p}{${inJavaScript}}`, words: `\\${p}{${inJavaScript.slice(inJavaScript.indexOf('=') + 1)}}` };
}

const OPERATORS = ['&&', '--', '~~'];

function readBrackets(cursor: RegexCursor): Items {
  cursor.at += 1;
  skipBlanks(cursor);
  const isNegated = cursor.chars[cursor.at] === '^';
  if (isNegated) cursor.at += 1;
  skipBlanks(cursor);
  let items: Items[] = [];
  const first = cursor.chars[cursor.at] ?? '';
  for (; cursor.chars[cursor.at] === '-'; cursor.at++) items.push(literal('-'));
  if (first === ']') {
    items.push(literal(']'));
    cursor.at += 1;
  }
  let left: Items | null = null;
  let operator = '';
  for (skipBlanks(cursor); cursor.chars[cursor.at] !== ']' && cursor.at < cursor.chars.length; skipBlanks(cursor)) {
    const two = (cursor.chars[cursor.at] ?? '') + (cursor.chars[cursor.at + 1] ?? '');
    if (OPERATORS.includes(two)) {
      left = combined(left, operator, union(items));
      operator = two;
      items = [];
      cursor.at += 2;
    } else items.push(readItem(cursor));
  }
  cursor.at += 1;
  const all = combined(left, operator, union(items));
  if (!isNegated) return all;
  return { set: `[^${all.set}]`, words: all.words === null || all.words === '' || left !== null ? null : `^${all.words}` };
}

function union(items: readonly Items[]): Items {
  const words = items.some((item) => item.words === null || item.words.startsWith('^')) ? null : items.map((item) => item.words).join('');
  return { set: `[${items.map((item) => item.set).join('')}]`, words };
}

function combined(left: Items | null, operator: string, right: Items): Items {
  if (left === null) return right;
  const [a, b] = [left.set, right.set];
  return { set: operator === '~~' ? `[[${a}--${b}][${b}--${a}]]` : `[${a}${operator}${b}]`, words: null };
}

/** A class inside a class, or a range, or a character. */
function readItem(cursor: RegexCursor): Items {
  const c = cursor.chars[cursor.at] as string;
  if (c === '[') return readPosix(cursor) ?? readBrackets(cursor);
  const escaped = c === '\\' ? readEscapedClass(cursor) : null;
  if (escaped !== null) return escaped;
  const from = readCharacter(cursor);
  skipBlanks(cursor);
  const next = cursor.chars[cursor.at + 1] ?? '';
  if (cursor.chars[cursor.at] !== '-' || next === ']' || next === '-') return literal(from);
  cursor.at += 1;
  skipBlanks(cursor);
  const to = readCharacter(cursor);
  return { set: `${inSet(from)}-${inSet(to)}`, words: `${inWords(from)}-${inWords(to)}` };
}

function readPosix(cursor: RegexCursor): Items | null {
  const found = /^\[:(\^?)([a-z]+):\]/.exec(cursor.chars.slice(cursor.at, cursor.at + 12).join(''));
  const ranges = POSIX.get(found?.[2] ?? '');
  if (found === null || ranges === undefined) return null;
  cursor.at += found[0].length;
  return { set: `[${found[1]}${ranges}]`, words: found[0] };
}

/** A character, or an escape for one; the cursor is behind it afterwards. */
export function readCharacter(cursor: RegexCursor): string {
  const c = cursor.chars[cursor.at++] as string;
  if (c !== '\\') return c;
  const letter = cursor.chars[cursor.at++] ?? '';
  if (letter === 'x' || letter === 'u' || letter === 'U') return readHex(cursor, letter);
  return CONTROLS.get(letter) ?? letter;
}

const CONTROLS: ReadonlyMap<string, string> = new Map([
  ['a', '\x07'],
  ['f', '\f'],
  ['t', '\t'],
  ['n', '\n'],
  ['r', '\r'],
  ['v', '\v'],
]);

function readHex(cursor: RegexCursor, letter: string): string {
  skipBlanks(cursor);
  const digits = { x: 2, u: 4, U: 8 }[letter] as number;
  const isBraced = cursor.chars[cursor.at] === '{';
  if (isBraced) cursor.at += 1;
  let hex = '';
  for (skipBlanks(cursor); isBraced ? cursor.chars[cursor.at] !== '}' : hex.length < digits; skipBlanks(cursor)) {
    hex += cursor.chars[cursor.at++] ?? '0';
  }
  if (isBraced) cursor.at += 1;
  return String.fromCodePoint(Number.parseInt(hex, 16));
}

/** With flag `x`, white space and comments mean nothing. */
export function skipBlanks(cursor: RegexCursor): void {
  if (!cursor.spaced) return;
  for (;;) {
    const c = cursor.chars[cursor.at] ?? '';
    if (/^\p{White_Space}$/u.test(c)) cursor.at += 1;
    else if (c === '#') while (cursor.at < cursor.chars.length && cursor.chars[cursor.at++] !== '\n');
    else return;
  }
}

function literal(c: string): Items {
  return { set: inSet(c), words: inWords(c) };
}

function inSet(c: string): string {
  return `\\u{${(c.codePointAt(0) as number).toString(16)}}`;
}

export function inWords(c: string): string {
  return /^[0-9A-Za-z_]$/.test(c) ? c : `\\x{${(c.codePointAt(0) as number).toString(16)}}`;
}

let everything: string | null = null;

/** All characters there are, in order, so that one search finds the ranges of a set. */
function allCharacters(): string {
  if (everything === null) {
    const parts: string[] = [];
    for (let code = 0; code <= 0x10ffff; code++) if (code < 0xd800 || code > 0xdfff) parts.push(String.fromCodePoint(code));
    everything = parts.join('');
  }
  return everything;
}

const MOST_SET = 20_000;
const NOTHING = '[^\\x{0}-\\x{10ffff}]';

/** Folding of case is done here, before a set is negated, as Rust does. */
function rangesOf(set: string, ignoreCase: boolean): string {
  if (set.length > MOST_SET) return NOTHING;
  const text = allCharacters();
  const ranges: string[] = [];
  for (const { 0: run, index } of text.matchAll(new RegExp(`${set}+`, ignoreCase ? 'giv' : 'gv'))) {
    const last = run.codePointAt(run.length - 1) as number;
    const end = last >= 0xdc00 && last <= 0xdfff ? (run.codePointAt(run.length - 2) as number) : last;
    ranges.push(`\\x{${(text.codePointAt(index) as number).toString(16)}}-\\x{${end.toString(16)}}`);
  }
  return ranges.length === 0 ? NOTHING : `[${ranges.join('')}]`;
}
