import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSqliteArchive } from '../../src/drivers/archive-sqlite.ts';
import { openSqlite } from '../../src/drivers/sqlite.ts';
import { createSqliteStore } from '../../src/drivers/store-sqlite.ts';
import { testArchive } from '../conformance/archive.ts';

testArchive('SQLite', null, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-archive-'));
  const file = openSqlite(join(directory, 'denywhy.db'));
  const store = createSqliteStore(file, Date.now);
  return {
    store,
    archive: createSqliteArchive(file, Date.now),
    remove: async () => {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
});
