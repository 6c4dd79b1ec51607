/**
 * The queue on Redis by BullMQ, for any number of processes.
 *
 * An id's deduplication (`keepLastIfActive`) makes it one waiting job, and one more for any number of adds while it runs
 * (https://docs.bullmq.io/guide/jobs/deduplication). Each job has an id of its own that begins with the hash of the id, because a job id may hold
 * neither `:` nor only digits, and because a parked job would block every further one under the same job id.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Job, Queue as JobQueue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { Unavailable } from '../errors.ts';
import type { ParkedJob, Queue } from '../ports.ts';
import { connectRedis, type RedisClient, type RedisOptions } from './redis.ts';

export interface BullmqQueueOptions extends RedisOptions {
  /** Begins every key, and keeps the queue apart from others of the same name. */
  readonly prefix: string;
  readonly name: string;
  /** How many ids this process works on at a time. */
  readonly concurrency: number;
  /** Runs until an id is parked. A run during which a process died counts. */
  readonly attempts: number;
  /** Milliseconds until the second run; doubled for each further one, up to `longest`. */
  readonly backoff: { readonly first: number; readonly longest: number };
  /** Milliseconds after which the run of a process that is gone is another's: at most twice as many. */
  readonly lock: number;
}

interface JobData {
  readonly id: string;
}

/** The oldest beyond these are forgotten; the sweep finds their incidents. */
const MOST_PARKED = 10_000;
/** Events that BullMQ keeps for listeners; denywhy has none. */
const MOST_EVENTS = 1000;
/** Characters kept of a reason. */
const LONGEST_REASON = 2000;
/** Milliseconds until a worker that lost Redis tries again. */
const RECONNECT_DELAY = 1000;

/** Connects; later losses of Redis heal by themselves. Errors: InvalidInput (the URL), Unavailable. */
export async function createBullmqQueue(options: BullmqQueueOptions): Promise<Queue> {
  const producer = await connectRedis(options, 'requests');
  const consumer = await connectRedis(options, 'work').catch(async (error: unknown) => {
    await producer.close();
    throw error;
  });
  const jobs = await openJobs(producer, options).catch(async (error: unknown) => {
    await Promise.all([producer.close(), consumer.close()]);
    throw producer.fault(error);
  });
  const answer = <T>(command: Promise<T>): Promise<T> => command.catch((error: unknown) => Promise.reject(producer.fault(error)));
  const parking = createParking(jobs, producer.redis);
  const worker = createWorker(consumer.redis, parking, options);
  const add = (id: string) => jobs.add('explain', { id }, jobOptions(id, options));

  return {
    async add(ids) {
      await answer(Promise.all(ids.map(add)));
    },
    process: worker.start,
    counts: () => answer(counts(jobs)),
    parked: (limit) => answer(parking.list(limit)),
    retry: (id) =>
      answer(
        (async () => {
          const parked = await parking.find(id);
          if (parked.length === 0) return false;
          await add(id);
          await parking.remove(id, parked);
          return true;
        })(),
      ),
    async close(deadlineMilliseconds) {
      await worker.close(deadlineMilliseconds);
      await jobs.close().catch(() => undefined);
      await Promise.all([producer.close(), consumer.close()]);
    },
  };
}

/** BullMQ asks Redis for its version once; a queue that got no answer then would fail for ever after. */
async function openJobs({ redis }: RedisClient, { prefix, name }: BullmqQueueOptions): Promise<JobQueue<JobData, void, string>> {
  const { Queue: BullmqQueue } = await import('bullmq');
  const jobs = new BullmqQueue<JobData, void, string>(name, { connection: redis, prefix, streams: { events: { maxLen: MOST_EVENTS } } });
  jobs.on('error', () => undefined);
  await jobs.waitUntilReady();
  return jobs;
}

/** Safe as a job id and as a deduplication id, whatever the id holds. */
function keyOf(id: string): string {
  return `j${createHash('sha256').update(id).digest('hex').slice(0, 32)}`;
}

function jobOptions(id: string, { attempts }: BullmqQueueOptions) {
  const key = keyOf(id);
  return {
    jobId: `${key}-${randomUUID()}`,
    deduplication: { id: key, keepLastIfActive: true },
    attempts,
    backoff: { type: 'capped' },
    removeOnComplete: true,
    removeOnFail: { count: MOST_PARKED },
    stackTraceLimit: 1,
  };
}

