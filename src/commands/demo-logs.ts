/** Pushes the lines of a recording to a service as a collector would: pod by pod, soon after they were written, again while nobody takes them. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedLog } from '../drivers/recording.ts';
import { InvalidInput } from '../errors.ts';
import type { Instant } from '../policy/resource.ts';
import { showInstant } from '../policy/time.ts';

export interface LogPush {
  /** `at`: when the line is written, by the clock of now. */
  take(log: RecordedLog, at: Instant, text: string): void;
  /** Waits until the service takes requests. Rejects with the signal's reason. */
  ready(signal: AbortSignal): Promise<void>;
  /** Sends what is left, once. */
  close(): Promise<void>;
}

export interface LogPushOptions {
  /** `http://HOST:PORT` of the service. */
  readonly url: string;
  /** With a bearer token, read anew for each body; null: none is needed. */
  readonly tokenFile: string | null;
  /** A sentence for the person who started this. */
  readonly say: (sentence: string) => void;
}

interface Held {
  readonly log: RecordedLog;
  lines: string[];
  /** How many of them no later line belongs to: the two lines of one denial must not be parted. */
  whole: number;
  last: Instant;
  heardAt: number;
}

const EVERY = 250;
/** Lines that are further apart (ms) do not belong together. */
const APART = 100;
const MOST_LINES = 50_000;
/** Names go as headers. */
const HEADER = /^[\x21-\x7e]{1,253}$/;
const ANSWER = 10_000;

/** Errors: InvalidInput for an address that is none, or a token that cannot be read. */
export async function createLogPush({ url, tokenFile, say }: LogPushOptions): Promise<LogPush> {
  const base = baseOf(url);
  if (tokenFile !== null) await readToken(tokenFile);
  const pods = new Map<string, Held>();
  const stopped = new AbortController();
  const troubles = new Set<string>();
  let held = 0;

  /** Each once, until it is over. */
  function sayTrouble(sentence: string): void {
    if (!troubles.has(sentence)) say(sentence);
    troubles.add(sentence);
  }

  /** False: it has to be sent again. */
  async function post({ namespace, pod }: RecordedLog, body: string): Promise<boolean> {
    try {
      const token = tokenFile === null ? null : await readToken(tokenFile);
      const response = await fetch(`${base}/api/v1/logs`, {
        method: 'POST',
        redirect: 'error',
        signal: AbortSignal.timeout(ANSWER),
        headers: {
          'Content-Type': 'text/plain',
          'X-Denywhy-Pod': pod,
          ...(namespace === null ? {} : { 'X-Denywhy-Namespace': namespace }),
          ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
        },
        body,
      });
      await response.arrayBuffer();
      // What a service cannot place is nobody's: it will not take it a second time either.
      if (response.ok || response.status === 400) {
        troubles.clear();
        return true;
      }
      const remedy = response.status === 401 || response.status === 403 ? ': give a token of scope intake with --token-file' : '';
      sayTrouble(`${base} answers log lines with ${response.status}${remedy}; they are sent again.`);
    } catch (error) {
      if (error instanceof InvalidInput) sayTrouble(`${error.message} ${error.remedy}`);
      else sayTrouble(`${base} takes no log lines (${causeOf(error)}); they are sent again.`);
    }
    return false;
  }

  async function send(one: Held): Promise<void> {
    const count = Date.now() - one.heardAt >= EVERY ? one.lines.length : one.whole;
    if (count === 0 || !(await post(one.log, `${one.lines.slice(0, count).join('\n')}\n`))) return;
    one.lines = one.lines.slice(count);
    one.whole = Math.max(0, one.whole - count);
    held -= count;
  }

  const pushing = (async () => {
    while (!stopped.signal.aborted) {
      for (const one of pods.values()) await send(one);
      await sleep(EVERY, undefined, { signal: stopped.signal }).catch(() => {});
    }
  })();

  return {
    take(log, at, text) {
      if (!HEADER.test(log.pod) || !HEADER.test(log.namespace ?? log.pod)) {
        sayTrouble(`${log.file} is not sent: its name is none of a pod.`);
        return;
      }
      const known = pods.get(log.file) ?? { log, lines: [], whole: 0, last: at, heardAt: 0 };
      pods.set(log.file, known);
      if (held >= MOST_LINES) {
        sayTrouble(`${base} has taken no log lines for so long that ${MOST_LINES} wait; more are dropped.`);
        return;
      }
      if (at - known.last >= APART) known.whole = known.lines.length;
      known.lines.push(text);
      held++;
      [known.last, known.heardAt] = [at, Date.now()];
    },
    async ready(signal) {
      while (!(await isReady(base))) {
        sayTrouble(`waiting for ${base} to take requests`);
        await sleep(EVERY, undefined, { signal });
      }
      troubles.clear();
    },
    async close() {
      stopped.abort();
      await pushing;
      await Promise.all(
        [...pods.values()].filter(({ lines }) => lines.length > 0).map(({ log, lines }) => post(log, `${lines.join('\n')}\n`)),
      );
    },
  };
}

/** A line as it would have been written now: the times before its message are others, and a proxy's uptime runs as fast as the story. */
export function rebasedLine(text: string, rebase: (at: Instant) => Instant, speed: number): string {
  return text.replace(STAMPS, (_, stamp: string, gap: string, second: string | undefined, uptime: string | undefined, end = '') => {
    const now = (time: string) => {
      const at = Date.parse(time);
      return Number.isNaN(at) ? time : showInstant(Math.round(rebase(at)));
    };
    if (second !== undefined) return `${now(stamp)}${gap}${now(second)}`;
    if (uptime === undefined) return `${now(stamp)}${gap}`;
    return `${now(stamp)}${gap}[${(Number(uptime) / speed).toFixed(6).padStart(13)}s${end}`;
  });
}

const STAMP = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z`;
const STAMPS = new RegExp(String.raw`^(${STAMP})( ?)(?:(${STAMP})(?= )|\[ {0,12}(\d{1,12}\.\d{1,9})s(\]))?`);

async function isReady(base: string): Promise<boolean> {
  try {
    const response = await fetch(`${base}/readyz`, { redirect: 'error', signal: AbortSignal.timeout(ANSWER) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

function baseOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new InvalidInput(
      `--to ${text}: this is no address of a service.`,
      'Give http://HOST:PORT, as denywhy serve says it at its start.',
    );
  return url.href.replace(/\/$/, '');
}

/** Errors: InvalidInput, which shows no part of it. */
async function readToken(file: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new InvalidInput(`The token cannot be read (${code}).`, 'Give the file of a token of scope intake with --token-file.', { file });
  }
  if (!/^[\x21-\x7e]{1,4096}$/.test(text))
    throw new InvalidInput('This file holds no token.', 'It holds the token alone, on one line of printable ASCII.', { file });
  return text;
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : cause instanceof Error ? cause.message : String(cause);
}
