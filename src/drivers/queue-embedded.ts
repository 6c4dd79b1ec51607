/** The queue in the SQLite file of the store, for one process. What waits or runs stands in a row, so a killed process loses nothing. */
import { Unavailable } from '../errors.ts';
import type { Instant } from '../policy/resource.ts';
import type { ParkedJob, Queue } from '../ports.ts';
import type { SqliteFile } from './sqlite.ts';

export interface EmbeddedQueueOptions {
  /** How many ids are worked on at a time. */
  readonly concurrency: number;
  /** Runs until an id is parked. A run during which the process died counts. */
  readonly attempts: number;
  /** Milliseconds until the second run; doubled for each further one, up to `longest`. */
  readonly backoff: { readonly first: number; readonly longest: number };
}

/** After the file refused a write: milliseconds until it is tried again. */
const REFUSED_DELAY = 1000;
/** setTimeout takes no longer delay. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** Characters kept of a reason. */
const LONGEST_REASON = 2000;

/** A queue on an open file; close it before the store. `now` judges what is due. Errors: Unavailable (the file cannot be written). */
export async function createEmbeddedQueue(file: SqliteFile, now: () => Instant, options: EmbeddedQueueOptions): Promise<Queue> {
  await recover(file, now, options.attempts);
  const worker = createWorker(createRuns(file, now, options), options.concurrency);
  const add = createAdd(file, now);
  const retry = createRetry(file, now);
  return {
    async add(ids) {
      await add(ids);
      worker.wake();
    },
    process: worker.start,
    ...createReports(file, now),
    async retry(id) {
      const isParked = await retry(id);
      worker.wake();
      return isParked;
    },
    close: worker.close,
  };
}

/** What ran when the process died runs again, unless it has died too often. */
async function recover(file: SqliteFile, now: () => Instant, attempts: number): Promise<void> {
  const active = file.prepare('SELECT 1 FROM job WHERE active = 1 LIMIT 1');
  if (file.read(() => active.get()) === undefined) return;
  const park = file.prepare(
    `UPDATE job SET active = 0, again = 0, due_at = NULL, attempts = 0, outages = 0, parked_at = ?, parked_attempts = attempts,
       reason = 'the process died while this ran'
     WHERE active = 1 AND attempts >= ?`,
  );
  const rerun = file.prepare('UPDATE job SET active = 0, again = 0, due_at = ? WHERE active = 1');
  await file.write(() => {
    park.run(now(), attempts);
    rerun.run(now());
  });
}

function createAdd(file: SqliteFile, now: () => Instant): (ids: readonly string[]) => Promise<void> {
  const add = file.prepare(
    `INSERT INTO job (id, due_at) VALUES (?, ?)
     ON CONFLICT (id) DO UPDATE SET again = active, due_at = coalesce(due_at, excluded.due_at)`,
  );
  return (ids) =>
    file.write(() => {
      for (const id of ids) add.run(id, now());
    });
}

function createRetry(file: SqliteFile, now: () => Instant): (id: string) => Promise<boolean> {
  const retry = file.prepare(
    `UPDATE job SET again = active, due_at = coalesce(due_at, ?), parked_at = NULL, reason = '' WHERE id = ? AND parked_at IS NOT NULL`,
  );
  return (id) => file.write(() => Number(retry.run(now(), id).changes) > 0);
}

function createReports(file: SqliteFile, now: () => Instant): Pick<Queue, 'counts' | 'parked'> {
  const counts = file.prepare(
    `SELECT count(*) FILTER (WHERE active = 0 AND due_at <= :now) AS waiting, count(*) FILTER (WHERE active = 1) AS active,
       count(*) FILTER (WHERE active = 0 AND due_at > :now) AS delayed, count(parked_at) AS parked
     FROM job`,
  );
  const parked = file.prepare(
    'SELECT id, reason, parked_attempts, parked_at FROM job WHERE parked_at IS NOT NULL ORDER BY parked_at DESC, number DESC LIMIT ?',
  );
  return {
    async counts() {
      const row = file.read(() => counts.get({ now: now() })) ?? {};
      const { waiting, active, delayed, parked } = row;
      return { waiting: Number(waiting), active: Number(active), delayed: Number(delayed), parked: Number(parked) };
    },
    async parked(limit): Promise<readonly ParkedJob[]> {
      return file
        .read(() => parked.all(limit))
        .map((row) => ({
          id: String(row['id']),
          reason: String(row['reason']),
          attempts: Number(row['parked_attempts']),
          at: Number(row['parked_at']),
        }));
    },
  };
}

/** How a run ended. */
type Ending = { readonly isDone: true } | { readonly isDone: false; readonly error: unknown };

interface Runs {
  /** Marks up to `most` ids that are due as running. */
  take(most: number): Promise<readonly string[]>;
  finish(id: string, ending: Ending): Promise<void>;
  /** Milliseconds until the next id is due; null: none waits. */
  wait(): number | null;
}

