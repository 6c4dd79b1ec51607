/**
 * The lines that come by the ten thousand in a denial storm, read without taking them apart: denials, their error responses, and the
 * client's `Remote proxy error`, in the plain format. What fits not exactly is left to the general reader, whose results these must equal.
 */
import { ERROR_TEXT, FIELD, INBOUND_PORT, MESSAGE, SPAN, TARGET } from './conventions.ts';
import { createMemo } from './log-memo.ts';
import { client, type Failure, type Outcome, type Refusal, type Trouble } from './log-reading.ts';
import { looksLikeAddress, plainIp, readSocketAddress } from './log-text.ts';

const HEAD = '\\] {2}INFO ThreadId\\(\\d+\\) ';
const NO_ROUTE = `${ERROR_TEXT.noRoute} error\\.sources=\\[${ERROR_TEXT.noRoute}\\]`;
const UNAUTHORIZED = `${ERROR_TEXT.unauthorizedRoute} error\\.sources=\\[${ERROR_TEXT.unauthorizedRoute}\\]`;
/** IPv4, and no control characters or escapes. It is only tested, since captures cost more than the match: once it fits, every part's place follows. */
const FAILURE = new RegExp(
  `${HEAD}inbound:${SPAN.server}\\{port=\\d{1,5}\\}:${SPAN.rescue}\\{client\\.addr=([\\d.]+:\\d{1,5})\\}: ${TARGET.respond}: (?:HTTP/\\d\\.\\d|gRPC) ` +
    `${MESSAGE.requestFailed} error=client \\1: server: [\\d.]+:\\d{1,5}: (?:${UNAUTHORIZED}|${NO_ROUTE})` +
    '(?: path="[^"\\\\\\x00-\\x1f\\x7f]*")?$',
  'y',
);
const RESPOND = `: ${TARGET.respond}: `;
const FAILED = ` ${MESSAGE.requestFailed} error=client `;
const SERVER_PORT = `inbound:${SPAN.server}{port=`;
const RESCUE = `:${SPAN.rescue}{client.addr=`;
const TO_SERVER = ': server: ';
const NO_ROUTE_LENGTH = NO_ROUTE.replaceAll('\\', '').length;
const UNAUTHORIZED_LENGTH = UNAUTHORIZED.replaceAll('\\', '').length;
const PATH = ' path="';
/** A capture each: everything up to the error, the error, client's address and port. */
const REMOTE = new RegExp(
  `${HEAD}(${SPAN.outbound}:[^"]*)"(client ([\\d.]+):(\\d{1,5}): server: [\\d.]+:\\d{1,5}: [^"\\\\\\x00-\\x1f\\x7f]*)"$`,
  'y',
);
const CLIENT_IP = ` ${FIELD.clientIp}=`;
const CLIENT = ` ${FIELD.client}=`;
const HEAD_LENGTH = ']  INFO ThreadId('.length;
const OPEN_BRACKET = 91;
const COLON = 58;
const LETTER_G = 103;
const LETTER_N = 110;
const LETTER_S = 115;
const QUOTE = 34;
const BRACKET = 93;
const MAX_IRRELEVANT = 400;
const MAX_PORT = 65_535;
/** `[`, 24 characters, `s`. */
const MAX_UPTIME = 26;
const INBOUND_TEXT = String(INBOUND_PORT);

export interface StormReader {
  /** The event at `from`; undefined: read it in the general way and tell what came of it. */
  read(line: string, from: number): Outcome | undefined;
  learn(content: string, outcome: Outcome): void;
}

