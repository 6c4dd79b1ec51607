/** One proxy's log, read into facts: its present run, and the one before where that one still says something. */
import { Unavailable } from '../errors.ts';
import type { Fact } from '../evidence/facts.ts';
import { createLogParser, type LogStats } from '../evidence/log.ts';
import { readBlocks } from '../evidence/log-lines.ts';
import type { Instant } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';
import type { LogBounds, Logs, ProxyPod } from '../ports.ts';

export interface ProxyLogRead {
  /** `NAMESPACE/POD`. */
  readonly name: string;
  readonly stats: LogStats;
  /** Lines of an earlier run of the container are among them. */
  readonly hasPrevious: boolean;
  /** A limit was met: what it left out. */
  readonly cut: 'oldest' | 'newest' | null;
  /** Time of the newest line, as it was written; null: there was none. */
  readonly lastTime: string | null;
}

export interface ReadOptions {
  readonly bounds: Omit<LogBounds, 'previous'>;
  /** Lines up to this one, by its time as it was written, are left out; null: none. */
  readonly after: string | null;
  readonly add: (fact: Fact) => void;
}

/** Errors: Unavailable, where the present run cannot be read. */
export async function readProxyLog(logs: Logs, pod: ProxyPod, { bounds, after, add }: ReadOptions): Promise<ProxyLogRead> {
  const name = `${pod.namespace}/${pod.pod}`;
  const read = createReading(name, pod, after, add);
  const current = await read(logs.read(pod, { ...bounds, previous: false }));
  const isCut = current.lines >= bounds.lines;
  const mayHaveMore = bounds.since !== null && !isCut && (current.firstAt === null || current.firstAt > bounds.since + START_SLACK);
  const before = mayHaveMore ? await read.previous(logs.read(pod, { ...bounds, previous: true })) : 0;
  return {
    name,
    stats: read.stats,
    hasPrevious: before > 0,
    cut: current.bytes >= bounds.bytes ? 'newest' : isCut ? 'oldest' : null,
    lastTime: current.lastTime,
  };
}

/** A proxy writes its first lines within so long (ms). */
const START_SLACK = 2000;

interface Run {
  readonly lines: number;
  readonly bytes: number;
  readonly firstAt: Instant | null;
  readonly lastTime: string | null;
}

interface Reading {
  (chunks: AsyncIterable<Uint8Array>): Promise<Run>;
  /** Lines of the run before; none where there was none. */
  previous(chunks: AsyncIterable<Uint8Array>): Promise<number>;
  readonly stats: LogStats;
}

function createReading(name: string, { namespace, pod }: ProxyPod, after: string | null, add: (fact: Fact) => void): Reading {
  const reporter = { cluster: '', namespace, pod, workload: null };
  const stats: LogStats = { lines: 0, parsed: 0, irrelevant: 0, unparsed: 0, oversized: 0, samples: [] };

  async function run(chunks: AsyncIterable<Uint8Array>): Promise<Run> {
    const parser = createLogParser({ name, reporter });
    let [lines, bytes] = [0, 0];
    let [firstTime, lastTime]: [string | null, string | null] = [null, null];
    let isPast = after !== null;
    const counted = async function* () {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        yield chunk;
      }
    };
    for await (const block of readBlocks(counted())) {
      lines += countLines(block);
      firstTime ??= timeOf(block, 0);
      lastTime = laterTime(lastTime, lastTimeOf(block));
      const fresh = isPast && after !== null ? linesAfter(block, after) : block;
      if (fresh === null) continue;
      isPast = false;
      for (const fact of parser.push(fresh)) add(fact);
    }
    for (const fact of parser.flush()) add(fact);
    addStats(stats, parser.stats);
    return { lines, bytes, firstAt: firstTime === null ? null : parseInstant(firstTime), lastTime };
  }

  return Object.assign(run, {
    stats,
    async previous(chunks: AsyncIterable<Uint8Array>) {
      try {
        return (await run(chunks)).lines;
      } catch (error) {
        if (error instanceof Unavailable) return 0;
        throw error;
      }
    },
  });
}

function countLines(block: string): number {
  let lines = 1;
  for (let at = block.indexOf('\n'); at >= 0; at = block.indexOf('\n', at + 1)) lines++;
  return lines;
}

const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z(?= )/y;

/** The time in front of the line that begins there, as it was written. */
function timeOf(block: string, start: number): string | null {
  TIME.lastIndex = start;
  const found = TIME.exec(block)?.[0] ?? null;
  // A copy: a part would keep the whole block.
  return found === null ? null : ` ${found}`.slice(1);
}

/** Of the last of these lines; null: it has none. */
export function lastTimeOf(block: string): string | null {
  return timeOf(block, block.lastIndexOf('\n') + 1);
}

/** The later of two times as they were written. */
export function laterTime(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return sortable(a) < sortable(b) ? b : a;
}

/** From the first line that is later; null: none is. Lines stand in order of time. */
export function linesAfter(block: string, after: string): string | null {
  const from = sortable(after);
  for (let start = 0; start <= block.length; ) {
    const time = timeOf(block, start);
    if (time !== null && sortable(time) > from) return block.slice(start);
    const end = block.indexOf('\n', start);
    if (end < 0) break;
    start = end + 1;
  }
  return null;
}

/** Kubernetes leaves out zeros at the end of a fraction. */
function sortable(time: string): string {
  const [whole = '', fraction = ''] = time.slice(0, -1).split('.');
  return `${whole}.${fraction.padEnd(9, '0')}`;
}

const MOST_SAMPLES = 5;

function addStats(sum: LogStats, stats: Readonly<LogStats>): void {
  for (const key of ['lines', 'parsed', 'irrelevant', 'unparsed', 'oversized'] as const) sum[key] += stats[key];
  sum.samples.push(...stats.samples.slice(0, MOST_SAMPLES - sum.samples.length));
}
