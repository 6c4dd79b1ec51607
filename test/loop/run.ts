/** The alarm loop on this machine: the services of docker-compose.yml on loopback, and the second at which each step of an answer comes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stageCluster } from './cluster.ts';
import { readCompose } from './compose.ts';
import { mountFiles, PROJECT, placesIn } from './places.ts';
import { startProcesses } from './processes.ts';
import { type Step, stepsOf } from './steps.ts';

export interface LoopOptions {
  /** Policies in a real API server, the rule through the real operator. */
  readonly isCluster: boolean;
  /** Seconds that the whole may take. */
  readonly within: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const PROGRAMS = ['prometheus', 'prometheus-alertmanager', 'redis-server'];
const EVERY = 200;

/** Why the loop cannot be run here; null: it can. */
export function whatLoopMisses(): string | null {
  const missing = PROGRAMS.filter((program) => spawnSync(program, ['--version']).error !== undefined);
  if (missing.length === 0) return null;
  return `not installed: ${missing.join(', ')} (in Debian: apt-get install prometheus prometheus-alertmanager redis-server)`;
}

/** True when every step came in time; what did not is said. Throws when a process ends, with the end of its log. */
export async function runLoop({ isCluster, within, say, signal }: LoopOptions): Promise<boolean> {
  const begin = performance.now();
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-loop-'));
  const started: { stop(): Promise<void> }[] = [];
  try {
    const compose = readCompose(join(PROJECT, 'docker-compose.yml'));
    const places = await placesIn(directory);
    mountFiles(compose, places);
    const cluster = isCluster ? await stageCluster(places, say, signal) : null;
    if (cluster !== null) started.push(cluster);
    const processes = startProcesses(compose, directory, (name) => {
      const service = compose.services[name];
      if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
      const command = places.command(service);
      return cluster === null ? command : cluster.command(name, command);
    });
    started.push(processes);
    const failed = Promise.race([processes.failed, ...(cluster === null ? [] : [cluster.failed])]);
    const { steps, early } = stepsOf(places, () => readFileSync(places.path('/run/denywhy/read-token'), 'utf8').trim());
    const log = processes.logFile('exporter');
    const story: Step = {
      name: 'story begins',
      look: async () => (readFileSync(log, 'utf8').includes('round 1 begins') ? 'from here on seconds are counted anew' : null),
    };
    const watch = { begin, within, say, signal };
    const zero = await Promise.race([come(story, null, watch), failed]);
    if (zero === null) return false;
    cluster?.begin();
    return await Promise.race([timeline(steps, early, { ...watch, begin: zero, within: within - (zero - begin) / 1000 }), failed]);
  } finally {
    for (const one of started.reverse()) await one.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Watch {
  readonly begin: number;
  readonly within: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

async function timeline(steps: readonly Step[], early: Step, watch: Watch): Promise<boolean> {
  const over = new AbortController();
  const aside = come(early, over.signal, watch);
  try {
    for (const step of steps) if ((await come(step, null, watch)) === null) return false;
    return true;
  } finally {
    over.abort();
    await aside;
  }
}

/** The moment at which it came, as it was said; null: not in time, which is said too unless nobody waits for it (`over`). */
async function come(step: Step, over: AbortSignal | null, { begin, within, say, signal }: Watch): Promise<number | null> {
  let trouble = 'it was never there';
  while (performance.now() - begin < within * 1000) {
    signal.throwIfAborted();
    if (over?.aborted === true) return null;
    const seen = await step.look().catch((error: unknown) => {
      trouble =
        error instanceof Error ? `${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ''}` : String(error);
      return null;
    });
    if (seen !== null) {
      const at = performance.now();
      say(`${seconds(begin, at).padStart(7)} s  ${step.name}: ${seen}`);
      return at;
    }
    await sleep(EVERY);
  }
  if (over === null) say(`did not come within ${Math.round(within)} s: ${step.name} (${trouble})`);
  return null;
}

function seconds(begin: number, at = performance.now()): string {
  return ((at - begin) / 1000).toFixed(1);
}
