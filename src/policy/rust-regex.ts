/**
 * Whether Rust's `regex` crate compiles a pattern (crates `regex` 1, `regex-syntax` 0.8): admission refuses a route whose patterns it does not.
 * Its syntax differs from RE2's: look-around, back-references and octal escapes are refused, `{` is never a literal, classes nest and have set operations,
 * repetitions may be repeated, and it is the size of the program that is limited, not the count of a repetition.
 */
import { cannotParse } from './refusal.ts';
import { type Cursor, classSize, escapeSize, flagged, literalSize, peek, skipSpace } from './rust-regex-class.ts';

/** Bytes that a compiled program may take. */
const SIZE_LIMIT = 10 * 1024 * 1024;
const NEST_LIMIT = 250;

/** What the last thing of a sequence is: only an atom can be repeated. */
interface Atom {
  readonly height: number;
  readonly size: number;
}

/** A group that is still open, or the whole pattern. */
interface Frame {
  readonly flagsBefore: Cursor['flags'];
  readonly captures: boolean;
  /** The current branch, and the closed ones in sum. */
  atoms: number;
  height: number;
  size: number;
  last: Atom | 'flags' | null;
  branches: number;
  highest: number;
  total: number;
}

/** Throws a `Refusal` when the pattern does not compile. Sizes are estimated: very close to the limit the answer may be wrong. */
export function checkRustRegex(pattern: string): void {
  const cursor: Cursor = { chars: [...pattern], at: 0, flags: { unicode: true, spaced: false, ignoreCase: false, dotAll: false } };
  const names = new Set<string>();
  const frames: Frame[] = [newFrame(cursor, false)];
  for (skipSpace(cursor); cursor.at < cursor.chars.length; skipSpace(cursor)) {
    const frame = frames.at(-1) as Frame;
    const c = peek(cursor);
    if (c === '(') openGroup(cursor, frames, names);
    else if (c === ')') closeGroup(cursor, frames);
    else if (c === '|') closeBranch(cursor, frame);
    else if (c === '?' || c === '*' || c === '+') repeatUncounted(cursor, frame);
    else if (c === '{') repeatCounted(cursor, frame);
    else push(frame, primitive(cursor));
  }
  if (frames.length > 1) cannotParse('unclosed group');
  const whole = finish(frames[0] as Frame);
  if (whole.height > NEST_LIMIT) cannotParse(`exceeds the nest limit of ${NEST_LIMIT}`);
  if (whole.size > SIZE_LIMIT) cannotParse(`compiled regex exceeds size limit of ${SIZE_LIMIT} bytes`);
}

function newFrame(cursor: Cursor, captures: boolean): Frame {
  return { flagsBefore: cursor.flags, captures, atoms: 0, height: 0, size: 0, last: null, branches: 0, highest: 0, total: 0 };
}

/** Any size above the limit is the same as any other: keeps sums finite. */
function push(frame: Frame, atom: Atom): void {
  frame.atoms += 1;
  frame.height = Math.max(frame.height, atom.height);
  frame.size = Math.min(frame.size + atom.size, 2 * SIZE_LIMIT);
  frame.last = atom;
}

function endBranch(frame: Frame): void {
  frame.branches += 1;
  frame.highest = Math.max(frame.highest, frame.height + (frame.atoms > 1 ? 1 : 0));
  frame.total = Math.min(frame.total + frame.size, 2 * SIZE_LIMIT);
  frame.atoms = 0;
  frame.height = 0;
  frame.size = 0;
  frame.last = null;
}

function finish(frame: Frame): Atom {
  endBranch(frame);
  return { height: frame.highest + (frame.branches > 1 ? 1 : 0), size: frame.total };
}

function closeBranch(cursor: Cursor, frame: Frame): void {
  cursor.at += 1;
  endBranch(frame);
}

function openGroup(cursor: Cursor, frames: Frame[], names: Set<string>): void {
  cursor.at += 1;
  skipSpace(cursor);
  if (['?=', '?!', '?<=', '?<!'].some((prefix) => startsWith(cursor, prefix))) {
    cannotParse('look-around, including look-ahead and look-behind, is not supported');
  }
  const outer = frames.at(-1) as Frame;
  if (startsWith(cursor, '?P<') || startsWith(cursor, '?<')) {
    frames.push(newFrame(cursor, true));
    captureName(cursor, names);
  } else if (peek(cursor) === '?') {
    cursor.at += 1;
    const before = cursor.flags;
    const colon = readFlags(cursor);
    if (colon) frames.push({ ...newFrame(cursor, false), flagsBefore: before });
    else {
      outer.last = 'flags';
      outer.atoms += 1;
    }
  } else {
    frames.push(newFrame(cursor, true));
  }
}

