import { createBullmqQueue } from '../../src/drivers/queue-bullmq.ts';
import { createEmbeddedQueue } from '../../src/drivers/queue-embedded.ts';
import { openSqlite } from '../../src/drivers/sqlite.ts';
import type { Queue } from '../../src/ports.ts';
import type { QueueSettings } from './queue.ts';

/** Opens a queue of the driver `sqlite` (a file) or `redis` (a URL). A lock of 500 ms lets tests see it expire. */
export async function openTestQueue(driver: string, place: string, settings: QueueSettings): Promise<Queue> {
  if (driver === 'redis')
    return createBullmqQueue({ url: place, timeout: 5000, prefix: 'denywhy:queue', name: 'explain', lock: 500, ...settings });
  const file = openSqlite(place);
  const queue = await createEmbeddedQueue(file, Date.now, settings);
  return {
    ...queue,
    async close(deadline) {
      await queue.close(deadline);
      await file.close();
    },
  };
}
