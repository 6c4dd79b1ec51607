/**
 * Logs from Loki (grafana.com/docs/loki/latest/reference/loki-http-api/#query-logs-within-a-range-of-time), page by page. Loki keeps what a
 * node has forgotten: the lines of pods that are gone, and of all runs of a container.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Unavailable } from '../errors.ts';
import { PROXY_CONTAINER } from '../evidence/conventions.ts';
import type { Instant } from '../policy/resource.ts';
import { showInstant } from '../policy/time.ts';
import type { LogBounds, Logs, ProxyPod } from '../ports.ts';
import type { Upstream } from './upstream.ts';
import { errorOf } from './upstream-faults.ts';
import { fields, liar, parseAnswer } from './upstream-json.ts';
import { type Logql, streamSelector } from './upstream-logql.ts';

export interface LokiOptions {
  readonly upstream: Upstream;
  /** What the collector calls them. */
  readonly labels: { readonly namespace: string; readonly pod: string; readonly container: string };
  readonly now: () => Instant;
  /** Milliseconds between two looks when following. */
  readonly every: number;
}

/** Loki's own limit of an answer (`max_entries_limit_per_query`) where nobody changed it. */
const PAGE = 5000;
/** Loki's own limit of a query's length is 30 days; without a start, so much is asked for. */
const LONGEST = 24 * 3_600_000;
/** Collectors send what they read with a delay (ms): a follower asks again for so long. */
const LATE = 10_000;
const NANOSECONDS = 1_000_000n;
const encoder = new TextEncoder();

interface Entry {
  /** Nanoseconds since the Unix epoch. */
  readonly at: bigint;
  readonly line: string;
}

interface Page {
  readonly selector: Logql;
  /** Included. */
  readonly start: bigint;
  /** Not included. */
  readonly end: bigint;
  readonly limit: number;
  readonly direction: 'forward' | 'backward';
}

export function createLokiLogs({ upstream, labels, now, every }: LokiOptions): Logs {
  const { place } = upstream;

  async function entriesOf({ selector, start, end, limit, direction }: Page): Promise<readonly Entry[]> {
    const form = new Map([
      ['query', selector as string],
      ['start', String(start)],
      ['end', String(end)],
      ['limit', String(limit)],
      ['direction', direction],
    ]);
    const { status, text } = await upstream.ask({ method: 'get', path: '/loki/api/v1/query_range', form }, [400, 422]);
    if (status >= 300) throw refusal(status, text, place);
    const entries = readEntries(text, place);
    return entries.toSorted((a, b) => (a.at === b.at ? 0 : a.at < b.at === (direction === 'forward') ? -1 : 1));
  }

  /** The newest ones first, page by page towards the start. */
  async function newest(selector: Logql, { since, lines, bytes }: LogBounds): Promise<readonly Entry[]> {
    const kept: Entry[] = [];
    const at = now();
    const start = nanoseconds(since ?? at - LONGEST);
    let end = nanoseconds(at) + 1n;
    let size = 0;
    while (kept.length < lines && start < end) {
      const limit = Math.min(PAGE, lines - kept.length);
      const page = await entriesOf({ selector, start, end, limit, direction: 'backward' });
      for (const entry of page) {
        size += entry.line.length;
        if (size > bytes) return kept.reverse();
        kept.push(entry);
      }
      const last = page.at(-1);
      if (last === undefined || page.length < limit) break;
      // Entries of one nanosecond may lie on both sides of the edge of a page: more than a page of them cannot be told apart.
      end = pageEnd(page, last.at, end);
      while (kept.length > 0 && (kept.at(-1) as Entry).at < end) size -= (kept.pop() as Entry).line.length;
    }
    return kept.reverse();
  }

  const selectorOf = ({ namespace, pod }: ProxyPod) =>
    streamSelector([
      [labels.namespace, namespace],
      [labels.pod, pod],
      [labels.container, PROXY_CONTAINER],
    ]);

  return {
    place,
    async *read(pod, bounds) {
      if (bounds.previous) return;
      const entries = await newest(selectorOf(pod), bounds);
      for (let i = 0; i < entries.length; i += PAGE) yield textOf(entries.slice(i, i + PAGE));
    },
    async *follow(pod, since, signal) {
      const selector = selectorOf(pod);
      const seen = createSeen();
      let start = nanoseconds(since);
      while (!signal.aborted) {
        const end = nanoseconds(now()) + 1n;
        let page: readonly Entry[] = [];
        do {
          page = await entriesOf({ selector, start, end, limit: PAGE, direction: 'forward' });
          const fresh = page.filter((entry) => seen.add(entry));
          if (fresh.length > 0) yield textOf(fresh);
          const last = page.at(-1);
          if (page.length === PAGE && last !== undefined) start = last.at > start ? last.at : start + 1n;
        } while (page.length === PAGE && !signal.aborted);
        start = latest(start, end - BigInt(LATE) * NANOSECONDS);
        seen.forget(start);
        await sleep(every, undefined, { signal }).catch(() => undefined);
      }
    },
    close: () => upstream.close(),
  };
}

