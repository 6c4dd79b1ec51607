/** Work that runs again and again, one at a time: after a pause, or as soon as it is woken. */

export interface Loop {
  /** Runs now, or once more when it runs already. */
  wake(): void;
  /** Waits for what runs, but not for ever: requests have deadlines of their own. */
  stop(): Promise<void>;
}

const LONGEST_STOP = 3000;

/** `work` does not reject. `pause`: milliseconds until the next run. */
export function createLoop(work: () => Promise<void>, pause: () => number): Loop {
  let isStopped = false;
  let isWoken = true;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | null = null;

  function run(): void {
    clearTimeout(timer);
    if (isStopped || running !== null) return;
    isWoken = false;
    running = work().finally(() => {
      running = null;
      if (!isStopped) timer = setTimeout(run, isWoken ? 0 : pause());
    });
  }
  timer = setTimeout(run, 0);

  return {
    wake() {
      isWoken = true;
      run();
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      let late: NodeJS.Timeout | undefined;
      await Promise.race([
        running,
        new Promise((resolve) => {
          late = setTimeout(resolve, LONGEST_STOP);
        }),
      ]);
      clearTimeout(late);
    },
  };
}
