/**
 * Error responses in a storm: text that comes again and again around the client's address, which stands in each twice.
 * Plain: HEAD address MIDDLE address END; the spans come first. JSON: the same with the spans last.
 */
import { ERROR_TEXT, FIELD, INBOUND_PORT, MESSAGE, SPAN, TARGET } from './conventions.ts';
import { createMemo, type Memo } from './log-memo.ts';
import type { Failure } from './log-reading.ts';
import { looksLikeAddress, ownCopy } from './log-text.ts';

/** A piece of text, and what it says. */
interface Piece<T> {
  readonly text: string;
  readonly says: T;
}
/** What an error response says besides the client; `version` null: gRPC. */
interface Version {
  readonly version: string | null;
}
interface Listener {
  /** Of the span `server`. */
  readonly listener: number;
}
interface Refused {
  readonly kind: 'http-denied' | 'route-not-found';
  readonly dialled: number;
  readonly path: string | null;
}

const PORT = '(\\d{1,5})';
/** A number in JSON has no zeros in front. */
const JSON_PORT = '(0|[1-9]\\d{0,4})';
/** IPv4, and a path without escapes. */
const ERROR = `: server: [\\d.]{2,45}:${PORT}: (${ERROR_TEXT.unauthorizedRoute}|${ERROR_TEXT.noRoute})`;
const PATH = '"([^"\\\\\\x00-\\x1f\\x7f]*)"';
const RESCUE = `:${SPAN.rescue}{${FIELD.clientAddr}=`;
const PLAIN_HEAD = new RegExp(
  `^\\] {2}INFO ThreadId\\(\\d{1,9}\\) ${SPAN.inbound}:${SPAN.server}\\{port=${PORT}\\}${RESCUE.replace('{', '\\{')}$`,
);
const PLAIN_END = new RegExp(`^${ERROR} error\\.sources=\\[\\2\\](?: path=${PATH})?$`);
const PLAIN_MIDDLES = versions((version) => `}: ${TARGET.respond}: ${version} ${MESSAGE.requestFailed} error=client `);
const JSON_HEADS = versions((version) => `","level":"INFO","fields":{"message":"${version} ${MESSAGE.requestFailed}","error":"client `);
const JSON_SPANS = `\\{"name":"${SPAN.inbound}"\\},\\{"port":${JSON_PORT},"name":"${SPAN.server}"\\},\\{"${FIELD.clientAddr.replace('.', '\\.')}":"`;
const JSON_MIDDLE = new RegExp(`^${ERROR}"(?:,"path":${PATH})?\\},"target":"${TARGET.respond}","spans":\\[${JSON_SPANS}$`);
const JSON_END = new RegExp(`","name":"${SPAN.rescue}"\\}\\],"threadId":"ThreadId\\(\\d{1,9}\\)"\\}$`);
const JSON_END_LENGTH = 64;
const MAX_PORT = 65_535;
const COLON = 58;

function versions(text: (version: string) => string): readonly Piece<Version>[] {
  return ['HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0', 'gRPC'].map((version) => ({
    text: text(version),
    says: { version: version === 'gRPC' ? null : version },
  }));
}

export interface FailureReader {
  /** The line that ends at `end`, of an event whose uptime ends at `start`; undefined: it is no such line, or not a simple one. */
  plain(text: string, start: number, end: number): Failure | undefined;
  /** The event whose time ends at `start`. */
  json(text: string, start: number, end: number): Failure | undefined;
}