/** Where the next page back ends: with the nanosecond of the last entry once more, unless the whole page is of it. */
function pageEnd(page: readonly Entry[], last: bigint, end: bigint): bigint {
  const next = last + 1n;
  return next < end && page[0]?.at !== last ? next : last;
}

function latest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** Entries are asked for twice, since they come late and since a page may end within one nanosecond. */
function createSeen() {
  const seen = new Map<string, bigint>();
  return {
    add({ at, line }: Entry): boolean {
      const key = `${at} ${line}`;
      if (seen.has(key)) return false;
      seen.set(key, at);
      return true;
    },
    forget(before: bigint) {
      for (const [key, at] of seen) if (at < before) seen.delete(key);
    },
  };
}

function nanoseconds(at: Instant): bigint {
  return BigInt(Math.floor(at)) * NANOSECONDS;
}

/** An entry of several lines is several, of one time. */
function textOf(entries: readonly Entry[]): Uint8Array {
  let text = '';
  for (const { at, line } of entries) {
    const time = showNanoseconds(at);
    for (const one of line.replace(/\r?\n$/, '').split('\n')) text += `${time} ${one}\n`;
  }
  return encoder.encode(text);
}

function showNanoseconds(at: bigint): string {
  const milliseconds = Number(at / NANOSECONDS);
  return showInstant(milliseconds).replace('Z', `${String(at % NANOSECONDS).padStart(6, '0')}Z`);
}

function readEntries(text: string, place: string): readonly Entry[] {
  const data = fields(fields(parseAnswer(text, place))['data']);
  const result = data['result'];
  if (data['resultType'] !== 'streams' || !Array.isArray(result)) throw liar(place, 'answered with something else than log lines');
  return result.flatMap((stream) => {
    const values = fields(stream)['values'];
    return Array.isArray(values) ? values.flatMap(readEntry) : [];
  });
}

function readEntry(value: unknown): readonly Entry[] {
  if (!Array.isArray(value)) return [];
  const [at, line] = value as readonly unknown[];
  return typeof at === 'string' && /^\d{1,19}$/.test(at) && typeof line === 'string' ? [{ at: BigInt(at), line }] : [];
}

/** Loki answers its own refusals in plain text. */
function refusal(status: number, text: string, place: string): Unavailable {
  const plain = text.startsWith('<')
    ? ''
    : text
        .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
        .trim()
        .slice(0, 300);
  const words = errorOf(text) || plain;
  return new Unavailable(
    `${place} refuses the query (${status})${words === '' ? '' : `: ${words}`}.`,
    /no org id/i.test(words) ? 'It serves several tenants: set loki.tenant.' : 'Ask for a shorter time, or look at its limits.',
  );
}
