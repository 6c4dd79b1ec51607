/** A real Redis of the test's own: on a free loopback port, with its files in a directory that goes away with it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';

/** Why tests with Redis are skipped; null: they run. Under CI a missing Redis is a failure. */
export const redisSkip: string | null = hasRedis() ? null : 'redis-server is not installed';

function hasRedis(): boolean {
  if (spawnSync('redis-server', ['--version']).status === 0) return true;
  if (process.env['CI'] === 'true') throw new Error('redis-server is not installed: apt-get install redis-server');
  return false;
}

export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Where it keeps its files. */
  readonly directory: string;
  /** Starts it again, with the same data. */
  start(): Promise<void>;
  /** Ends it: TERM saves what it would save, KILL does not. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Holds it still without closing its connections, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Sends one command by redis-cli. */
  cli(...command: readonly string[]): string;
  /** Stops it and removes its files. */
  remove(): Promise<void>;
}

/** `config`: lines of redis.conf as options, e.g. `{ appendonly: 'yes' }`. */
export async function startRedis(config: Readonly<Record<string, string>> = {}): Promise<TestRedis> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-redis-'));
  const port = await freePort();
  const settings = { port: String(port), bind: '127.0.0.1', dir: directory, save: '', appendonly: 'yes', ...config };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  let child: ChildProcess | null = null;

  const cli = (...command: readonly string[]) =>
    spawnSync('redis-cli', ['-p', String(port), ...command], { encoding: 'utf8', timeout: 10_000 }).stdout.trim();
  const start = async () => {
    child = spawn('redis-server', args, { stdio: 'ignore' });
    const deadline = performance.now() + 10_000;
    while (cli('PING') !== 'PONG') {
      if (performance.now() > deadline) throw new Error(`redis-server did not start on port ${port}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    const ending = child;
    child = null;
    if (ending === null || ending.exitCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await ended;
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    directory,
    start,
    stop,
    signal: (signal) => void child?.kill(signal),
    cli,
    async remove() {
      await stop('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
