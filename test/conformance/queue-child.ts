/** A process that works on a job without end, to be killed. `queue-child.ts sqlite FILE ID…` or `queue-child.ts redis URL ID…`; prints a line when it works. */
import { openTestQueue } from './queue-open.ts';

const [, , driver = '', place = '', ...ids] = process.argv;
const queue = await openTestQueue(driver, place, { concurrency: 1, attempts: 3, backoff: { first: 30, longest: 200 } });
await queue.add(ids);
queue.process(() => new Promise<void>(() => process.stdout.write('working\n')));
setInterval(() => undefined, 1000);
