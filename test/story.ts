/** The recorded story (demo/) in a service, as a whole or stopped at some moment: then nobody knows what came later. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFeed } from '../src/commands/demo-feed.ts';
import { createInputs } from '../src/drivers/inputs.ts';
import { openRecording } from '../src/drivers/recording.ts';
import { type Served, serve } from './commands/served.ts';

const STORY = join(import.meta.dirname, '../demo');

/** While the frontend is denied, and before its policy is mended. */
export const BEFORE_MENDED = Date.parse('2026-11-23T09:28:00Z');

export interface ServedStory extends Served {
  /** Ends the service, and takes its files away. */
  remove(): Promise<void>;
}

/** Resolves when all of it is taken and explained. `env`: the service's, beside its policy. */
export async function serveStory(
  until: number = Number.POSITIVE_INFINITY,
  env: Readonly<Record<string, string>> = {},
): Promise<ServedStory> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-story-'));
  const history = join(directory, 'policy-history.jsonl');
  writeFileSync(history, historyUntil(until));
  const served = await serve({
    DENYWHY_STORE_DIRECTORY: directory,
    DENYWHY_CLUSTER_MANIFESTS: history,
    DENYWHY_TRIAGE_WAIT: '1s',
    ...env,
  });
  try {
    await play(served.url, until);
    await explained(served.url);
  } catch (error) {
    throw new Error(served.output(), { cause: error });
  }
  return {
    ...served,
    async remove() {
      await served.stop('SIGTERM');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function historyUntil(until: number): string {
  const lines = readFileSync(join(STORY, 'policy-history.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.filter((line) => Date.parse((JSON.parse(line) as { observedAt: string }).observedAt) <= until).join('\n');
}

async function play(url: string, until: number): Promise<void> {
  const feed = createFeed(url);
  const recording = await openRecording(STORY, createInputs({ stdin: process.stdin }));
  for await (const event of recording.events()) if ((event.at ?? 0) <= until) await feed.take(event);
  await feed.end();
}

interface Incidents {
  readonly items: readonly { readonly evidence: number; readonly explained: number }[];
}

async function explained(url: string): Promise<void> {
  for (;;) {
    const { items } = (await (await fetch(`${url}/api/v1/incidents?limit=500`)).json()) as Incidents;
    if (items.length > 0 && items.every((one) => one.evidence === one.explained)) return;
    await sleep(100);
  }
}
