/**
 * `npm run bench`: what things cost, as multiples of u (sha256 of 1 KiB) or of a baseline in the same run; medians of several rounds.
 * `--json` prints the rounds too. No figure here is a threshold: machines differ, a person reads it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { benchExplain } from './explain.ts';
import { benchLogs } from './logs.ts';
import { type Line, unit } from './measure.ts';
import { benchPolicy, readCluster } from './policy.ts';

const ROUNDS = 7;

const cluster = readCluster();
const lines: readonly Line[] = [
  ...benchPolicy(cluster, ROUNDS),
  ...benchExplain(cluster, ROUNDS),
  ...benchLogs('log of the story', storyLog(), ROUNDS),
];
if (process.argv.includes('--json'))
  process.stdout.write(`${JSON.stringify({ unitNanoseconds: unit(), node: process.version, lines }, null, 2)}\n`);
else print(lines);

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
  process.stdout.write(`u = sha256 of 1 KiB, ${unit().toFixed(0)} ns here and now; medians of ${ROUNDS} rounds\n\n`);
  for (const { name, value, unit: u, aim } of all) {
    const better = u === 'u' || u === 'MiB' ? 'at most' : 'at least';
    process.stdout.write(
      `${name.padEnd(44)} ${show(value).padStart(11)} ${u.padEnd(8)}${aim === null ? '' : `aim: ${better} ${show(aim)}`}\n`,
    );
  }
}

function show(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
