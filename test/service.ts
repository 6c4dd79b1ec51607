/** The real service as a process of its own, on a free loopback port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** As `npm run denywhy` gives them. */
const FLAGS = ['--max-semi-space-size=8'];
const BIN = fileURLToPath(new URL('../bin/denywhy.js', import.meta.url));

export interface TestService {
  readonly url: string;
  readonly pid: number;
  /** Resolves when it takes requests; rejects with its log when it ended instead. */
  ready(): Promise<void>;
  /** Resolves when the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  isGone(): boolean;
}

export interface ServiceOptions {
  readonly port: number;
  /** Where its log goes. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Begins the process; it takes some time until it listens. */
export function startService({ port, directory, env }: ServiceOptions): TestService {
  const log = join(directory, 'serve.log');
  const descriptor = openSync(log, 'a');
  const child: ChildProcess = spawn(process.execPath, [...FLAGS, BIN, 'serve'], {
    stdio: ['ignore', descriptor, descriptor],
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', DENYWHY_LISTEN_ADDRESS: `127.0.0.1:${port}`, ...env },
  });
  closeSync(descriptor);
  const url = `http://127.0.0.1:${port}`;
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const isGone = () => child.exitCode !== null || child.signalCode !== null;
  return {
    url,
    pid: child.pid ?? 0,
    async ready() {
      for (;;) {
        if (isGone()) throw new Error(`the service ended with ${child.exitCode ?? child.signalCode}:\n${tailOf(log)}`);
        const answer = await fetch(`${url}/readyz`).catch(() => null);
        if (answer?.status === 200) return;
        await sleep(20);
      }
    },
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      await gone;
    },
    isGone,
  };
}

function tailOf(log: string): string {
  return readFileSync(log, 'utf8').split('\n').slice(-20).join('\n');
}