export function createStormReader(): StormReader {
  /** By all that follows the uptime. */
  const whole = createMemo<Outcome>();
  /** By what stands between the uptime and the client's address. */
  const refusals = createMemo<Refusal>();
  /** By the spans, target and message of `Remote proxy error`. */
  const remotes = createMemo<Trouble>();

  function readRefusal(line: string, uptimeEnd: number): Refusal | undefined {
    const ipAt = line.lastIndexOf(CLIENT_IP);
    const addrAt = ipAt < 0 ? line.lastIndexOf(CLIENT) : ipAt;
    const known = addrAt < 0 ? undefined : refusals.get(line.slice(uptimeEnd, addrAt));
    if (known === undefined) return undefined;
    const text = line.slice(addrAt + (ipAt < 0 ? CLIENT : CLIENT_IP).length);
    const address = ipAt < 0 ? readSocketAddress(text) : looksLikeAddress(text) ? { ip: plainIp(text), port: null } : null;
    if (address === null) return undefined;
    const refusal = { ...known, client: client(address.ip, address.port, known.client.tls) };
    if (address.port === null) whole.set(line.slice(uptimeEnd), refusal);
    return refusal;
  }

  function readRemote(line: string, uptimeEnd: number): Trouble | undefined {
    REMOTE.lastIndex = uptimeEnd;
    const found = REMOTE.exec(line);
    const known = found === null ? undefined : remotes.get(found[1] as string);
    if (found === null || known === undefined || Number(found[4]) > MAX_PORT) return undefined;
    return { ...known, client: client(found[3] as string, Number(found[4]), null), detail: found[2] as string };
  }

  return {
    read(line, from) {
      const uptimeEnd = line.charCodeAt(from) === OPEN_BRACKET ? line.indexOf(']', from) : -1;
      if (uptimeEnd < 0 || uptimeEnd - from > MAX_UPTIME || line.charCodeAt(uptimeEnd - 1) !== LETTER_S) return undefined;
      const last = line.charCodeAt(line.length - 1);
      if (last === QUOTE || last === BRACKET) return readFailure(line, uptimeEnd) ?? readRemote(line, uptimeEnd);
      return whole.get(line.slice(uptimeEnd)) ?? readRefusal(line, uptimeEnd);
    },
    learn(line, outcome) {
      const uptimeEnd = line.charCodeAt(0) === OPEN_BRACKET ? line.indexOf(']') : -1;
      if (uptimeEnd < 0) return;
      if (outcome === 'irrelevant' && line.length - uptimeEnd < MAX_IRRELEVANT) whole.set(line.slice(uptimeEnd), outcome);
      if (outcome === null || outcome === 'irrelevant') return;
      if (outcome.type === 'refusal') learnRefusal(line, uptimeEnd, outcome);
      if (outcome.type !== 'trouble' || outcome.kind !== 'remote-proxy-error') return;
      REMOTE.lastIndex = uptimeEnd;
      const found = REMOTE.exec(line);
      if (found !== null) remotes.set(found[1] as string, outcome);
    },
  };

  /** Only where the client's address is the last field, and the sole thing that tells the client's address. */
  function learnRefusal(line: string, uptimeEnd: number, refusal: Refusal): void {
    if (line.includes(`${SPAN.accept}{`)) return;
    const ipAt = line.lastIndexOf(CLIENT_IP);
    const addrAt = ipAt < 0 ? line.lastIndexOf(CLIENT) : ipAt;
    if (addrAt > 0 && !line.includes(' ', addrAt + 1)) refusals.set(line.slice(uptimeEnd, addrAt), refusal);
  }
}

function readFailure(line: string, uptimeEnd: number): Failure | undefined {
  FAILURE.lastIndex = uptimeEnd;
  if (!FAILURE.test(line)) return undefined;
  const listenerStart = line.indexOf(' ', uptimeEnd + HEAD_LENGTH) + 1 + SERVER_PORT.length;
  const listenerEnd = line.indexOf('}', listenerStart);
  const clientStart = listenerEnd + 1 + RESCUE.length;
  const clientEnd = line.indexOf('}', clientStart);
  const clientColon = colonBefore(line, clientEnd);
  const version = clientEnd + 1 + RESPOND.length;
  const grpc = line.charCodeAt(version) === LETTER_G;
  const versionEnd = version + (grpc ? 'gRPC'.length : 'HTTP/2.0'.length);
  // IPv4 addresses print the same in the span and in the error.
  const dialledEnd = line.indexOf(' ', versionEnd + FAILED.length + clientEnd - clientStart + TO_SERVER.length) - 1;
  const noRoute = line.charCodeAt(dialledEnd + 2) === LETTER_N;
  const path = dialledEnd + 2 + (noRoute ? NO_ROUTE_LENGTH : UNAUTHORIZED_LENGTH) + PATH.length;
  const port = portOf(line.slice(listenerStart, listenerEnd)) ?? portOf(line.slice(colonBefore(line, dialledEnd) + 1, dialledEnd));
  const clientPort = Number(line.slice(clientColon + 1, clientEnd));
  if (clientPort > MAX_PORT || (port !== null && port > MAX_PORT)) return undefined;
  return {
    type: 'failure',
    kind: noRoute ? 'route-not-found' : 'http-denied',
    ip: line.slice(clientStart, clientColon),
    clientPort,
    port,
    admin: false,
    server: null,
    request: {
      version: grpc ? null : line.slice(version, versionEnd),
      method: null,
      path: path < line.length ? line.slice(path, -1) : null,
      authority: null,
      grpc,
    },
    error: null,
  };
}

/** The colon in front of the port that ends at `end`; there is one. */
function colonBefore(line: string, end: number): number {
  let at = end - 2;
  while (line.charCodeAt(at) !== COLON) at--;
  return at;
}

/** null for the inbound listener, which is no application's port. */
function portOf(digits: string): number | null {
  return digits === INBOUND_TEXT ? null : Number(digits);
}
