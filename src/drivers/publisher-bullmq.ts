/** Explained incidents for other programs, as jobs on BullMQ queues. A job goes to one worker of its queue, so each consumer has a queue of its own. */
import { createHash } from 'node:crypto';
import type { Queue } from 'bullmq';
import type { Publication, Publisher } from '../ports.ts';
import { connectRedis, type RedisOptions } from './redis.ts';

export interface IncidentPublisherOptions extends RedisOptions {
  /** BullMQ's prefix, which consumers must use too; BullMQ's own default is `bull`. */
  readonly prefix: string;
  /** The name of each consumer's queue. */
  readonly queues: readonly string[];
  /** How many jobs may wait in each queue; older ones are removed, oldest first. */
  readonly mostWaiting: number;
}

/** Finished jobs that are kept, so that their revisions are not handed over again. */
const MOST_FINISHED = 1000;

/** Connects; later losses of Redis heal by themselves. Errors: InvalidInput (the URL), Unavailable. */
export async function createIncidentPublisher({ queues, mostWaiting, prefix, ...options }: IncidentPublisherOptions): Promise<Publisher> {
  const client = await connectRedis(options, 'requests');
  const { Queue: BullmqQueue } = await import('bullmq');
  const targets = queues.map((name) => {
    const queue = new BullmqQueue(name, { connection: client.redis, prefix });
    queue.on('error', () => undefined);
    return { queue, trim: createTrim(queue, mostWaiting) };
  });
  try {
    await Promise.all(targets.map(({ queue }) => queue.waitUntilReady()));
  } catch (error) {
    await client.close();
    throw client.fault(error);
  }
  let trimmed = 0;
  return {
    async publish(publications) {
      try {
        for (const { queue, trim } of targets) {
          await Promise.all(publications.map((publication) => queue.add('incident', publication.value, jobOptions(publication))));
          const gone = await trim();
          trimmed += gone;
        }
      } catch (error) {
        throw client.fault(error);
      }
    },
    trimmed: () => trimmed,
    async close() {
      await Promise.all(targets.map(({ queue }) => queue.close().catch(() => undefined)));
      await client.close();
    },
  };
}

function jobOptions({ id, revision }: Publication) {
  return {
    jobId: `r${createHash('sha256').update(id).digest('hex').slice(0, 32)}-${revision}`,
    attempts: 5,
    backoff: { type: 'exponential', delay: 1000 },
    removeOnComplete: { count: MOST_FINISHED },
    removeOnFail: { count: MOST_FINISHED },
  };
}

/** Removes what waits beyond the limit, one call at a time: two at once would each remove the same surplus. Gives how many went. */
function createTrim(queue: Queue, mostWaiting: number): () => Promise<number> {
  let running: Promise<number> = Promise.resolve(0);
  const trim = async () => {
    const surplus = (await queue.getWaitingCount()) - mostWaiting;
    return surplus > 0 ? (await queue.clean(0, surplus, 'wait')).length : 0;
  };
  return () => {
    running = running.then(trim, trim);
    return running;
  };
}
