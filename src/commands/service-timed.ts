/** What time causes: one process of all does it, under a lease that another takes over when it is gone. */
import { randomUUID } from 'node:crypto';
import type { Instant } from '../policy/resource.ts';
import type { Store } from '../ports.ts';
import type { Logger, Metrics } from '../telemetry.ts';
import type { Intake } from '../triage/intake.ts';
import { resolveQuiet, retain, sweep, type TimedOptions } from '../triage/timed.ts';

export interface TimedWork {
  /** True while this process does it. */
  isLeader(): boolean;
  stop(): Promise<void>;
}

export interface TimedWorkOptions extends TimedOptions {
  readonly store: Store;
  readonly intake: Intake;
  /** Milliseconds after which facts no longer wait for the workload of their pod. */
  readonly waitMilliseconds: number;
  readonly now: () => Instant;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Milliseconds between two rounds. */
  readonly every: number;
}

/** The lease of the one process that does it. */
export const LEADER = 'leader';
/** Retention goes on in the next round. */
const MOST_RETAIN_STEPS = 20;
/** What was saved and not queued is looked for after so long (ms): a queue takes a moment. */
const LOST_AFTER = 10_000;

export function startTimedWork(options: TimedWorkOptions): TimedWork {
  const { store, intake, now, logger, metrics, every } = options;
  const holder = randomUUID();
  let isStopped = false;
  let isLeader = false;
  let timer: NodeJS.Timeout | undefined;

  const works: readonly (readonly [name: string, run: () => Promise<unknown>])[] = [
    ['sweep', () => sweep(options, now() - LOST_AFTER)],
    ['settle', () => intake.settle(now() - options.waitMilliseconds)],
    ['resolve', () => resolveQuiet(options, now())],
    ['retain', () => retainAll(options, now)],
  ];

  async function round(): Promise<void> {
    try {
      const leads = await store.lease(LEADER, holder, 3 * every + 10_000);
      if (leads !== isLeader)
        logger.info({ holder, leads }, leads ? 'this process does the timed work' : 'another process does the timed work');
      isLeader = leads;
    } catch (error) {
      isLeader = false;
      metrics.timedFaults.inc({ work: 'lease' });
      logger.debug({ error }, 'the lease cannot be had');
    }
    metrics.leader.set(isLeader ? 1 : 0);
    for (const [name, run] of isLeader ? works : []) {
      if (isStopped) return;
      try {
        await run();
      } catch (error) {
        metrics.timedFaults.inc({ work: name });
        logger.warn({ work: name, error }, 'timed work failed and is tried again');
      }
    }
  }

  function schedule(): void {
    timer = setTimeout(() => {
      running = round().finally(() => {
        if (!isStopped) schedule();
      });
    }, every);
  }
  let running = round().finally(() => {
    if (!isStopped) schedule();
  });

  return {
    isLeader: () => isLeader && !isStopped,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
      if (isLeader) await store.release(LEADER, holder).catch(() => undefined);
    },
  };
}

async function retainAll(options: TimedOptions, now: () => Instant): Promise<void> {
  for (let step = 0; step < MOST_RETAIN_STEPS; step++) if ((await retain(options, now())) === 0) return;
}
