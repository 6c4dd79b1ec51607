/**
 * The lines that come by the ten thousand in a denial storm, read without taking them apart: denials, their error responses, and the
 * client's `Remote proxy error`, plain and in JSON. What was read once is known again by comparing text, and the few parts that change
 * from request to request are cut out. What fits not exactly is left to the general reader, whose results these must equal.
 */
import type { Instant } from '../policy/resource.ts';
import { FIELD, SPAN } from './conventions.ts';
import { createMemo } from './log-memo.ts';
import { client, type Outcome, type Refusal } from './log-reading.ts';
import { createFailureReader } from './log-storm-failure.ts';
import { createRemoteReader } from './log-storm-remote.ts';
import { createTimestampReader, looksLikeAddress, ownCopy, plainIp, readSocketAddress } from './log-text.ts';

const CLIENT_IP = ` ${FIELD.clientIp}=`;
const CLIENT = ` ${FIELD.client}=`;
const JSON_HEAD = '{"timestamp":"';
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const QUOTE = 34;
const LETTER_O = 111;
const LETTER_S = 115;
/** `[`, at most 24 characters, `s`. */
const MAX_UPTIME = 26;
/** `[`, one character, `s`. */
const MIN_UPTIME = 3;
const MAX_IRRELEVANT = 400;

export interface StormReader {
  /** The event between `from` and `end`; undefined: read it in the general way and tell what came of it. */
  read(text: string, from: number, end: number): Outcome | undefined;
  /** The own time of the event that was read; null in the plain format. */
  at: Instant | null;
  learn(content: string, outcome: Outcome): void;
}

export function createStormReader(): StormReader {
  /** By all that follows the uptime or the time. */
  const whole = createMemo<Outcome>();
  /** By what stands between the uptime and the client's address, the name of its field included. */
  const refusals = createMemo<Refusal>();
  const failures = createFailureReader();
  const remotes = createRemoteReader();
  const timestamps = createTimestampReader();

  function readRefusal(rest: string): Refusal | undefined {
    const addrAt = addressIn(rest);
    const known = addrAt < 0 ? undefined : refusals.get(rest.slice(0, addrAt));
    if (known === undefined) return undefined;
    const text = ownCopy(rest.slice(addrAt));
    const isIp = known.client.port === null;
    const address = !isIp ? readSocketAddress(text) : looksLikeAddress(text) ? { ip: plainIp(text), port: null } : null;
    if (address === null) return undefined;
    const refusal = { ...known, client: client(address.ip, address.port, known.client.tls) };
    if (address.port === null) whole.set(rest, refusal);
    return refusal;
  }

  function readPlain(text: string, from: number, end: number): Outcome | undefined {
    const start = uptimeEndOf(text, from);
    if (start < 0 || start >= end) return undefined;
    const last = text.charCodeAt(end - 1);
    if (last !== QUOTE && last !== CLOSE_BRACKET) {
      const rest = text.slice(start, end);
      return whole.get(rest) ?? readRefusal(rest);
    }
    // `]  INFO ThreadId(01) outbound:`
    return text.charCodeAt(start + 21) === LETTER_O ? remotes.read(text, start, end) : failures.plain(text, start, end);
  }

  function readJson(text: string, from: number, end: number): Outcome | undefined {
    if (text.charCodeAt(from + JSON_HEAD.length - 1) !== QUOTE) return undefined;
    const start = timestamps.read(text, from + JSON_HEAD.length);
    if (start < 0 || start >= end || text.slice(from, from + JSON_HEAD.length) !== JSON_HEAD) return undefined;
    const outcome = failures.json(text, start, end) ?? whole.get(text.slice(start, end));
    if (outcome !== undefined) reader.at = timestamps.instant;
    return outcome;
  }

  const reader: StormReader = {
    at: null,
    read(text, from, end) {
      const first = text.charCodeAt(from);
      reader.at = null;
      return first === OPEN_BRACKET ? readPlain(text, from, end) : first === OPEN_BRACE ? readJson(text, from, end) : undefined;
    },
    learn(content, outcome) {
      const isJson = content.charCodeAt(0) === OPEN_BRACE;
      const start = isJson ? timestamps.read(content, JSON_HEAD.length) : uptimeEndOf(content, 0);
      if (start < 0 || outcome === null) return;
      if (outcome === 'irrelevant') {
        if (content.length - start < MAX_IRRELEVANT) whole.set(content.slice(start), outcome);
      } else if (outcome.type === 'refusal') learnRefusal(content, start, outcome, isJson);
      else if (!isJson) remotes.learn(content, start, outcome);
    },
  };

  /** Plain: only where the client's address is the last field, and the sole thing that tells it. */
  function learnRefusal(line: string, start: number, refusal: Refusal, isJson: boolean): void {
    if (isJson) {
      if (refusal.client.port === null) whole.set(line.slice(start), refusal);
      return;
    }
    if (line.includes(`${SPAN.accept}{`)) return;
    const addrAt = addressIn(line);
    if (addrAt > 0 && !line.includes(' ', addrAt)) refusals.set(line.slice(start, addrAt), refusal);
  }

  return reader;
}

/** Where the client's address begins, behind the name of its field; -1: no such field. */
function addressIn(line: string): number {
  const ipAt = line.lastIndexOf(CLIENT_IP);
  if (ipAt >= 0) return ipAt + CLIENT_IP.length;
  const addrAt = line.lastIndexOf(CLIENT);
  return addrAt < 0 ? -1 : addrAt + CLIENT.length;
}

/** Index of the bracket that closes `[     1.000002s]` at `from`, the first there is; -1: none, or no such text before it. */
function uptimeEndOf(line: string, from: number): number {
  if (line.charCodeAt(from) !== OPEN_BRACKET) return -1;
  const end = line.indexOf(']', from);
  return end - from >= MIN_UPTIME && end - from <= MAX_UPTIME && line.charCodeAt(end - 1) === LETTER_S ? end : -1;
}
