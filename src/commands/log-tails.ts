/** Follows the logs of many proxies: one stream each, opened again from where it was left, for as long as its pod is there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Unavailable } from '../errors.ts';
import type { Fact } from '../evidence/facts.ts';
import { createLogParser, type LogParser } from '../evidence/log.ts';
import { readBlocks } from '../evidence/log-lines.ts';
import type { Instant } from '../policy/resource.ts';
import type { Logs, ProxyPod } from '../ports.ts';
import { lastTimeOf, linesAfter } from './proxy-log.ts';

export interface TailOptions {
  /** Streams at a time. */
  readonly most: number;
  readonly take: (fact: Fact, pod: ProxyPod) => void;
  readonly complain: (fault: Unavailable, pod: ProxyPod) => void;
  readonly now: () => Instant;
  readonly signal: AbortSignal;
}

export interface Tails {
  /** Follows these from `since` on, and no others. */
  see(pods: readonly ProxyPod[], since: Instant): void;
  /** Facts that waited for lines which did not come within a moment. */
  settle(): void;
  readonly size: number;
}

/** Lines of one denial come within microseconds of each other (ms). */
const MOMENT = 300;
const PAUSE = { least: 1000, most: 60_000 } as const;

interface Tail {
  readonly pod: ProxyPod;
  readonly stop: AbortController;
  parser: LogParser | null;
  pushedAt: number;
  lastTime: string | null;
}

export function createTails(logs: Logs, { most, take, complain, now, signal }: TailOptions): Tails {
  const tails = new Map<string, Tail>();
  const nameOf = ({ namespace, pod }: ProxyPod) => `${namespace}/${pod}`;

  /** One stream, to its end. */
  async function read(tail: Tail, since: Instant, own: AbortSignal): Promise<void> {
    const { pod, lastTime } = tail;
    const parser = createLogParser({
      name: nameOf(pod),
      reporter: { cluster: '', namespace: pod.namespace, pod: pod.pod, workload: null },
    });
    tail.parser = parser;
    let isPast = lastTime !== null;
    for await (const block of readBlocks(logs.follow(pod, since, own))) {
      const fresh = isPast && lastTime !== null ? linesAfter(block, lastTime) : block;
      if (fresh === null) continue;
      isPast = false;
      tail.lastTime = lastTimeOf(fresh) ?? tail.lastTime;
      tail.pushedAt = performance.now();
      for (const fact of parser.push(fresh)) take(fact, pod);
    }
    for (const fact of parser.flush()) take(fact, pod);
    tail.parser = null;
  }

  async function follow(tail: Tail, from: Instant): Promise<void> {
    const own = AbortSignal.any([signal, tail.stop.signal]);
    let since = from;
    let pause: number = PAUSE.least;
    while (!own.aborted) {
      const begin = now();
      try {
        await read(tail, since, own);
        since = begin;
        pause = PAUSE.least;
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
        const tail: Tail = { pod: { namespace, pod }, stop: new AbortController(), parser: null, pushedAt: 0, lastTime: null };
        tails.set(name, tail);
        void follow(tail, since);
      }
    },
    settle() {
      for (const { parser, pushedAt, pod } of tails.values()) {
        if (parser === null || performance.now() - pushedAt < MOMENT) continue;
        for (const fact of parser.flush()) take(fact, pod);
      }
    },
  };
}
