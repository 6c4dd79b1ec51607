/**
 * A pattern of Rust's `regex` syntax, written in RE2's, so that it can be run in linear time (`checkRustRegex` has found it good before).
 * What differs: Rust's `\d`, `\w`, `\s` are Unicode's; its classes nest and have set operations; it knows flag `x`, `\u{…}`, repetitions of
 * repetitions, and counts above 1,000. RE2 has no Unicode word boundaries (its `\b` is ASCII's) and none for the start or end of a word.
 */
import { bracketClass, escapedClass, inWords, type RegexCursor, readCharacter, skipBlanks } from './rust-regex-set.ts';

interface Frame {
  readonly before: { readonly unicode: boolean; readonly spaced: boolean; readonly ignoreCase: boolean };
  readonly opening: string;
  readonly parts: string[];
  /** The last part is a repetition. */
  repeated: boolean;
}

/** null: RE2 cannot say it. */
export function toRe2(pattern: string): string | null {
  const cursor: RegexCursor = { chars: [...pattern], at: 0, unicode: true, spaced: false, ignoreCase: false };
  const frames: Frame[] = [newFrame(cursor, '')];
  for (skipBlanks(cursor); cursor.at < cursor.chars.length; skipBlanks(cursor)) {
    const frame = frames.at(-1) as Frame;
    const c = cursor.chars[cursor.at] as string;
    if (c === '(') openGroup(cursor, frames);
    else if (c === ')') closeGroup(cursor, frames);
    else if (c === '*' || c === '+' || c === '?') repeat(cursor, frame, (part, lazy) => part + c + lazy);
    else if (c === '{') repeatCounted(cursor, frame);
    else {
      const part = readPart(cursor, c);
      if (part === null) return null;
      frame.parts.push(part);
      frame.repeated = false;
    }
  }
  return (frames[0] as Frame).parts.join('');
}

function newFrame({ unicode, spaced, ignoreCase }: RegexCursor, opening: string): Frame {
  return { before: { unicode, spaced, ignoreCase }, opening, parts: [], repeated: false };
}

function readPart(cursor: RegexCursor, c: string): string | null {
  if (c === '[') return bracketClass(cursor);
  if (c === '\\') return readEscape(cursor);
  cursor.at += 1;
  return '^$.|'.includes(c) ? c : inWords(c);
}

function readEscape(cursor: RegexCursor): string | null {
  const named = escapedClass(cursor);
  if (named !== null) return named;
  const letter = cursor.chars[cursor.at + 1] ?? '';
  if (letter === '<' || letter === '>') return null;
  if (!['A', 'z', 'b', 'B'].includes(letter)) return inWords(readCharacter(cursor));
  cursor.at += 2;
  const isWordPart = letter === 'b' && cursor.chars[cursor.at] === '{' && /[A-Za-z-]/.test(cursor.chars[cursor.at + 1] ?? '');
  return isWordPart ? null : `\\${letter}`;
}

/** Names of groups are of no use here. */
function openGroup(cursor: RegexCursor, frames: Frame[]): void {
  cursor.at += 1;
  skipBlanks(cursor);
  if (cursor.chars[cursor.at] !== '?') {
    frames.push(newFrame(cursor, '('));
    return;
  }
  const isNamed = cursor.chars[cursor.at + 1] === '<' || cursor.chars[cursor.at + 1] === 'P';
  if (isNamed) {
    cursor.at = cursor.chars.indexOf('>', cursor.at) + 1;
    frames.push(newFrame(cursor, '('));
    return;
  }
  const frame = newFrame(cursor, '');
  cursor.at += 1;
  const { text, isGroup } = readFlags(cursor);
  if (isGroup) frames.push({ ...frame, opening: text === '' ? '(?:' : `(?${text}:` });
  else if (text !== '') (frames.at(-1) as Frame).parts.push(`(?${text})`);
}

/** Those that RE2 knows too (`i`, `m`, `s`, `U`), in its words; `x` and `u` are minded here, `R` (line ends as `\r\n`) is not. */
function readFlags(cursor: RegexCursor): { readonly text: string; readonly isGroup: boolean } {
  const [on, off] = [new Set<string>(), new Set<string>()];
  let isOn = true;
  for (; ; cursor.at++) {
    skipBlanks(cursor);
    const c = cursor.chars[cursor.at] ?? ')';
    if (c === ':' || c === ')') break;
    if (c === '-') isOn = false;
    else (isOn ? on : off).add(c);
  }
  const isGroup = cursor.chars[cursor.at] === ':';
  cursor.at += 1;
  const flag = (letter: string, now: boolean) => (on.has(letter) ? true : off.has(letter) ? false : now);
  Object.assign(cursor, { unicode: flag('u', cursor.unicode), spaced: flag('x', cursor.spaced), ignoreCase: flag('i', cursor.ignoreCase) });
  const inRe2 = (flags: ReadonlySet<string>) => [...flags].filter((f) => 'imsU'.includes(f)).join('');
  return { text: inRe2(on) + (inRe2(off) === '' ? '' : `-${inRe2(off)}`), isGroup };
}

function closeGroup(cursor: RegexCursor, frames: Frame[]): void {
  const { before, opening, parts } = frames.pop() as Frame;
  cursor.at += 1;
  Object.assign(cursor, before);
  const outer = frames.at(-1) as Frame;
  outer.parts.push(`${opening}${parts.join('')})`);
  outer.repeated = false;
}

function repeat(cursor: RegexCursor, frame: Frame, write: (part: string, lazy: string) => string): void {
  cursor.at += 1;
  const isLazy = cursor.chars[cursor.at] === '?';
  if (isLazy) cursor.at += 1;
  const last = frame.parts.pop() ?? '';
  frame.parts.push(write(frame.repeated ? `(?:${last})` : last, isLazy ? '?' : ''));
  frame.repeated = true;
}

const MOST_REPEATS = 1000;

function repeatCounted(cursor: RegexCursor, frame: Frame): void {
  const end = cursor.chars.indexOf('}', cursor.at);
  const [least = '', most] = cursor.chars
    .slice(cursor.at + 1, end)
    .join('')
    .replace(/\s+/g, '')
    .split(',');
  cursor.at = end;
  const from = Number(least);
  const to = most === undefined ? from : most === '' ? null : Number(most);
  repeat(cursor, frame, (part, lazy) => {
    if (Math.max(from, to ?? 0) <= MOST_REPEATS) return `${part}{${from},${to ?? ''}}${lazy}`;
    const exactly = inPieces(from).map((n) => `${part}{${n}}`);
    const more = to === null ? [`${part}*${lazy}`] : inPieces(to - from).map((n) => `${part}{0,${n}}${lazy}`);
    return `(?:${[...exactly, ...more].join('')})`;
  });
}

/** RE2 counts no further than 1,000. */
function inPieces(count: number): readonly number[] {
  const pieces: number[] = new Array(Math.floor(count / MOST_REPEATS)).fill(MOST_REPEATS);
  if (count % MOST_REPEATS > 0) pieces.push(count % MOST_REPEATS);
  return pieces;
}
