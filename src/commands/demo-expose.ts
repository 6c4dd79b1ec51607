/** `denywhy demo --expose`: a recording happens again, for a Prometheus that scrapes it, a service that takes its logs, and a directory of its policy. */

import type { RecordedEvent, Recording } from '../drivers/recording.ts';
import { InvalidInput } from '../errors.ts';
import { type Exporter, startExporter } from './demo-exporter.ts';
import { createLogPush, type LogPush, rebasedLine } from './demo-logs.ts';
import { createPages } from './demo-pages.ts';
import { openPolicyDirectory, type PolicyDirectory } from './demo-policies.ts';
import { type Cast, castOf, type Rebased, rebase, replay } from './demo-replay.ts';

export interface ExposeOptions {
  /** HOST:PORT. */
  readonly address: string;
  /** How much faster than recorded. */
  readonly speed: number;
  /** The service that gets the logs; null: none. */
  readonly to: string | null;
  readonly tokenFile: string | null;
  /** Where the policy is written; null: nowhere. */
  readonly policies: string | null;
  /** Ends after the first time. */
  readonly isOnce: boolean;
  readonly signal: AbortSignal;
  readonly say: (sentence: string) => void;
}

interface Stage {
  readonly pages: ReturnType<typeof createPages>;
  readonly logs: LogPush | null;
  readonly policies: PolicyDirectory | null;
}

/** Resolves when the signal is given. Errors: InvalidInput, Unavailable. */
export async function expose(recording: Recording, options: ExposeOptions): Promise<void> {
  const { address, to, tokenFile, policies, signal, say } = options;
  const cast = await castOf(recording);
  if (cast === null || cast.pods.size === 0) {
    const remedy = 'Record counters of pods that policy-history.jsonl holds: prometheus/*.om.';
    throw new InvalidInput('There are no counters in this recording to expose.', remedy, { file: recording.directory });
  }
  const opened: Pick<Exporter, 'close'>[] = [];
  try {
    const pages = createPages(cast.pods);
    const directory = policies === null ? null : await openPolicyDirectory(policies);
    const logs = to === null ? null : await createLogPush({ url: to, tokenFile, say });
    if (logs !== null) opened.push(logs);
    const exporter = await startExporter(address, pages);
    opened.push(exporter);
    say(`${cast.pods.size} proxies are on ${exporter.url}/pods/NAMESPACE/POD/metrics; ${exporter.url}/targets lists them for Prometheus.`);
    await perform(recording, cast, { pages, logs, policies: directory }, options);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const one of opened.reverse()) await one.close();
  }
}

async function perform(recording: Recording, cast: Cast, stage: Stage, { speed, isOnce, signal, say }: ExposeOptions): Promise<void> {
  await setUp(recording, stage);
  await stage.logs?.ready(signal);
  for (let round = 1; ; round++) {
    const time: Rebased = { origin: Date.now(), from: cast.from, speed };
    const seconds = Math.round((cast.to - cast.from) / speed / 1000);
    say(`round ${round} begins and takes ${seconds} s${speed === 1 ? '' : `, ${speed} times as fast as recorded`}.`);
    stage.pages.restart();
    await replay(recording, time, {
      signal,
      take: (event) => act(event, stage, time),
      pause: async () => stage.policies?.flush(),
    });
    if (isOnce) return;
  }
}

/** What was there before the story: a service that starts meanwhile finds its cluster. */
async function setUp(recording: Recording, { policies }: Stage): Promise<void> {
  if (policies === null) return;
  for await (const event of recording.events()) {
    if (event.kind !== 'policy' || event.at !== null) break;
    policies.take(event.change);
  }
  await policies.flush();
}

function act(event: RecordedEvent, { pages, logs, policies }: Stage, time: Rebased): void {
  const toNow = (at: number) => rebase(time, at);
  switch (event.kind) {
    case 'policy':
      policies?.take(event.change);
      return;
    case 'samples':
      pages.take(event.samples, toNow);
      return;
    case 'log':
      logs?.take(event.log, toNow(event.at), rebasedLine(event.text, toNow, time.speed));
      return;
    // Alertmanager's own are to come instead.
    case 'webhook':
      return;
  }
}
