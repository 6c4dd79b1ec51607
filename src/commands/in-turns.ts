/** Long work beside others: after each step the event loop has a turn, in which requests are answered. */
import type { Steps } from '../policy/steps.ts';

/** What is waiting is done first. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  let next = steps.next();
  while (next.done !== true) {
    await turn();
    next = steps.next();
  }
  return next.value;
}
