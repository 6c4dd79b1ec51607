/** One process of the test cluster: its log, its end, and that it never outlives the process that started it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** Milliseconds that a member has to end after SIGTERM. Its data is thrown away, so nothing is lost by a SIGKILL. */
const GRACE = 3_000;
const TAIL_BYTES = 4_096;

export interface Member {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves with one sentence (how it ended, the end of its log) when the process has ended, for whatever reason. */
  readonly ended: Promise<string>;
  hasEnded(): boolean;
  /** SIGTERM, then SIGKILL; resolves when the process is gone. */
  stop(): Promise<void>;
  /** Ends it, does something while it is gone, and begins it again; who needs it ready must wait for that. */
  restart(meanwhile: () => Promise<void>): Promise<void>;
}

/** Linux' parent-death signal ends a member even when the process that started it is killed with SIGKILL. */
const hasSetpriv = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;

/** Starts `binary` in a process group of its own (a Ctrl-C at the terminal must not reach it first), its output in `directory/NAME.log`. */
export function startMember(directory: string, name: string, binary: string, args: readonly string[]): Member {
  const logFile = join(directory, `${name}.log`);
  const [command, argv] = hasSetpriv ? ['setpriv', ['--pdeathsig', 'KILL', '--', binary, ...args]] : [binary, args];
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  let over = false;
  let isRestarting = false;
  void ended.then(() => {
    over = true;
  });

  function begin(): ChildProcess {
    const log = openSync(logFile, 'a');
    const child = spawn(command, argv, { cwd: directory, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    child.once('error', (error) => end(`${name} did not start: ${error.message}`));
    child.once('exit', (code, signal) => {
      if (!isRestarting) end(`${name} ended with ${signal ?? `code ${code}`}; the end of its log:\n${logTail(logFile)}`);
    });
    return child;
  }

  let child = begin();
  return {
    name,
    get pid() {
      return child.pid ?? -1;
    },
    logFile,
    ended,
    hasEnded: () => over,
    stop: () => stop(child, ended, () => over),
    async restart(meanwhile) {
      isRestarting = true;
      const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      await stop(child, exited, () => over);
      try {
        await meanwhile();
      } finally {
        isRestarting = false;
        child = begin();
      }
    },
  };
}

async function stop(child: ChildProcess, ended: Promise<unknown>, isOver: () => boolean): Promise<void> {
  if (isOver()) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE);
  await ended;
  clearTimeout(timer);
}

/** Calls `check` until it answers true. Throws when the member ends first, or after `milliseconds`; an answer that throws counts as no. */
export async function untilReady(member: Member, milliseconds: number, check: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    if (member.hasEnded()) throw new Error(await member.ended);
    if (await check().catch(() => false)) return;
    if (performance.now() > deadline) {
      throw new Error(`${member.name} was not ready after ${milliseconds / 1000} s; the end of its log:\n${logTail(member.logFile)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function logTail(file: string): string {
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch {
    return '(there is none)';
  }
  try {
    const { size } = fstatSync(handle);
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(handle, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8');
  } finally {
    closeSync(handle);
  }
}
