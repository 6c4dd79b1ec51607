import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite } from '../../src/drivers/sqlite.ts';
import { createSqliteStore } from '../../src/drivers/store-sqlite.ts';
import { testStore } from '../conformance/store.ts';

testStore('SQLite', null, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-sqlite-'));
  return {
    open: async () => createSqliteStore(openSqlite(join(directory, 'denywhy.db')), Date.now),
    remove: async () => rmSync(directory, { recursive: true }),
  };
});
