/** Escapes, classes and flags of Rust's `regex` syntax: each reader moves the cursor behind what it read, or throws a `Refusal`. Sizes are those of the compiled program, in bytes, as measured. */
import { cannotParse } from './refusal.ts';

export interface Cursor {
  readonly chars: readonly string[];
  at: number;
  flags: { readonly unicode: boolean; readonly spaced: boolean; readonly ignoreCase: boolean; readonly dotAll: boolean };
}

/** The character at the cursor; empty at the end. */
export function peek(cursor: Cursor, ahead = 0): string {
  return cursor.chars[cursor.at + ahead] ?? '';
}

/** With flag `x`, white space and comments up to the end of their line mean nothing. */
export function skipSpace(cursor: Cursor): void {
  if (!cursor.flags.spaced) return;
  for (;;) {
    if (/^\p{White_Space}$/u.test(peek(cursor))) cursor.at += 1;
    else if (peek(cursor) === '#') while (cursor.at < cursor.chars.length && cursor.chars[cursor.at++] !== '\n');
    else return;
  }
}

/** The flags with one more letter read; null when it is none. */
export function flagged(flags: Cursor['flags'], letter: string, on: boolean): Cursor['flags'] | null {
  if (letter === 'u') return { ...flags, unicode: on };
  if (letter === 'x') return { ...flags, spaced: on };
  if (letter === 'i') return { ...flags, ignoreCase: on };
  if (letter === 's') return { ...flags, dotAll: on };
  return ['m', 'U', 'R'].includes(letter) ? flags : null;
}

export function literalSize(flags: Cursor['flags'], c: string): number {
  const code = c.codePointAt(0) as number;
  const bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  return bytes * (flags.ignoreCase ? 80 : 32);
}

/** What an escape stands for. */
interface Escape {
  readonly kind: 'literal' | 'class' | 'assertion';
  /** The code point of a literal. */
  readonly code: number;
  readonly size: number;
}

const PERL_SIZES: ReadonlyMap<string, number> = new Map([
  ['d', 5140],
  ['D', 12_800],
  ['s', 683],
  ['S', 1930],
  ['w', 50_200],
  ['W', 46_600],
]);

const CONTROLS: ReadonlyMap<string, number> = new Map([
  ['a', 0x07],
  ['f', 0x0c],
  ['t', 0x09],
  ['n', 0x0a],
  ['r', 0x0d],
  ['v', 0x0b],
]);

export function escapeSize(cursor: Cursor): number {
  return readEscape(cursor).size;
}

