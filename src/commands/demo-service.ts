/** The service that a played recording goes into: on a free loopback port, with a store that goes away with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../config.ts';
import type { RecordedEvent, Recording } from '../drivers/recording.ts';
import type { showIncident } from '../http/views.ts';
import type { Notice } from '../ports.ts';
import { createLogger } from '../telemetry.ts';
import { createFeed, type Feed } from './demo-feed.ts';
import { type Service, startService } from './service.ts';

/** As the API shows it. */
export type ServedIncident = ReturnType<typeof showIncident>;

export interface DemoService {
  readonly url: string;
  /** The recording's events, each of which is sent to the service when it has been taken. */
  events(): AsyncGenerator<RecordedEvent>;
  /** What the API says when all of it is explained: denials first, then by how many there are. */
  incidents(): Promise<readonly ServedIncident[]>;
  /** What the service did not take. */
  notices(): readonly Notice[];
  close(): Promise<void>;
}

/** A pod that nobody knows stands for itself after so long: nothing more comes of it. */
const WAIT = '1s';
/** Most milliseconds until everything is explained. */
const PATIENCE = 60_000;

/** Errors: InvalidInput, Unavailable; then nothing is left open. */
export async function startDemoService(recording: Recording, stderr: Writable): Promise<DemoService> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-demo-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const { config } = loadConfig(
      {
        DENYWHY_LISTEN_ADDRESS: '127.0.0.1:0',
        DENYWHY_STORE_DIRECTORY: directory,
        DENYWHY_CLUSTER_MANIFESTS: recording.history,
        DENYWHY_TRIAGE_WAIT: WAIT,
      },
      null,
    );
    return demoService(recording, await startService(config, createLogger(stderr, 'error')), remove);
  } catch (error) {
    remove();
    throw error;
  }
}

function demoService(recording: Recording, service: Service, remove: () => void): DemoService {
  const feed = createFeed(service.url);
  return {
    url: service.url,
    events: () => fed(recording, feed),
    incidents: () => explained(service.url),
    notices() {
      const { count, why } = feed.refused;
      return count === 0
        ? []
        : [{ where: recording.directory, message: `The service did not take ${count} bodies of it; the first: ${why}` }];
    },
    async close() {
      await service.close();
      process.removeListener('exit', remove);
      remove();
    },
  };
}

async function* fed(recording: Recording, feed: Feed): AsyncGenerator<RecordedEvent> {
  for await (const event of recording.events()) {
    yield event;
    await feed.take(event);
  }
  await feed.end();
}

interface Page {
  readonly items: readonly ServedIncident[];
  readonly next: string | null;
}

async function explained(url: string): Promise<readonly ServedIncident[]> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const incidents = await allIncidents(url);
    if (incidents.every(({ evidence, explained }) => evidence === explained) || performance.now() > end)
      return incidents.toSorted((a, b) => Number(isSymptom(a)) - Number(isSymptom(b)) || b.count - a.count || (a.id < b.id ? -1 : 1));
    await sleep(50);
  }
}

async function allIncidents(url: string): Promise<readonly ServedIncident[]> {
  const incidents: ServedIncident[] = [];
  let cursor: string | null = null;
  do {
    const after: string = cursor === null ? '' : `&cursor=${cursor}`;
    const answer = await fetch(`${url}/api/v1/incidents?limit=500${after}`);
    if (!answer.ok) throw new Error(`GET /api/v1/incidents answered ${answer.status}`);
    const page = (await answer.json()) as Page;
    incidents.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return incidents;
}

/** Trouble without a denial has a kind of its own, and no client that was refused. */
function isSymptom({ details }: ServedIncident): boolean {
  return details.length > 0;
}
