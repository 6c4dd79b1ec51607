import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until it is so. Throws after `milliseconds`, with what it was about, and what `state` tells of why. */
export async function until(
  what: string,
  milliseconds: number,
  isSo: () => boolean | Promise<boolean>,
  state: () => string = () => '',
): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`it never came: ${what}\n${state()}`);
    await sleep(20);
  }
}