async function counts(jobs: JobQueue<JobData>) {
  const found = await jobs.getJobCounts('wait', 'active', 'delayed', 'failed');
  return { waiting: found['wait'] ?? 0, active: found['active'] ?? 0, delayed: found['delayed'] ?? 0, parked: found['failed'] ?? 0 };
}

type Parking = ReturnType<typeof createParking>;

/** The failed jobs, and a hash that finds the one of an id: it is written before the job fails, and cleared when the id succeeds. */
function createParking(jobs: JobQueue<JobData, void, string>, redis: Redis) {
  const hash = jobs.toKey('denywhy-parked');
  const removeAll = (jobIds: readonly string[]) => Promise.all(jobIds.map((jobId) => jobs.remove(jobId)));
  return {
    /** Notes that `jobId` is the parked job of its id from now on. */
    async put(id: string, jobId: string): Promise<void> {
      const old = await redis.hget(hash, keyOf(id));
      await redis.hset(hash, keyOf(id), jobId);
      if (old !== null && old !== jobId) await removeAll([old]);
    },
    /** Forgets the parked job of an id, if there is one. */
    async clear(id: string): Promise<void> {
      const old = await redis.hget(hash, keyOf(id));
      if (old === null) return;
      await removeAll([old]);
      await redis.hdel(hash, keyOf(id));
    },
    /** The ids of all parked jobs of an id. */
    async find(id: string): Promise<readonly string[]> {
      const parked = await redis.zrange(jobs.toKey('failed'), '0', '-1');
      return parked.filter((jobId) => jobId.startsWith(`${keyOf(id)}-`));
    },
    async remove(id: string, jobIds: readonly string[]): Promise<void> {
      await removeAll(jobIds);
      await redis.hdel(hash, keyOf(id));
    },
    async list(limit: number): Promise<readonly ParkedJob[]> {
      if (limit <= 0) return [];
      const byId = new Map<string, ParkedJob>();
      for (const { data, failedReason, attemptsMade, finishedOn } of await jobs.getFailed(0, limit - 1))
        if (!byId.has(data.id)) byId.set(data.id, { id: data.id, reason: failedReason, attempts: attemptsMade, at: finishedOn ?? 0 });
      return [...byId.values()];
    },
  };
}

/** Works on jobs from `start` to `close`. */
function createWorker(redis: Redis, parking: Parking, options: BullmqQueueOptions) {
  const { prefix, name, concurrency, attempts, lock } = options;
  const backoff = (runs: number) => Math.min(options.backoff.longest, options.backoff.first * 2 ** Math.min(runs - 1, 30));
  let starting: Promise<Worker<JobData, void, string>> | null = null;

  const create = async (work: (id: string) => Promise<void>) => {
    const { DelayedError, Worker: BullmqWorker } = await import('bullmq');
    const run = async (job: Job<JobData, void, string>, token?: string) => {
      const { id } = job.data;
      try {
        await work(id);
      } catch (error) {
        if (error instanceof Unavailable) {
          await job.moveToDelayed(Date.now() + backoff(job.attemptsStarted), token);
          throw new DelayedError();
        }
        if (job.attemptsMade + 1 >= attempts) await parking.put(id, job.id ?? '');
        throw new Error(reasonOf(error));
      }
      await parking.clear(id);
    };
    const worker = new BullmqWorker<JobData, void, string>(name, run, {
      connection: redis,
      prefix,
      concurrency,
      lockDuration: lock,
      stalledInterval: lock,
      maxStalledCount: attempts - 1,
      runRetryDelay: RECONNECT_DELAY,
      settings: { backoffStrategy: backoff },
    });
    worker.on('error', () => undefined);
    // A job that stalled too often fails without a run.
    worker.on('failed', (job, error) => {
      if (job?.id !== undefined && error.name === 'UnrecoverableError') parking.put(job.data.id, job.id).catch(() => undefined);
    });
    return worker;
  };
  return {
    start(work: (id: string) => Promise<void>): void {
      if (starting !== null) throw new Error('this queue works already');
      starting = create(work);
      starting.catch(() => undefined);
    },
    async close(deadlineMilliseconds: number): Promise<void> {
      if (starting === null) return;
      const { promise: deadline, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, deadlineMilliseconds);
      const closed = starting.then((worker) => worker.close()).catch(() => undefined);
      await Promise.race([closed, deadline]);
      clearTimeout(timer);
    },
  };
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, LONGEST_REASON);
}
