/** Runs `denywhy explain` in this process, on captured situations. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import type { Io } from '../../src/commands/command.ts';
import { main } from '../../src/main.ts';
import type { Resource } from '../../src/policy/resource.ts';

/** A captured situation: its objects, trimmed to what decides, and the lines of its server's proxy that policy can read. */
export interface Situation {
  readonly name: string;
  readonly objects: readonly Resource[];
  readonly log: readonly string[];
}

export const situations: readonly Situation[] = gunzipSync(
  readFileSync(new URL('../fixtures/explain/situations.jsonl.gz', import.meta.url)),
)
  .toString()
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));

export function situation(name: string): Situation {
  const found = situations.find((s) => s.name === name);
  if (found === undefined) throw new Error(`no situation ${name}`);
  return found;
}

export interface Surroundings {
  readonly stdin?: string | Uint8Array;
  readonly columns?: number;
  readonly isTTY?: Partial<Io['isTTY']>;
  readonly env?: Io['env'];
}

/** The day of the captures, so that times need no date. */
const NOW = Date.parse('2026-11-23T12:00:00Z');

export async function run(args: readonly string[], { stdin = '', columns = 80, isTTY = {}, env = {} }: Surroundings = {}) {
  const written = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const sink = (to: Buffer[]) => new Writable({ write: (chunk: Buffer, _, done) => done(void to.push(chunk)) });
  const io: Io = {
    stdin: Readable.from(stdin.length === 0 ? [] : [Buffer.from(stdin)], { objectMode: false }),
    stdout: sink(written.stdout),
    stderr: sink(written.stderr),
    env,
    now: NOW,
    isTTY: { stdin: false, stdout: false, stderr: false, ...isTTY },
    columns,
  };
  const exitCode = await main(['explain', ...args], io);
  return { exitCode, stdout: Buffer.concat(written.stdout).toString(), stderr: Buffer.concat(written.stderr).toString() };
}

/** A directory of files that goes away with the operating system's. */
export function filesIn(files: Readonly<Record<string, string | Uint8Array>>): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-explain-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return (name) => join(directory, name);
}

export function dump(objects: readonly Resource[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
}

/** The situation as a person would pipe it in. */
export async function explainSituation({ objects, log }: Situation, args: readonly string[] = [], surroundings: Surroundings = {}) {
  const file = filesIn({ 'dump.json': dump(objects) });
  return run(['--cluster', file('dump.json'), ...args], { stdin: `${log.join('\n')}\n`, ...surroundings });
}
