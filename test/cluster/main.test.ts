import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { clusterSkip } from './skip.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
const PATIENCE = 240_000;

interface Running {
  readonly child: ChildProcess;
  /** Where it makes its directory. */
  readonly scratch: string;
  readonly output: () => string;
  readonly members: () => readonly number[];
}

/** Every process whose parent is `pid`, as `/proc` tells. */
function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => {
      try {
        const stat = readFileSync(`/proc/${candidate}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
      } catch {
        return false;
      }
    });
}

/** Resolves when the script has printed `words`. */
async function startScript(words: string, ...args: readonly string[]): Promise<Running> {
  const scratch = mkdtempSync(join(tmpdir(), 'denywhy-script-'));
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TMPDIR: scratch } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  while (!output.includes(words)) {
    if (child.exitCode !== null) throw new Error(`npm run cluster ended with ${child.exitCode}: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { child, scratch, output: () => output, members: () => childrenOf(child.pid ?? -1) };
}

async function expectCleanEnd({ child, scratch, members }: Running, signal: NodeJS.Signals): Promise<void> {
  const started = members();
  const ended = new Promise((resolve) => child.once('exit', (code, by) => resolve(by ?? code)));
  expect(started.length).toBeGreaterThan(0);
  child.kill(signal);

  expect(await ended).toBe(0);
  expect(await untilGone(started)).toEqual([]);
  expect(readdirSync(scratch)).toEqual([]);
}

async function untilGone(pids: readonly number[]): Promise<readonly number[]> {
  const deadline = performance.now() + 10_000;
  const alive = () => pids.filter((pid) => existsSync(`/proc/${pid}`));
  while (alive().length > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  return alive();
}

describe('npm run cluster', () => {
  it.each([
    [['--speed', 'fast'], '--speed fast: give a number greater than 0'],
    [['--speed', '0'], '--speed 0: give a number greater than 0'],
    [['--service-account', 'denywhy'], '--service-account denywhy: give NAMESPACE/NAME'],
    [['--storry'], "Unknown option '--storry'"],
  ])('refuses %j with a sentence', (args, sentence) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });

    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(sentence);
  });

  describe.skipIf(clusterSkip !== null)(clusterSkip === null ? 'as a process' : `as a process [${clusterSkip}]`, () => {
    let running: Running | null = null;
    afterEach(() => {
      running?.child.kill('SIGKILL');
      if (running !== null) rmSync(running.scratch, { recursive: true, force: true });
      running = null;
    });

    it(
      'prints how to use it, and at Ctrl-C ends every member and removes its files',
      async () => {
        running = await startScript('Ctrl-C ends it', '--service-account', 'denywhy/reader');
        const { output, members } = running;
        const kubectl = /alias kubectl=(\S+)/.exec(output())?.[1] ?? '';
        const reader = /denywhy\/reader +(\S+)/.exec(output())?.[1] ?? '';
        const who = spawnSync(kubectl, ['--kubeconfig', reader, 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'], {
          encoding: 'utf8',
        });
        expect(who.stdout).toBe('system:serviceaccount:denywhy:reader');
        expect(members().length).toBe(5);

        await expectCleanEnd(running, 'SIGINT');
      },
      PATIENCE,
    );

    it(
      'gives up a start that is under way when it is told to end',
      async () => {
        running = await startScript('starting kube-apiserver');

        await expectCleanEnd(running, 'SIGTERM');
      },
      PATIENCE,
    );

    it(
      'takes its members along when it is killed itself',
      async () => {
        running = await startScript('starting kube-apiserver');
        const { child, members } = running;
        const started = members();
        expect(started.length).toBe(2);

        child.kill('SIGKILL');
        expect(await untilGone(started)).toEqual([]);
      },
      PATIENCE,
    );
  });
});
