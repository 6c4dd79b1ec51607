/** `Remote proxy error` in a storm: spans that name few endpoints, the client's address, and one of few errors. */
import { ERROR_TEXT, MESSAGE, SPAN, TARGET } from './conventions.ts';
import type { Peer } from './facts.ts';
import { createMemo } from './log-memo.ts';
import { client, type Outcome, type Trouble } from './log-reading.ts';
import { looksLikeAddress, ownCopy } from './log-text.ts';

const CLIENT = '"client ';
const HEAD = new RegExp(
  `^\\] {2}INFO ThreadId\\(\\d{1,9}\\) ${SPAN.outbound}:[^"]*: ${TARGET.remoteError}: ${MESSAGE.remoteProxyError} error=$`,
);
const END = new RegExp(
  `^: server: [\\d.]+:\\d{1,5}: (?:${ERROR_TEXT.unauthorizedRoute}|${ERROR_TEXT.noRoute}|[a-z -]{1,40}: \\d{1,10}rps)"$`,
);
const QUOTE = 34;
const MAX_PORT = 65_535;

interface Known {
  readonly port: number | null;
  readonly peer: Peer;
}

export interface RemoteReader {
  /** The line that ends at `end`, of an event whose uptime ends at `start`. */
  read(text: string, start: number, end: number): Trouble | undefined;
  learn(content: string, start: number, outcome: Outcome): void;
}

export function createRemoteReader(): RemoteReader {
  /** By all that stands before the error. */
  const known = createMemo<Known>();
  const ends = createMemo<boolean>();
  let lastIp = '';
  let lastLength = 0;

  return {
    read(text, start, end) {
      // Heads of one Service are mostly of one length.
      const quote = text.charCodeAt(start + lastLength) === QUOTE ? start + lastLength : text.indexOf('"', start);
      const like = quote < end ? known.get(text.slice(start, quote)) : undefined;
      lastLength = quote - start;
      const address = quote + CLIENT.length;
      if (like === undefined || text.slice(quote, address) !== CLIENT) return undefined;
      const colon = text.indexOf(':', address);
      const portEnd = text.indexOf(':', colon + 1);
      if (portEnd < 0 || portEnd > end || portEnd - colon > 6) return undefined;
      const port = digits(text, colon + 1, portEnd);
      const rest = text.slice(portEnd, end);
      const isSimple = ends.get(rest) ?? ends.set(rest, END.test(rest));
      const ip = text.slice(address, colon);
      if (!isSimple || port < 0 || port > MAX_PORT) return undefined;
      if (ip !== lastIp) {
        if (!looksLikeAddress(ip)) return undefined;
        lastIp = ownCopy(ip);
      }
      const detail = ownCopy(text.slice(quote + 1, end - 1));
      return { type: 'trouble', kind: 'remote-proxy-error', port: like.port, client: client(lastIp, port, null), detail, peer: like.peer };
    },
    learn(content, start, outcome) {
      if (outcome === null || outcome === 'irrelevant' || outcome.type !== 'trouble' || outcome.peer === undefined) return;
      const head = content.slice(start, content.indexOf('"', start));
      if (HEAD.test(head)) known.set(head, { port: outcome.port, peer: outcome.peer });
    },
  };
}

/** -1: not all of them are digits, or there is none. */
function digits(text: string, start: number, end: number): number {
  let value = start < end ? 0 : -1;
  for (let i = start; i < end && value >= 0; i++) {
    const digit = text.charCodeAt(i) - 48;
    value = digit >= 0 && digit <= 9 ? value * 10 + digit : -1;
  }
  return value;
}
