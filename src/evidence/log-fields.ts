/** The fields of an event, in the order its source declares them. */
import { FIELD } from './conventions.ts';
import type { LogEvent } from './log-event.ts';
import { readRustString } from './log-text.ts';

/**
 * In the plain format values are not quoted. All but one of them hold no space (names, addresses, numbers), so the fields before the
 * `free` one are found from the left, those behind it from the right, and the free one is what lies between: nothing in it can pass for another.
 */
export interface FieldShape {
  readonly before: readonly string[];
  /** May hold anything; null: no field does. */
  readonly free: string | null;
  readonly after: readonly string[];
  /** May be missing, depending on the release; among `after` only. */
  readonly optional?: readonly string[];
  /** Fields that the plain format prints in Rust's Debug form, quoted. */
  readonly quoted?: readonly string[];
}

const MAX_TRIES = 8;

export type Fields = ReadonlyMap<string, string>;

/** The message's fields; null: this is not that message, or not in this shape. */
export function readFields(event: LogEvent, message: string, shape: FieldShape): Fields | null {
  return event.fields === null ? readPlainFields(event.text, message, shape) : readJsonFields(event, message, shape);
}

function readJsonFields(event: LogEvent, message: string, shape: FieldShape): Fields | null {
  if (event.text !== message) return null;
  const found = new Map<string, string>();
  for (const key of [...shape.before, ...(shape.free === null ? [] : [shape.free]), ...shape.after]) {
    const value = event.fields !== null && Object.hasOwn(event.fields, key) ? event.fields[key] : undefined;
    if (typeof value === 'string' || typeof value === 'number') found.set(key, String(value));
    else if (!shape.optional?.includes(key)) return null;
  }
  return found;
}

function readPlainFields(text: string, message: string, shape: FieldShape): Fields | null {
  if (!text.startsWith(message)) return null;
  const keys = shape.free === null ? shape.before : [...shape.before, shape.free];
  const found = new Map<string, string>();
  // An event without a message starts with its first field.
  let at = message === '' ? -1 : message.length;
  const open: { key: string; start: number }[] = [];
  for (const key of keys) {
    const mark = `${at < 0 ? '' : ' '}${key}=`;
    const start = open.length === 0 ? (text.startsWith(mark, Math.max(at, 0)) ? Math.max(at, 0) : -1) : text.indexOf(mark, at);
    if (start < 0) return null;
    const last = open.at(-1);
    if (last !== undefined) found.set(last.key, text.slice(last.start, start));
    at = start + mark.length;
    open.push({ key, start: at });
  }
  const end = readFromRight(text, at, shape, found);
  // `[<a>, <b>]`; anything behind it is no field that we know.
  if (end < 0 || found.get(FIELD.errorSources)?.endsWith(']') === false) return null;
  const last = open.at(-1);
  if (last === undefined) return end === at ? found : null;
  const value = text.slice(last.start, end);
  if (!shape.quoted?.includes(last.key)) return found.set(last.key, value);
  const read = readRustString(value, 0);
  return read?.end === value.length ? found.set(last.key, read.value) : null;
}

/** Where the fields behind the free one begin, or -1. */
function readFromRight(text: string, from: number, shape: FieldShape, found: Map<string, string>): number {
  let end = text.length;
  for (const key of shape.after.toReversed()) {
    const field = shape.quoted?.includes(key) ? lastQuoted(text, key, from, end) : lastPlain(text, key, from, end);
    if (field !== null) {
      found.set(key, field.value);
      end = field.start;
    } else if (!shape.optional?.includes(key)) return -1;
  }
  return end;
}

interface Found {
  readonly value: string;
  readonly start: number;
}

function lastPlain(text: string, key: string, from: number, end: number): Found | null {
  const mark = ` ${key}=`;
  const start = end === 0 ? -1 : text.lastIndexOf(mark, end - 1);
  return start < from ? null : { value: text.slice(start + mark.length, end), start };
}

/** A quoted value may hold what looks like its own key; the field begins where a string begins that ends at `end`. */
function lastQuoted(text: string, key: string, from: number, end: number): Found | null {
  let before = end;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const field = lastPlain(text, key, from, before);
    if (field === null) return null;
    const read = readRustString(text, field.start + key.length + 2);
    if (read?.end === end) return { value: read.value, start: field.start };
    before = field.start;
  }
  return null;
}
