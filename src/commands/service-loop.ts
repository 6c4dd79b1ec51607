/** Work that runs again and again, one at a time: after a pause, or soon after it is woken. */

export interface Loop {
  /** Runs as soon as the last run is `least` ago. */
  wake(): void;
  /** Waits for what runs, but not for ever: requests have deadlines of their own. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  /** Milliseconds until the next run. */
  readonly pause: () => number;
  /** However often it is woken (ms). */
  readonly least: number;
}

const LONGEST_STOP = 3000;

/** `work` does not reject. */
export function createLoop(work: () => Promise<void>, { pause, least }: LoopOptions): Loop {
  let isStopped = false;
  let isWoken = false;
  let endedAt = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | null = null;
  let timer = setTimeout(run, 0);

  function run(): void {
    isWoken = false;
    running = work().finally(() => {
      running = null;
      endedAt = performance.now();
      if (!isStopped) timer = setTimeout(run, isWoken ? least : pause());
    });
  }

  return {
    wake() {
      if (isStopped || isWoken) return;
      isWoken = true;
      if (running !== null) return;
      clearTimeout(timer);
      timer = setTimeout(run, Math.max(0, endedAt + least - performance.now()));
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      let late: NodeJS.Timeout | undefined;
      const deadline = new Promise((resolve) => {
        late = setTimeout(resolve, LONGEST_STOP);
      });
      await Promise.race([running, deadline]);
      clearTimeout(late);
    },
  };
}
