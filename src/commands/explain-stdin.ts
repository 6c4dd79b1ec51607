/** Whether stdin has a log to read: it is waited for only where nothing else was given. */
import type { Readable } from 'node:stream';
import { InvalidInput } from '../errors.ts';
import type { Io } from './command.ts';
import type { Plan } from './explain-options.ts';

export const PIPE = `Pipe a proxy's log into it, or name one:
kubectl logs -n NAMESPACE deploy/NAME -c linkerd-proxy --tail=-1 | denywhy explain --cluster dump.yaml
denywhy explain --help shows the other ways.`;

/** How long stdin may stay silent where other evidence was given: a pipe that nobody writes to is not to be waited for. */
const SILENCE_MS = 5000;

/** Logs come from stdin where nothing else is named; beside metrics or alerts, only if something comes. */
export async function withStdin(plan: Plan, io: Io, hasAlert: boolean): Promise<Plan> {
  const others = plan.metrics.length + plan.alerts.length + (hasAlert ? 1 : 0);
  const isTaken = plan.cluster.includes('-') || plan.alerts.includes('-') || plan.metrics.some(({ path }) => path === '-');
  if (plan.logs.length > 0) return plan;
  if (io.isTTY.stdin || isTaken) {
    if (others === 0) throw new InvalidInput('there is nothing to read.', PIPE);
    return plan;
  }
  return others === 0 || (await speaksUp(io.stdin)) ? { ...plan, logs: ['-'] } : plan;
}

export async function speaksUp(stdin: Readable, patience = SILENCE_MS): Promise<boolean> {
  if (stdin.readableLength === 0 && !stdin.readableEnded) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patience);
      const stop = () => {
        clearTimeout(timer);
        resolve();
      };
      stdin.once('readable', stop).once('error', stop).once('end', stop);
    });
  }
  return stdin.readableLength > 0;
}
