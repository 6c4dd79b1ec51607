/** Commits without end, eight at a time, and prints each id once it is acknowledged: `sqlite-child.ts FILE`. */
import { openSqlite } from '../../src/drivers/sqlite.ts';
import { createSqliteStore } from '../../src/drivers/store-sqlite.ts';

const store = createSqliteStore(openSqlite(process.argv[2] ?? ''), Date.now);
let count = 0;
const commit = async (): Promise<never> => {
  for (;;) {
    count += 1;
    const id = `id ${count}`;
    await store.commit({ writes: [{ collection: 'incidents', id, expected: 0, value: id, tags: ['t'] }] });
    process.stdout.write(`${id}\n`);
  }
};
await Promise.all(Array.from({ length: 8 }, commit));
