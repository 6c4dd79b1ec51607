/** Small readers of what Rust's `Display` and `Debug` print. */

import type { Instant } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';

export interface Read<T> {
  readonly value: T;
  /** Index after what was read. */
  readonly end: number;
}

const SIMPLE_ESCAPES = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['0', '\0'],
  ['\\', '\\'],
  ['"', '"'],
  ["'", "'"],
]);

/** Reads a string in Rust's Debug form, from its opening quote at `from`. null: there is none, or it does not end. */
export function readRustString(text: string, from: number): Read<string> | null {
  if (text[from] !== '"') return null;
  let value = '';
  let start = from + 1;
  for (let i = start; i < text.length; i++) {
    const c = text[i];
    if (c === '"') return { value: value + text.slice(start, i), end: i + 1 };
    if (c !== '\\') continue;
    const escaped = readEscape(text, i + 1);
    if (escaped === null) return null;
    value += text.slice(start, i) + escaped.value;
    start = escaped.end;
    i = start - 1;
  }
  return null;
}

function readEscape(text: string, at: number): Read<string> | null {
  const simple = SIMPLE_ESCAPES.get(text[at] ?? '');
  if (simple !== undefined) return { value: simple, end: at + 1 };
  const hex = /^u\{([0-9a-f]{1,6})\}/.exec(text.slice(at, at + 9));
  const code = Number.parseInt(hex?.[1] ?? '', 16);
  return hex !== null && code <= 0x10ffff ? { value: String.fromCodePoint(code), end: at + hex[0].length } : null;
}

/** True for the characters of an IP address, and no longer than one may be. */
export function looksLikeAddress(text: string): boolean {
  if (text.length < 2 || text.length > 45) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    // 0-9 : . a-f A-F
    if (!((c >= 48 && c <= 58) || c === 46 || (c >= 97 && c <= 102) || (c >= 65 && c <= 70))) return false;
  }
  return true;
}

/** An IPv4 client of an IPv6 listener prints as `::ffff:10.42.0.33` in some places and as `10.42.0.33` in others; here always the latter. */
export function plainIp(text: string): string {
  return text.startsWith('::ffff:') && text.includes('.') ? text.slice('::ffff:'.length) : text;
}

/** Reads `ip:port` or `[ip]:port`. */
export function readSocketAddress(text: string): { readonly ip: string; readonly port: number } | null {
  const colon = text.lastIndexOf(':');
  const bracketed = text.startsWith('[') && text[colon - 1] === ']';
  const ip = bracketed ? text.slice(1, colon - 1) : text.slice(0, Math.max(colon, 0));
  const port = readPort(text.slice(colon + 1));
  return port === null || !looksLikeAddress(ip) || (!bracketed && ip.includes(':')) ? null : { ip: plainIp(ip), port };
}

export function readPort(text: string): number | null {
  if (!/^\d{1,5}$/.test(text)) return null;
  const port = Number(text);
  return port <= 65_535 ? port : null;
}

/**
 * The same text, for what outlives its line: a piece cut out of a text keeps all of that text in memory, here tens of kilobytes.
 * Cutting a joined text makes V8 write it out first, which is the cheapest copy there is.
 */
export function ownCopy(text: string): string {
  return `${text} `.slice(0, -1);
}

export interface TimestampReader {
  /** Reads an RFC 3339 timestamp at `from`; the index after it, or -1. The instant stands in `instant`. */
  read(text: string, from: number): number;
  instant: Instant;
}

const Z = 90;

/** Lines of one minute share 17 characters, which are read once. */
export function createTimestampReader(): TimestampReader {
  let minute = 'none yet';
  let minuteStart = 0;

  /** Without a fraction, or with an offset, or the first of its minute. */
  function readAnew(text: string, from: number): number {
    if (text.charCodeAt(from + 4) !== 45 || text.charCodeAt(from + 16) !== 58) return -1;
    let end = from + '2026-11-23T09:47:13'.length;
    if (text.charCodeAt(end) === 46) for (end++; isDigit(text.charCodeAt(end)); end++);
    end += text.charCodeAt(end) === Z ? 1 : '+00:00'.length;
    const instant = parseInstant(text.slice(from, end));
    if (instant === null) return -1;
    reader.instant = instant;
    if (text.charCodeAt(end - 1) === Z) {
      minute = text.slice(from, from + 17);
      minuteStart = Math.floor(instant / 60_000) * 60_000;
    }
    return end;
  }

  const reader: TimestampReader = {
    instant: 0,
    read(text, from) {
      const seconds = from + 17;
      // Container runtimes write nine digits, proxies six; those behind the third are cut off.
      const end = text.charCodeAt(from + 29) === Z ? from + 30 : text.charCodeAt(from + 26) === Z ? from + 27 : -1;
      if (end < 0 || text.charCodeAt(from + 19) !== 46 || text.slice(from, seconds) !== minute) return readAnew(text, from);
      const ten = digit(text, seconds);
      const one = digit(text, seconds + 1);
      const tenth = digit(text, from + 20);
      const hundredth = digit(text, from + 21);
      const thousandth = digit(text, from + 22);
      if (ten < 0 || ten > 5 || one < 0 || tenth < 0 || hundredth < 0 || thousandth < 0) return -1;
      for (let at = from + 23; at < end - 1; at++) if (!isDigit(text.charCodeAt(at))) return -1;
      reader.instant = minuteStart + ten * 10_000 + one * 1000 + tenth * 100 + hundredth * 10 + thousandth;
      return end;
    },
  };
  return reader;
}

/** -1: it is none. */
function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48;
  return value >= 0 && value <= 9 ? value : -1;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
