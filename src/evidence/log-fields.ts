/** The fields of an event, in the order its source declares them. */
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
  if (end < 0) return null;
  const last = open.at(-1);
  if (last !== undefined) found.set(last.key, text.slice(last.start, end));
  else if (end !== at) return null;
  return unquoteAll(found, shape);
}

/** Where the fields behind the free one begin, or -1. */
function readFromRight(text: string, from: number, shape: FieldShape, found: Map<string, string>): number {
  let end = text.length;
  for (const key of shape.after.toReversed()) {
    const mark = ` ${key}=`;
    const start = end === 0 ? -1 : text.lastIndexOf(mark, end - 1);
    if (start >= from) {
      found.set(key, text.slice(start + mark.length, end));
      end = start;
    } else if (!shape.optional?.includes(key)) return -1;
  }
  return end;
}

function unquoteAll(found: Map<string, string>, shape: FieldShape): Fields | null {
  for (const key of shape.quoted ?? []) {
    const text = found.get(key);
    if (text === undefined) continue;
    const read = readRustString(text, 0);
    if (read === null || read.end !== text.length) return null;
    found.set(key, read.value);
  }
  return found;
}
