/** The recorded story (demo/) in a service, as a whole or stopped at some moment: then nobody knows what came later. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFeed } from '../src/commands/demo-feed.ts';
import { createInputs } from '../src/drivers/inputs.ts';
import { openRecording, type Recording } from '../src/drivers/recording.ts';
import { type Served, serve } from './commands/served.ts';
import { STORY, storyUntil } from './web/story.ts';

const WHOLE = join(import.meta.dirname, '../demo');

/** While the frontend is denied, and before its policy is mended. */
export const BEFORE_MENDED = '2026-11-23T09:28:00Z';

export interface ServedStory extends Served {
  /** Ends the service, and takes its files away. */
  remove(): Promise<void>;
}

/** Resolves when all of it is taken and explained. `env`: the service's, beside its policy. */
export async function serveStory(until: string | null = null, env: Readonly<Record<string, string>> = {}): Promise<ServedStory> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-served-'));
  const cut = until === null ? null : storyUntil(until);
  const recording = await openRecording(cut === null ? WHOLE : join(cut, STORY), createInputs({ stdin: process.stdin }));
  const served = await serve({
    DENYWHY_STORE_DIRECTORY: directory,
    DENYWHY_CLUSTER_MANIFESTS: recording.history,
    DENYWHY_TRIAGE_WAIT: '1s',
    ...env,
  });
  try {
    await play(served.url, recording);
    await explained(served.url);
  } catch (error) {
    throw new Error(served.output(), { cause: error });
  }
  return {
    ...served,
    async remove() {
      await served.stop('SIGTERM');
      for (const folder of [directory, ...(cut === null ? [] : [cut])]) rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function play(url: string, recording: Recording): Promise<void> {
  const feed = createFeed(url);
  for await (const event of recording.events()) await feed.take(event);
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
