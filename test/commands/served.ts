/** `denywhy serve` as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

export interface Served {
  readonly url: string;
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Sends the signal and gives the exit code, and how long it took (ms). */
  stop(signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly took: number }>;
}

function run(env: Readonly<Record<string, string>>, args: readonly string[]) {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  const ended = once(child, 'close').then(() => child.exitCode);
  return { child, ended, output: () => text };
}

/** Starts it on a free loopback port and waits until it listens. */
export async function serve(env: Readonly<Record<string, string>>): Promise<Served> {
  const { child, ended, output } = run({ DENYWHY_LISTEN_ADDRESS: '127.0.0.1:0', ...env }, ['serve']);
  const deadline = performance.now() + 60_000;
  let url: string | undefined;
  while (url === undefined) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(`it does not listen:\n${output()}`);
    await sleep(20);
    url = /"url":"(http:[^"]+)"/.exec(output())?.[1];
  }
  return {
    url,
    child,
    output,
    async stop(signal) {
      const begin = performance.now();
      child.kill(signal);
      return { code: await ended, took: performance.now() - begin };
    },
  };
}

/** Runs it where it must not start: exit code and what it printed. */
export async function serveRefused(env: Readonly<Record<string, string>>, args: readonly string[] = ['serve']) {
  const { child, ended, output } = run({ DENYWHY_LISTEN_ADDRESS: '127.0.0.1:0', ...env }, args);
  const timer = setTimeout(() => child.kill('SIGKILL'), 25_000);
  const code = await ended;
  clearTimeout(timer);
  return { code, text: output() };
}