/**
 * `due_at` null: nothing to do, the row is there because it is parked. `again`: added while it ran. A row is parked from its last failure until it
 * succeeds or is retried, whether or not it waits for another run.
 */
function createRuns(file: SqliteFile, now: () => Instant, options: EmbeddedQueueOptions): Runs {
  const due = file.prepare('SELECT number, id FROM job WHERE active = 0 AND due_at <= ? ORDER BY due_at, number LIMIT ?');
  const start = file.prepare('UPDATE job SET active = 1, attempts = attempts + 1 WHERE number = ?');
  const next = file.prepare('SELECT min(due_at) AS due_at FROM job WHERE active = 0 AND due_at IS NOT NULL');
  const finish = createFinish(file, now, options);
  return {
    take: (most) =>
      file.write(() =>
        due.all(now(), most).map((row) => {
          start.run(Number(row['number']));
          return String(row['id']);
        }),
      ),
    finish: (id, ending) => file.write(() => finish(id, ending)),
    wait() {
      const dueAt = file.read(() => next.get())?.['due_at'] ?? null;
      return dueAt === null ? null : Math.max(0, Number(dueAt) - now());
    },
  };
}

function createFinish(file: SqliteFile, now: () => Instant, { attempts, backoff }: EmbeddedQueueOptions) {
  const find = file.prepare('SELECT again, attempts, outages FROM job WHERE id = ?');
  const remove = file.prepare('DELETE FROM job WHERE id = ?');
  const restart = file.prepare(
    `UPDATE job SET active = 0, again = 0, due_at = ?, attempts = 0, outages = 0, parked_at = NULL, reason = '' WHERE id = ?`,
  );
  const delay = file.prepare('UPDATE job SET active = 0, again = 0, due_at = ?, attempts = ?, outages = ? WHERE id = ?');
  const park = file.prepare(
    `UPDATE job SET active = 0, again = 0, due_at = ?, attempts = 0, outages = 0, parked_at = ?, parked_attempts = attempts, reason = ?
     WHERE id = ?`,
  );
  return (id: string, ending: Ending): void => {
    const row = find.get(id);
    const isAgain = row?.['again'] === 1;
    const [made, outages] = [Number(row?.['attempts'] ?? 1), Number(row?.['outages'] ?? 0)];
    const dueAt = now() + Math.min(backoff.longest, backoff.first * 2 ** Math.min(made + outages - 1, 30));
    if (ending.isDone) {
      if (isAgain) restart.run(now(), id);
      else remove.run(id);
    } else if (ending.error instanceof Unavailable) delay.run(dueAt, made - 1, outages + 1, id);
    else if (made < attempts) delay.run(dueAt, made, outages, id);
    else park.run(isAgain ? now() : null, now(), reasonOf(ending.error), id);
  };
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, LONGEST_REASON);
}

/** Works on due ids, `concurrency` at a time, and sleeps until the next one is due. */
function createWorker(runs: Runs, concurrency: number) {
  const running = new Set<Promise<void>>();
  let work: ((id: string) => Promise<void>) | null = null;
  let timer: NodeJS.Timeout | undefined;
  let isFilling = false;
  let isClosed = false;

  const wake = () => {
    clearTimeout(timer);
    if (work === null || isFilling || isClosed) return;
    isFilling = true;
    void fill(work).then((milliseconds) => {
      isFilling = false;
      if (milliseconds !== null && !isClosed) timer = setTimeout(wake, Math.min(milliseconds, LONGEST_TIMER));
    });
  };
  /** Starts what is due and has room; milliseconds until there may be more, null: an end or an add will tell. */
  const fill = async (work: (id: string) => Promise<void>): Promise<number | null> => {
    try {
      while (running.size < concurrency && !isClosed && runs.wait() === 0)
        for (const id of await runs.take(concurrency - running.size)) {
          const run = runOnce(id, work).finally(() => {
            running.delete(run);
            wake();
          });
          running.add(run);
        }
      return running.size < concurrency ? runs.wait() : null;
    } catch {
      return REFUSED_DELAY;
    }
  };
  const runOnce = async (id: string, work: (id: string) => Promise<void>): Promise<void> => {
    const ending = await work(id).then(
      (): Ending => ({ isDone: true }),
      (error: unknown): Ending => ({ isDone: false, error }),
    );
    while (!(await isFinished(runs.finish(id, ending))) && !isClosed) await sleep(REFUSED_DELAY).over;
  };
  return {
    wake,
    start(run: (id: string) => Promise<void>): void {
      work = async (id) => run(id);
      wake();
    },
    async close(deadlineMilliseconds: number): Promise<void> {
      isClosed = true;
      clearTimeout(timer);
      const deadline = sleep(deadlineMilliseconds);
      await Promise.race([Promise.all(running), deadline.over]);
      deadline.cancel();
    },
  };
}

function isFinished(finish: Promise<void>): Promise<boolean> {
  return finish.then(
    () => true,
    () => false,
  );
}

function sleep(milliseconds: number): { readonly over: Promise<void>; readonly cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  return { over: promise, cancel: () => clearTimeout(timer) };
}
