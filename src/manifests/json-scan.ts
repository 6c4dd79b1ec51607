/** Walks JSON text without building values: for places, for texts that hold several values, and for texts that end too early. */
import { type Path, showCut } from './document.ts';

/** An object or array that is not closed yet. */
interface Frame {
  readonly isArray: boolean;
  readonly start: number;
  /** The key (object) or index (array) of the value that is being read. */
  step: string | number;
  awaitsKey: boolean;
}

/** Called where each value begins; `true` ends the walk. */
type Visit = (frames: readonly Frame[], start: number) => boolean;

export interface JsonScan {
  /** Complete values on the top level: start and end offsets. */
  readonly values: readonly (readonly [start: number, end: number])[];
  /** Start of the value that the text ends in the middle of; null when there is none. */
  readonly openFrom: number | null;
  /** Containers that are still open at the end of the text. */
  readonly frames: readonly Frame[];
}

/** Reads brackets and strings only: what is between them may be anything. Linear in the length of the text. */
export function scanJson(text: string, visit: Visit = () => false): JsonScan {
  const values: [number, number][] = [];
  const frames: Frame[] = [];
  let topStart = 0;
  for (let i = 0; i < text.length; ) {
    const c = text.charCodeAt(i);
    const frame = frames.at(-1);
    if (c <= 32) i++;
    else if (c === COMMA) {
      if (frame?.isArray === true) frame.step = (frame.step as number) + 1;
      else if (frame !== undefined) frame.awaitsKey = true;
      i++;
    } else if (c === COLON) i++;
    else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) {
      frames.pop();
      i++;
      if (frames.length === 0) values.push([topStart, i]);
    } else {
      const isKey = frame?.awaitsKey === true;
      if (frame === undefined) topStart = i;
      if (!isKey && visit(frames, i)) return { values, openFrom: topStart, frames };
      if (c === OPEN_BRACE || c === OPEN_BRACKET) {
        const isArray = c === OPEN_BRACKET;
        frames.push({ isArray, start: i, step: isArray ? 0 : '', awaitsKey: !isArray });
        i++;
        continue;
      }
      const end = c === QUOTE ? endOfString(text, i) : endOfWord(text, i);
      if (end < 0) return { values, openFrom: topStart, frames };
      if (isKey) {
        frame.step = text.slice(i + 1, end - 1);
        frame.awaitsKey = false;
      } else if (frame === undefined) values.push([i, end]);
      i = end;
    }
  }
  return { values, openFrom: frames.length > 0 ? topStart : null, frames };
}

/** The offset of the value at `path` in the value that begins at `from`; of the innermost value on the way to it when it is absent. */
export function locateInJson(text: string, from: number, path: Path): number {
  let best = from;
  let matched = 0;
  scanJson(text.slice(from), (frames, start) => {
    if (frames.length === 0) return start > 0;
    if (frames.length !== matched + 1 || frames.some((frame, depth) => frame.step !== path[depth])) return false;
    best = from + start;
    matched++;
    return matched === path.length;
  });
  return best;
}

/** What the unfinished value in `text` is, as far as it can be told, and how many whole objects stand before it in its list. */
export function describeCut(text: string, scan: JsonScan): { what: string; before: number } {
  const [outer, inner] = scan.frames;
  const values = scan.values.length;
  if (outer === undefined) return { what: 'Something', before: values };
  if (outer.isArray) return { what: describeElement(text, scan.frames[1]), before: values + Number(outer.step) };
  if (outer.step === 'items' && inner?.isArray === true) {
    return { what: describeElement(text, scan.frames[2]), before: values + Number(inner.step) };
  }
  // A list whose items are whole, or one object.
  let items = 0;
  scanJson(text.slice(outer.start), (frames) => {
    if (frames.length === 2 && frames[0]?.step === 'items' && frames[1]?.isArray === true) items++;
    return false;
  });
  return items > 0 ? { what: 'The list', before: values + items } : { what: describeElement(text, outer), before: values };
}

function describeElement(text: string, element: Frame | undefined): string {
  if (element === undefined) return showCut(null, null);
  let kind: string | null = null;
  let name: string | null = null;
  const rest = text.slice(element.start);
  scanJson(rest, (frames, start) => {
    const [own, inner] = frames;
    if (frames.length === 1 && own?.step === 'kind') kind = stringAt(rest, start);
    if (frames.length === 2 && own?.step === 'metadata' && inner?.step === 'name') name = stringAt(rest, start);
    return false;
  });
  return showCut(kind, name);
}

function stringAt(text: string, start: number): string | null {
  if (text.charCodeAt(start) !== QUOTE) return null;
  const end = endOfString(text, start);
  return end < 0 ? null : text.slice(start + 1, end - 1);
}

/** The offset after the closing quote; -1 when there is none. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; ; ) {
    const quote = text.indexOf('"', i);
    if (quote < 0) return -1;
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    i = quote + 1;
  }
}

function endOfWord(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && !isDelimiter(text.charCodeAt(i))) i++;
  return i;
}

function isDelimiter(c: number): boolean {
  return (
    c <= 32 ||
    c === COMMA ||
    c === COLON ||
    c === QUOTE ||
    c === OPEN_BRACE ||
    c === OPEN_BRACKET ||
    c === CLOSE_BRACE ||
    c === CLOSE_BRACKET
  );
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