export function createFailureReader(): FailureReader {
  const plainHeads = createPieces(readPlainHead);
  const plainEnds = createPieces(readPlainEnd);
  const jsonMiddles = createPieces(readJsonMiddle);
  let plainHead = 'none yet';
  let plainMiddle = PLAIN_MIDDLES[0] as Piece<Version>;
  let jsonHead = JSON_HEADS[0] as Piece<Version>;
  let jsonEnd = 'none yet';
  let lastIp = '';

  function failureOf(
    line: string,
    start: number,
    end: number,
    { version }: Version,
    { listener }: Listener,
    refused: Refused,
  ): Failure | undefined {
    let colon = end - 1;
    let clientPort = 0;
    for (let unit = 1; colon > start; colon--, unit *= 10) {
      const digit = line.charCodeAt(colon) - 48;
      if (digit < 0 || digit > 9) break;
      clientPort += digit * unit;
    }
    const ip = line.slice(start, colon);
    if (line.charCodeAt(colon) !== COLON || colon === end - 1 || end - colon > 6 || clientPort > MAX_PORT) return undefined;
    if (ip !== lastIp) {
      if (!looksLikeAddress(ip) || ip.includes(':')) return undefined;
      lastIp = ownCopy(ip);
    }
    const { kind, dialled, path } = refused;
    const port = listener !== INBOUND_PORT ? listener : dialled !== INBOUND_PORT ? dialled : null;
    const request = { version, method: null, path, authority: null, grpc: version === null };
    return { type: 'failure', kind, ip: lastIp, clientPort, port, admin: false, server: null, request, error: null };
  }

  return {
    plain(text, start, end) {
      if (text.slice(start, start + plainHead.length) !== plainHead) {
        const head = text.slice(start, text.indexOf(RESCUE, start) + RESCUE.length);
        if (plainHeads.read(head) === null) return undefined;
        plainHead = head;
      }
      const head = plainHeads.read(plainHead);
      const client = start + plainHead.length;
      const clientEnd = text.indexOf('}', client);
      if (!standsAt(text, clientEnd, plainMiddle)) {
        const middle = PLAIN_MIDDLES.find((other) => standsAt(text, clientEnd, other));
        if (middle === undefined) return undefined;
        plainMiddle = middle;
      }
      const again = clientEnd + plainMiddle.text.length;
      const rest = again + clientEnd - client;
      if (head === null || rest > end || text.slice(client, clientEnd) !== text.slice(again, rest)) return undefined;
      const refused = plainEnds.read(text.slice(rest, end));
      return refused === null ? undefined : failureOf(text, client, clientEnd, plainMiddle.says, head, refused);
    },
    json(text, start, end) {
      if (!standsAt(text, start, jsonHead)) {
        const head = JSON_HEADS.find((other) => standsAt(text, start, other));
        if (head === undefined) return undefined;
        jsonHead = head;
      }
      if (text.slice(end - jsonEnd.length, end) !== jsonEnd) {
        const found = JSON_END.exec(text.slice(Math.max(start, end - JSON_END_LENGTH), end));
        if (found === null) return undefined;
        jsonEnd = found[0];
      }
      const client = start + jsonHead.text.length;
      const clientEnd = text.indexOf(' ', client) - 1;
      const rest = end - jsonEnd.length;
      const again = rest - (clientEnd - client);
      if (again <= clientEnd || text.slice(client, clientEnd) !== text.slice(again, rest)) return undefined;
      const middle = jsonMiddles.read(text.slice(clientEnd, again));
      return middle === null ? undefined : failureOf(text, client, clientEnd, jsonHead.says, middle, middle);
    },
  };
}

function standsAt(line: string, at: number, { text }: Piece<Version>): boolean {
  return line.slice(at, at + text.length) === text;
}

function readPlainHead(text: string): Listener | null {
  const found = PLAIN_HEAD.exec(text);
  return found && Number(found[1]) <= MAX_PORT ? { listener: Number(found[1]) } : null;
}

function readPlainEnd(text: string): Refused | null {
  const found = PLAIN_END.exec(text);
  return found && refusedOf(found[1], found[2], found[3]);
}

function readJsonMiddle(text: string): (Refused & Listener) | null {
  const found = JSON_MIDDLE.exec(text);
  const refused = found && refusedOf(found[1], found[2], found[3]);
  return refused && Number(found?.[4]) <= MAX_PORT ? { ...refused, listener: Number(found?.[4]) } : null;
}

function refusedOf(dialled: string | undefined, error: string | undefined, path: string | undefined): Refused | null {
  if (Number(dialled) > MAX_PORT) return null;
  return { kind: error === ERROR_TEXT.noRoute ? 'route-not-found' : 'http-denied', dialled: Number(dialled), path: path ?? null };
}

/** Texts that were read before, also those that say nothing. */
function createPieces<T extends object>(parse: (text: string) => T | null): { read(text: string): T | null } {
  const known: Memo<T | false> = createMemo();
  return {
    read(text) {
      const says = known.get(text) ?? known.set(text, parse(ownCopy(text)) ?? false);
      return says === false ? null : says;
    },
  };
}
