/**
 * `npm run bench`: what things cost, as multiples of u (sha256 of 1 KiB) or of a baseline in the same run; medians of several rounds.
 * `--only NAME[,NAME]` runs some groups, `--json` prints the rounds too. No figure here is a threshold: machines differ, a person reads it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { benchChanged } from './changed.ts';
import { benchExplain } from './explain.ts';
import { benchFold } from './fold.ts';
import { benchIntake } from './intake.ts';
import { benchKubernetes } from './kubernetes.ts';
import { benchLint } from './lint.ts';
import { benchLogs } from './logs.ts';
import { type Line, unit } from './measure.ts';
import { type BenchCluster, benchPolicy, readCluster } from './policy.ts';
import { benchPoll } from './poll.ts';
import { benchPosture } from './posture.ts';
import { benchRemedies } from './remedies.ts';
import { benchService } from './service.ts';
import { benchSimulate } from './simulate.ts';
import { benchWindow } from './window.ts';

const ROUNDS = 7;
/** Of what takes seconds, or starts a process. */
const FEW_ROUNDS = 3;
const LESS_IS_BETTER: ReadonlySet<Line['unit']> = new Set(['u', 'MiB', 'KiB', 'ms', 's']);

let read: BenchCluster | null = null;
function cluster(): BenchCluster {
  read ??= readCluster();
  return read;
}

const GROUPS: Readonly<Record<string, () => readonly Line[] | Promise<readonly Line[]>>> = {
  policy: () => benchPolicy(cluster(), ROUNDS),
  explain: () => benchExplain(cluster(), ROUNDS),
  simulate: () => benchSimulate(cluster(), FEW_ROUNDS),
  remedies: () => benchRemedies(cluster(), FEW_ROUNDS),
  posture: () => benchPosture(cluster(), FEW_ROUNDS),
  lint: () => benchLint(FEW_ROUNDS),
  changed: () => benchChanged(FEW_ROUNDS),
  logs: () => benchLogs('log of the story', storyLog(), ROUNDS),
  fold: () => benchFold(FEW_ROUNDS),
  intake: () => benchIntake(FEW_ROUNDS),
  poll: () => benchPoll(FEW_ROUNDS),
  service: () => benchService(cluster(), FEW_ROUNDS),
  window: () => benchWindow(FEW_ROUNDS),
  kubernetes: () => benchKubernetes(FEW_ROUNDS),
};

/** It fills a control plane for minutes. */
const ONLY_WHEN_NAMED: ReadonlySet<string> = new Set(['kubernetes']);

const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'boolean', default: false } } });
const names = values.only?.split(',') ?? Object.keys(GROUPS).filter((name) => !ONLY_WHEN_NAMED.has(name));
const unknown = names.find((name) => !Object.hasOwn(GROUPS, name));
if (unknown === undefined) await run(names);
else {
  process.stderr.write(`there is no group ${JSON.stringify(unknown)}: --only takes ${Object.keys(GROUPS).join(', ')}\n`);
  process.exitCode = 2;
}

async function run(groups: readonly string[]): Promise<void> {
  const [load = 0] = loadavg();
  if (load > 1)
    process.stderr.write(
      `others keep ${load.toFixed(1)} of ${availableParallelism()} cores busy: figures by the clock, and latencies, are theirs as much as ours\n`,
    );
  const lines: Line[] = [];
  for (const name of groups) lines.push(...((await GROUPS[name]?.()) ?? []));
  if (values.json) process.stdout.write(`${JSON.stringify({ unitNanoseconds: unit(), node: process.version, lines }, null, 2)}\n`);
  else print(lines);
}

/** Every proxy's log of the recorded story, one after another. */
function storyLog(): Buffer {
  const folder = new URL('../../demo/logs/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.includes('linkerd-proxy'));
  return Buffer.concat(
    files.map((name) => {
      const bytes = readFileSync(new URL(name, folder));
      return name.endsWith('.gz') ? gunzipSync(bytes) : bytes;
    }),
  );
}

function print(all: readonly Line[]): void {
  process.stdout.write(`u = sha256 of 1 KiB, ${unit().toFixed(0)} ns here and now; medians of several rounds\n\n`);
  const width = Math.max(44, ...all.map(({ name }) => name.length));
  for (const { name, value, unit: u, aim } of all) {
    const better = LESS_IS_BETTER.has(u) ? 'at most' : 'at least';
    process.stdout.write(
      `${name.padEnd(width)} ${show(value).padStart(11)} ${u.padEnd(8)}${aim === null ? '' : `aim: ${better} ${show(aim)}`}\n`,
    );
  }
}

function show(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
