/** Follows the logs of many proxies: one stream each, opened again from where it was left, for as long as its pod is there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Unavailable } from '../errors.ts';
import type { Fact } from '../evidence/facts.ts';
import { createLogParser, type LogParser } from '../evidence/log.ts';
import { readBlocks } from '../evidence/log-lines.ts';
import type { Instant } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';
import type { Logs, ProxyPod } from '../ports.ts';
import { type Compactor, createCompactor } from '../triage/compact.ts';
import { lastTimeOf, laterTime, linesAfter } from './proxy-log.ts';

export interface TailOptions {
  /** Streams at a time. */
  readonly most: number;
  /** Of the newest line that was read of this pod before, as it was written; null: none. Errors: Unavailable. */
  readonly position: (pod: ProxyPod) => Promise<string | null>;
  readonly complain: (fault: Unavailable, pod: ProxyPod) => void;
  readonly now: () => Instant;
  readonly signal: AbortSignal;
}

/** What one log said since it was settled last. */
export interface Settled {
  readonly pod: ProxyPod;
  readonly facts: readonly Fact[];
  /** Facts that found no room. */
  readonly lost: number;
  /** The position that they begin at, and the time of the newest line that they stand for, as it was written; null: none. */
  readonly from: string | null;
  readonly time: string | null;
}

export interface Tails {
  /** Follows these, and no others: from the position of each, or from `since`. */
  see(pods: readonly ProxyPod[], since: Instant): void;
  /** The logs that said something, once their lines are complete. */
  settle(): readonly Settled[];
  /** What was settled of it was not saved: it is read again from its position, once it is seen again. */
  restart(pod: ProxyPod): void;
  readonly size: number;
}

/** Lines of one denial come within microseconds of each other (ms). */
const MOMENT = 300;
/** A log that never pauses is settled after so long (ms). */
const LONGEST = 5000;
const PAUSE = { least: 1000, most: 60_000 } as const;
/** Different facts of one log between two settlings. */
const MOST_FACTS = 2000;

interface Tail {
  readonly pod: ProxyPod;
  readonly stop: AbortController;
  parser: LogParser | null;
  facts: Compactor;
  lost: number;
  pushedAt: number;
  settledAt: number;
  /** Of the newest line that was read, and of the newest that was settled. */
  time: string | null;
  settled: string | null;
}

export function createTails(logs: Logs, { most, position, complain, now, signal }: TailOptions): Tails {
  const tails = new Map<string, Tail>();
  const nameOf = ({ namespace, pod }: ProxyPod) => `${namespace}/${pod}`;
  const add = (tail: Tail, facts: readonly Fact[]) => {
    for (const fact of facts) if (!tail.facts.add(fact)) tail.lost += fact.count;
  };

  /** One stream, to its end. */
  async function read(tail: Tail, since: Instant, own: AbortSignal): Promise<void> {
    const { pod, time } = tail;
    const parser = createLogParser({
      name: nameOf(pod),
      reporter: { cluster: '', namespace: pod.namespace, pod: pod.pod, workload: null },
    });
    tail.parser = parser;
    let isPast = time !== null;
    try {
      for await (const block of readBlocks(logs.follow(pod, since, own))) {
        const fresh = isPast && time !== null ? linesAfter(block, time) : block;
        if (fresh === null) continue;
        isPast = false;
        add(tail, parser.push(fresh));
        tail.time = laterTime(tail.time, lastTimeOf(fresh));
        tail.pushedAt = performance.now();
      }
    } finally {
      add(tail, parser.flush());
      tail.parser = null;
    }
  }

  async function follow(tail: Tail, from: Instant): Promise<void> {
    const own = AbortSignal.any([signal, tail.stop.signal]);
    let pause: number = PAUSE.least;
    let since = from;
    while (!own.aborted) {
      const begin = now();
      try {
        if (tail.time === null) {
          tail.time = await position(tail.pod);
          tail.settled = tail.time;
        }
        await read(tail, tail.time === null ? since : (parseInstant(tail.time) ?? since), own);
        pause = PAUSE.least;
        since = begin;
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        if (!own.aborted) complain(error, tail.pod);
        pause = Math.min(PAUSE.most, pause * 2);
      }
      await sleep(pause, undefined, { signal: own }).catch(() => undefined);
    }
  }

  return {
    get size() {
      return tails.size;
    },
    see(pods, since) {
      const present = new Map(pods.map((pod) => [nameOf(pod), pod]));
      for (const [name, { stop }] of tails) {
        if (present.has(name)) continue;
        stop.abort();
        tails.delete(name);
      }
      for (const [name, { namespace, pod }] of present) {
        if (tails.has(name) || tails.size >= most) continue;
        const tail: Tail = {
          ...{ pod: { namespace, pod }, stop: new AbortController(), parser: null, facts: createCompactor(MOST_FACTS), lost: 0 },
          ...{ pushedAt: performance.now(), settledAt: performance.now(), time: null, settled: null },
        };
        tails.set(name, tail);
        void follow(tail, since);
      }
    },
    restart(pod) {
      tails.get(nameOf(pod))?.stop.abort();
      tails.delete(nameOf(pod));
    },
    settle() {
      return [...tails.values()].flatMap((tail): Settled[] => {
        const at = performance.now();
        if (at - tail.pushedAt < MOMENT && at - tail.settledAt < LONGEST) return [];
        if (tail.parser !== null) add(tail, tail.parser.flush());
        const { pod, facts, lost, time, settled } = tail;
        Object.assign(tail, { facts: createCompactor(MOST_FACTS), lost: 0, settledAt: at });
        if (facts.count === 0) return [];
        tail.settled = time;
        return [{ pod, facts: facts.all(), lost, from: settled, time }];
      });
    },
  };
}