function readEscape(cursor: Cursor): Escape {
  cursor.at += 1;
  const c = peek(cursor);
  if (c === '') return cannotParse('incomplete escape sequence, reached end of pattern prematurely');
  if (/^[0-9]$/.test(c)) return cannotParse('backreferences are not supported');
  if (c === 'x' || c === 'u' || c === 'U') return readHex(cursor, c);
  if (c === 'p' || c === 'P') return readProperty(cursor);
  cursor.at += 1;
  const perl = PERL_SIZES.get(c);
  if (perl !== undefined) {
    if (!cursor.flags.unicode && c !== c.toLowerCase()) cannotParse('pattern can match invalid UTF-8');
    return { kind: 'class', code: 0, size: cursor.flags.unicode ? perl : 96 };
  }
  const control = CONTROLS.get(c);
  if (control !== undefined) return { kind: 'literal', code: control, size: 32 };
  if (c === 'b') return readWordBoundary(cursor);
  if (['A', 'z', 'B', '<', '>'].includes(c)) return { kind: 'assertion', code: 0, size: 0 };
  if (/^[!-/:;=?@[-`{-~\0- \x7f]$/.test(c)) return { kind: 'literal', code: c.charCodeAt(0), size: 32 };
  return cannotParse('unrecognized escape sequence');
}

/** `\b`, or one of `\b{start}` and its like; other braces are a repetition. */
function readWordBoundary(cursor: Cursor): Escape {
  const boundary: Escape = { kind: 'assertion', code: 0, size: 0 };
  if (peek(cursor) !== '{') return boundary;
  const brace = cursor.at;
  bump(cursor);
  if (peek(cursor) === '') return cannotParse('unclosed special word boundary or repetition');
  if (!/^[-A-Za-z]$/.test(peek(cursor))) {
    cursor.at = brace;
    return boundary;
  }
  let name = '';
  for (; /^[-A-Za-z]$/.test(peek(cursor)); bump(cursor)) name += peek(cursor);
  if (peek(cursor) !== '}') cannotParse('special word boundary assertion is either unclosed or contains an invalid character');
  if (!['start', 'end', 'start-half', 'end-half'].includes(name)) cannotParse('unrecognized special word boundary assertion');
  cursor.at += 1;
  return boundary;
}

function readHex(cursor: Cursor, letter: string): Escape {
  const digits = letter === 'x' ? 2 : letter === 'u' ? 4 : 8;
  bump(cursor);
  let hex = '';
  const braced = peek(cursor) === '{';
  if (braced) {
    for (bump(cursor); peek(cursor) !== '}'; bump(cursor)) hex += hexDigit(cursor);
    bump(cursor);
  } else {
    for (; hex.length < digits; bump(cursor)) hex += hexDigit(cursor);
  }
  if (hex === '') cannotParse('hexadecimal literal empty');
  const code = Number.parseInt(hex, 16);
  if (!(code <= 0x10ffff) || (code >= 0xd800 && code <= 0xdfff)) cannotParse('hexadecimal literal is not a Unicode scalar value');
  if (!cursor.flags.unicode && letter === 'x' && !braced && code > 0x7f) cannotParse('pattern can match invalid UTF-8');
  return { kind: 'literal', code, size: literalSize(cursor.flags, String.fromCodePoint(code)) };
}

function hexDigit(cursor: Cursor): string {
  const c = peek(cursor);
  if (c === '') cannotParse('incomplete escape sequence, reached end of pattern prematurely');
  return /^[0-9A-Fa-f]$/.test(c) ? c : cannotParse('invalid hexadecimal digit');
}

function readProperty(cursor: Cursor): Escape {
  bump(cursor);
  let name = peek(cursor);
  if (name === '' || name === '\\') cannotParse('invalid Unicode character class');
  if (name === '{') {
    name = '';
    for (bump(cursor); peek(cursor) !== '}'; bump(cursor)) {
      if (peek(cursor) === '') cannotParse('incomplete escape sequence, reached end of pattern prematurely');
      name += peek(cursor);
    }
  }
  cursor.at += 1;
  if (!cursor.flags.unicode) cannotParse('Unicode not allowed here');
  if (propertyInJavaScript(name) === null) cannotParse('Unicode property not found');
  return { kind: 'class', code: 0, size: 27_000 };
}

/**
 * The name under which JavaScript knows a property; null: Rust does not know it.
 * Rust compares names ignoring case, spaces, `_` and `-`; this follows as far as the words of a name can still be told apart.
 * General categories, scripts and binary properties only: `Age`, `Word_Break` and the like are refused, although Rust knows them.
 */
export function propertyInJavaScript(written: string): string | null {
  const special = /^(?:any|assigned|ascii)$/i.exec(written)?.[0].toLowerCase();
  if (special !== undefined) return special === 'ascii' ? 'ASCII' : special.charAt(0).toUpperCase() + special.slice(1);
  const split = /^([^=:!]*)(?:!=|[=:])(.*)$/s.exec(written);
  if (split === null)
    return (
      spellings(written)
        .flatMap((name) => [name, `Script=${name}`])
        .find(compiles) ?? null
    );
  const [property, value] = [spellings(split[1] as string), spellings(split[2] as string)];
  return property.flatMap((name) => value.map((v) => `${name}=${v}`)).find(compiles) ?? null;
}

function spellings(written: string): readonly string[] {
  const words = written
    .replace(/^is(?=.)/i, '')
    .replace(/(\p{Ll})(?=\p{Lu})/gu, '$1_')
    .split(/[-_ ]+/)
    .filter((word) => word !== '');
  const titled = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase());
  return [written, titled.join('_'), words.join('_').toLowerCase(), words.join('_').toUpperCase()];
}

/** JavaScript knows these, Rust does not. */
const UNKNOWN_TO_RUST = /(?:^|=)(?:Cs|Surrogate|CWKCF|Changes_When_NFKC_Casefolded)$/;

function compiles(property: string): boolean {
  if (!/^[A-Za-z_]+(?:=[A-Za-z_]+)?$/.test(property) || UNKNOWN_TO_RUST.test(property)) return false;
  try {
    return new RegExp(`\\p{${property}}`, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

/** Classes may nest this deep at most. */
const NEST_LIMIT = 250;

/** A class that is still open. */
interface OpenClass {
  readonly negated: boolean;
  items: number;
  operators: number;
  /** Of the highest class inside it. */
  inner: number;
}

/** `[…]` from its first bracket to its last. `height` counts what lies inside each other: classes, lists of more than one item, set operations. */
export function classSize(cursor: Cursor): { readonly height: number; readonly size: number } {
  const open = [openClass(cursor)];
  let size = 0;
  for (;;) {
    skipSpace(cursor);
    const current = open.at(-1) as OpenClass;
    const c = peek(cursor);
    if (c === '') cannotParse('unclosed character class');
    if (c === ']') {
      cursor.at += 1;
      open.pop();
      if (current.negated && !cursor.flags.unicode) cannotParse('pattern can match invalid UTF-8');
      if (current.negated) size = Math.max(size, 1000);
      const height = 1 + current.operators + (current.items > 1 ? 1 : 0) + current.inner;
      const outer = open.at(-1);
      if (outer === undefined) return { height, size: Math.max(75, size) };
      outer.inner = Math.max(outer.inner, height);
      outer.items += 1;
    } else if (c === '[' && !skipAsciiClass(cursor)) {
      open.push(openClass(cursor));
      if (open.length > NEST_LIMIT) cannotParse(`exceeds the nest limit of ${NEST_LIMIT}`);
    } else if (['&', '-', '~'].includes(c) && peek(cursor, 1) === c) {
      cursor.at += 2;
      current.operators += 1;
      current.items = 0;
    } else {
      if (c !== '[') size += readRange(cursor);
      current.items += 1;
    }
  }
}

function openClass(cursor: Cursor): OpenClass {
  bump(cursor);
  const negated = peek(cursor) === '^';
  if (negated) bump(cursor);
  let items = 0;
  for (; peek(cursor) === '-'; bump(cursor)) items += 1;
  if (items === 0 && peek(cursor) === ']') {
    items = 1;
    bump(cursor);
  }
  return { negated, items, operators: 0, inner: 0 };
}

/** `[:alpha:]` and its like; false, and nothing read, when it is none. */
function skipAsciiClass(cursor: Cursor): boolean {
  const text = cursor.chars.slice(cursor.at, cursor.at + 12).join('');
  const found = /^\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]/.exec(text);
  if (found === null) return false;
  if (found[0].startsWith('[:^') && !cursor.flags.unicode) cannotParse('pattern can match invalid UTF-8');
  cursor.at += found[0].length;
  return true;
}

/** One item of a class, or a range of two. */
function readRange(cursor: Cursor): number {
  const first = readItem(cursor);
  skipSpace(cursor);
  if (peek(cursor) !== '-' || [']', '-'].includes(afterDash(cursor))) {
    if (first.kind === 'assertion') cannotParse('invalid escape sequence found in character class');
    return first.size;
  }
  bump(cursor);
  if (peek(cursor) === '') cannotParse('unclosed character class');
  const last = readItem(cursor);
  if (first.kind !== 'literal' || last.kind !== 'literal') cannotParse('invalid range boundary, must be a literal');
  if (first.code > last.code) cannotParse('invalid character class range');
  return last.code > 0x7f ? 132 : 8;
}

/** With flag `x`, what follows the dash may stand after white space. */
function afterDash(cursor: Cursor): string {
  const ahead = { ...cursor, at: cursor.at + 1 };
  skipSpace(ahead);
  return peek(ahead);
}

function readItem(cursor: Cursor): Escape {
  const c = peek(cursor);
  if (c === '\\') return readEscape(cursor);
  cursor.at += 1;
  const code = c.codePointAt(0) as number;
  if (!cursor.flags.unicode && code > 0x7f) cannotParse('Unicode not allowed here');
  return { kind: 'literal', code, size: code > 0x7f ? 64 : 8 };
}

function bump(cursor: Cursor): void {
  cursor.at += 1;
  skipSpace(cursor);
}
