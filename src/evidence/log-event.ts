/**
 * One event of Rust's `tracing`, in the plain and the JSON format of proxy and policy controller
 * (linkerd2-proxy `linkerd/tracing/src/`), taken apart as far as every event has the same parts.
 */

import type { Instant } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';
import { SPAN } from './conventions.ts';

type Json = Readonly<Record<string, unknown>>;

export interface LogEvent {
  /** A JSON timestamp; null in the plain format, where only the container runtime knows the time. */
  readonly at: Instant | null;
  /** Milliseconds since the proxy's start, where the event has that instead. */
  readonly uptime: number | null;
  readonly level: string;
  /** Number of the thread; -1 for the policy controller. */
  readonly thread: number;
  readonly target: string;
  /** Plain: the message with its fields behind it. JSON: the message alone. */
  readonly text: string;
  /** JSON only. */
  readonly fields: Json | null;
  readonly spans: readonly LogSpan[];
}

export interface LogSpan {
  readonly name: string;
  readonly fields: ReadonlyMap<string, string>;
}

const LEVELS = new Set(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR']);
const TARGET_PATH = /^[a-z_][a-z0-9_]*(?:::[a-z_][a-z0-9_]*)*$/;
const MAX_TARGET = 120;

const PLAIN_HEAD = /(?:\[([^\]]{1,24})s\] +)?([A-Z]{4,5}) +(?:ThreadId\((\d{1,9})\) )?/y;

/** Reads `[<uptime>s] <LEVEL> ThreadId(NN) …` or, from the policy controller, `<LEVEL> …`, at `from`. null: it is neither. */
export function readPlainEvent(line: string, from: number): LogEvent | null {
  let at = from;
  while (line[at] === ' ') at++;
  PLAIN_HEAD.lastIndex = at;
  const head = PLAIN_HEAD.exec(line);
  if (head === null) return null;
  const [, uptime, level = '', thread] = head;
  if (!LEVELS.has(level) || (uptime === undefined) !== (thread === undefined)) return null;
  return readSpansAndTarget(line, PLAIN_HEAD.lastIndex, {
    at: null,
    uptime: uptime === undefined ? null : readSeconds(uptime),
    level,
    thread: thread === undefined ? -1 : Number(thread),
  });
}

type Head = Pick<LogEvent, 'at' | 'uptime' | 'level' | 'thread'>;

/** `span{k=v}:span: target: text`, or `target: text` when there is no span. */
function readSpansAndTarget(line: string, from: number, head: Head): LogEvent | null {
  const first = segmentEnd(line, from);
  if (first < 0) return null;
  const one = line.slice(from, first);
  const second = segmentEnd(line, first + 2);
  const two = second < 0 ? '' : line.slice(first + 2, second);
  // A target is a Rust path and spans are not: they have braces or single colons. A lone word may be either; the proxy's own crates are targets.
  const spansFirst = isTarget(two) && !one.startsWith('linkerd') && !(isTarget(one) && one.includes('::'));
  if (spansFirst) return { ...head, target: two, text: line.slice(second + 2), fields: null, spans: readPlainSpans(one) };
  return isTarget(one) ? { ...head, target: one, text: line.slice(first + 2), fields: null, spans: [] } : null;
}

function isTarget(text: string): boolean {
  return text.length <= MAX_TARGET && TARGET_PATH.test(text);
}

/** Index of the next `: ` outside of braces; they do not nest. -1: there is none. */
function segmentEnd(line: string, from: number): number {
  let end = line.indexOf(': ', from);
  for (let open = line.indexOf('{', from); end >= 0 && open >= 0 && open < end; ) {
    const close = line.indexOf('}', open);
    if (close < 0) return -1;
    if (close > end) end = line.indexOf(': ', close);
    open = line.indexOf('{', close);
  }
  return end;
}

function readPlainSpans(text: string): LogSpan[] {
  const spans: LogSpan[] = [];
  for (let at = 0; at < text.length; ) {
    let end = at;
    while (end < text.length && text[end] !== ':' && text[end] !== '{') end++;
    const name = text.slice(at, end);
    const fields = new Map<string, string>();
    if (text[end] === '{') {
      const close = text.indexOf('}', end);
      for (const pair of text.slice(end + 1, close < 0 ? text.length : close).split(' ')) {
        const equals = pair.indexOf('=');
        if (equals > 0) fields.set(pair.slice(0, equals), unquote(pair.slice(equals + 1)));
      }
      end = close < 0 ? text.length : close + 1;
    }
    spans.push({ name, fields });
    at = end + 1;
  }
  return spans;
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** Reads an event from parsed JSON; `json` is its text, or empty when there is none of its own. null: another kind of object. */
export function readJsonEvent(object: Json, json: string): LogEvent | null {
  const { timestamp, level, fields, target, spans, threadId } = object;
  if (typeof level !== 'string' || !LEVELS.has(level) || typeof target !== 'string' || !isObject(fields)) return null;
  const message = fields['message'];
  const thread = /^ThreadId\((\d{1,9})\)$/.exec(typeof threadId === 'string' ? threadId : '');
  const uptime =
    typeof timestamp === 'string' && timestamp.startsWith('[') && timestamp.endsWith('s]') ? readSeconds(timestamp.slice(1, -2)) : null;
  return {
    at: typeof timestamp === 'string' ? parseInstant(timestamp) : null,
    uptime,
    level,
    thread: thread === null ? -1 : Number(thread[1]),
    target,
    text: typeof message === 'string' ? message : '',
    fields,
    spans: Array.isArray(spans) ? spans.filter(isObject).map((span) => readJsonSpan(span, json)) : [],
  };
}

function readJsonSpan(span: Json, json: string): LogSpan {
  const name = typeof span['name'] === 'string' ? span['name'] : '';
  const fields = new Map<string, string>();
  for (const [key, value] of Object.entries(span)) {
    if (key !== 'name' && (typeof value === 'string' || typeof value === 'number')) fields.set(key, String(value));
  }
  if (name === SPAN.service) {
    const service = serviceName(json);
    if (service !== null) fields.set('name', service);
  }
  return { name, fields };
}

/** The span `service` has a field called `name` too, and a JSON parser keeps the last of two equal keys: `{"name":"orders","ns":"shop","port":"80","name":"service"}`. */
function serviceName(json: string): string | null {
  const end = json.lastIndexOf(',"name":"service"}');
  const start = end < 0 ? -1 : json.lastIndexOf('{', end);
  if (start < 0) return null;
  try {
    const span: unknown = JSON.parse(`${json.slice(start, end)}}`);
    return isObject(span) && typeof span['name'] === 'string' ? span['name'] : null;
  } catch {
    return null;
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Seconds with a fraction, as milliseconds. */
function readSeconds(text: string): number | null {
  const trimmed = text.trimStart();
  return /^\d{1,12}\.\d{6}$/.test(trimmed) ? Math.floor(Number(trimmed) * 1000) : null;
}

/** The span of that name nearest to the event. */
export function spanOf(event: LogEvent, name: string): LogSpan | null {
  return event.spans.findLast((span) => span.name === name) ?? null;
}

export function spanField(event: LogEvent, span: string, field: string): string | null {
  return spanOf(event, span)?.fields.get(field) ?? null;
}
