/** Lets a recording happen again: each event when it is due, from a time of now on, faster than recorded if that is asked for. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedEvent, Recording } from '../drivers/recording.ts';
import { LABEL, METRIC } from '../evidence/conventions.ts';
import type { Instant } from '../policy/resource.ts';
import { keyOf, type PodTargets, podKey } from './demo-pages.ts';

/** What has to be known of a recording before it is played. */
export interface Cast {
  /** The first event that has a time. */
  readonly from: Instant;
  readonly to: Instant;
  /** Pods of the policy history that were scraped. */
  readonly pods: PodTargets;
}

/** How the recording's time is turned into that of now. */
export interface Rebased {
  /** When the first event happens. */
  readonly origin: Instant;
  readonly from: Instant;
  readonly speed: number;
}

/** Labels that tell where a series was scraped, in a recording without `up`. */
const TARGET_LABELS = [LABEL.job, LABEL.namespace, LABEL.pod, LABEL.instance];
/** Events that are due within so long happen together (ms). */
const TOGETHER = 50;

/** Reads all of it once. Errors: InvalidInput; null where nothing in it has a time. */
export async function castOf(recording: Recording): Promise<Cast | null> {
  const known = new Set<string>();
  const pods = new Map<string, ReadonlyMap<string, string>>();
  let [from, to]: [Instant | null, Instant] = [null, 0];
  for await (const event of recording.events()) {
    if (event.at !== null) {
      from ??= event.at;
      to = event.at;
    }
    if (event.kind === 'policy') {
      const { kind, metadata } = event.change.resource;
      if (kind === 'Pod') known.add(podKey(metadata.namespace, metadata.name));
    } else if (event.kind === 'samples')
      for (const { metric, labels } of event.samples) {
        const key = keyOf(labels);
        if (!known.has(key)) continue;
        if (metric === METRIC.up) pods.set(key, labels);
        else if (!pods.has(key)) pods.set(key, new Map([...labels].filter(([name]) => TARGET_LABELS.some((wanted) => wanted === name))));
      }
  }
  return from === null ? null : { from, to, pods };
}

export function rebase({ origin, from, speed }: Rebased, at: Instant): Instant {
  return origin + (at - from) / speed;
}

/** `take`: an event happens; `pause`: nothing is due for a moment. Rejects with the signal's reason when that is given. Errors: InvalidInput. */
export async function replay(
  recording: Recording,
  time: Rebased,
  { take, pause, signal }: { take(event: RecordedEvent): void; pause(): Promise<void>; readonly signal: AbortSignal },
): Promise<void> {
  for await (const event of recording.events()) {
    signal.throwIfAborted();
    const due = event.at === null ? 0 : rebase(time, event.at);
    if (due - Date.now() > TOGETHER) {
      await pause();
      await sleep(Math.max(0, due - Date.now()), undefined, { signal });
    }
    take(event);
  }
  await pause();
}