function closeGroup(cursor: Cursor, frames: Frame[]): void {
  const frame = frames.pop() as Frame;
  const outer = frames.at(-1);
  if (outer === undefined) cannotParse('unopened group');
  cursor.at += 1;
  cursor.flags = frame.flagsBefore;
  const inner = finish(frame);
  push(outer, { height: inner.height + 1, size: inner.size + (frame.captures ? 64 : 0) });
}

function captureName(cursor: Cursor, names: Set<string>): void {
  cursor.at += startsWith(cursor, '?P<') ? 3 : 2;
  const start = cursor.at;
  while (cursor.at < cursor.chars.length && peek(cursor) !== '>') {
    const allowed = cursor.at === start ? /^[_\p{Alphabetic}]$/u : /^[_.[\]\p{Alphabetic}\p{N}]$/u;
    if (!allowed.test(peek(cursor))) cannotParse('invalid capture group character');
    cursor.at += 1;
  }
  const name = cursor.chars.slice(start, cursor.at).join('');
  if (cursor.at >= cursor.chars.length) cannotParse('unclosed capture group name');
  if (name === '') cannotParse('empty capture group name');
  if (names.has(name)) cannotParse('duplicate capture group name');
  names.add(name);
  cursor.at += 1;
}

/** Reads up to `:` or `)`, true for the former. */
function readFlags(cursor: Cursor): boolean {
  const seen = new Set<string>();
  let flags = cursor.flags;
  let negated = false;
  let last = '';
  for (; peek(cursor) !== ':' && peek(cursor) !== ')'; skipSpace(cursor)) {
    last = peek(cursor);
    if (last === '') cannotParse('unclosed group');
    if (seen.has(last)) cannotParse('duplicate flag or flag negation');
    seen.add(last);
    if (last === '-') negated = true;
    else flags = flagged(flags, last, !negated) ?? cannotParse('unrecognized flag');
    cursor.at += 1;
  }
  if (last === '-') cannotParse('dangling flag negation operator');
  const colon = peek(cursor) === ':';
  if (!colon && seen.size === 0) cannotParse('repetition operator missing expression');
  cursor.flags = flags;
  cursor.at += 1;
  return colon;
}

function repeatable(frame: Frame): Atom {
  const { last } = frame;
  return last === null || last === 'flags' ? cannotParse('repetition operator missing expression') : last;
}

function repeat(frame: Frame, atom: Atom, copies: number): void {
  frame.atoms -= 1;
  frame.size -= Math.min(atom.size, frame.size);
  push(frame, { height: atom.height + 1, size: Math.min(atom.size * copies, 2 * SIZE_LIMIT) });
}

function repeatUncounted(cursor: Cursor, frame: Frame): void {
  const atom = repeatable(frame);
  cursor.at += 1;
  if (peek(cursor) === '?') cursor.at += 1;
  repeat(frame, { ...atom, size: atom.size + 40 }, 1);
}

function repeatCounted(cursor: Cursor, frame: Frame): void {
  const atom = repeatable(frame);
  bump(cursor);
  const least = decimal(cursor);
  let most = least;
  if (peek(cursor) === ',') {
    bump(cursor);
    most = peek(cursor) === '}' ? null : decimal(cursor);
    if (most === null && peek(cursor) !== '}') cannotParse('repetition quantifier expects a valid decimal');
  }
  if (peek(cursor) !== '}') cannotParse('unclosed counted repetition');
  if (least === null) cannotParse('repetition quantifier expects a valid decimal');
  bump(cursor);
  if (peek(cursor) === '?') cursor.at += 1;
  if (most !== null && most < least) cannotParse('invalid repetition count range');
  repeat(frame, atom, Math.max(1, most ?? least));
}

/** null when there are no digits. */
function decimal(cursor: Cursor): number | null {
  while (/^\p{White_Space}$/u.test(peek(cursor))) cursor.at += 1;
  let value: number | null = null;
  while (/^[0-9]$/.test(peek(cursor))) {
    value = (value ?? 0) * 10 + Number(peek(cursor));
    if (value > 0xffffffff) cannotParse('decimal literal invalid');
    bump(cursor);
  }
  while (/^\p{White_Space}$/u.test(peek(cursor))) bump(cursor);
  return value;
}

function primitive(cursor: Cursor): Atom {
  const c = peek(cursor);
  if (c === '[') return classSize(cursor);
  if (c === '\\') return { height: 0, size: escapeSize(cursor) };
  cursor.at += 1;
  if (c === '^' || c === '$') return { height: 0, size: 0 };
  if (c !== '.') return { height: 0, size: literalSize(cursor.flags, c) };
  if (!cursor.flags.unicode) cannotParse('pattern can match invalid UTF-8');
  return { height: 0, size: 1000 };
}

function bump(cursor: Cursor): void {
  cursor.at += 1;
  skipSpace(cursor);
}

function startsWith(cursor: Cursor, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (cursor.chars[cursor.at + i] !== text[i]) return false;
  return true;
}
