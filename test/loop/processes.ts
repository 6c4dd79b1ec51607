/** The services of a compose file as processes: in its order, each after those that it waits for, started again where it says so. */
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Member, startMember } from '../cluster/member.ts';
import { type Compose, inOrder } from './compose.ts';

export interface Processes {
  /** Of one service: its log, of all its starts. */
  logFile(service: string): string;
  /** Rejects with the end of its log when one has ended that is not started again. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/** Docker's own pause before it starts one again grows from 0.1 s. */
const AGAIN = 500;

/** `commandOf`: program and arguments of a service. Throws when one that the others wait for does not complete. */
export function startProcesses(compose: Compose, directory: string, commandOf: (name: string) => readonly string[]): Processes {
  const members = new Map<string, Member>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  let isStopping = false;

  const start = (name: string, isRestarted: boolean) => {
    const [program = '', ...args] = commandOf(name);
    const member = startMember(directory, name, program, args);
    members.set(name, member);
    void member.ended.then(async (how) => {
      if (isRestarted) await sleep(AGAIN);
      if (isStopping) return;
      if (isRestarted) start(name, true);
      else failed.reject(new Error(how));
    });
  };
  const stop = async () => {
    isStopping = true;
    await Promise.all([...members.values()].map((member) => member.stop()));
  };
  for (const [name, service] of inOrder(compose)) {
    const waiting = Object.values(compose.services).map(({ depends_on: waits }) => waits[name]?.condition);
    if (waiting.includes('service_completed_successfully')) complete(name, commandOf(name));
    else start(name, service.restart === 'on-failure');
  }
  return { logFile: (name) => members.get(name)?.logFile ?? '', failed: failed.promise, stop };
}

function complete(name: string, [program = '', ...args]: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name} did not complete: ${error?.message ?? stderr}`);
}
