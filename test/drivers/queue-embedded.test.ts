import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testQueue } from '../conformance/queue.ts';
import { openTestQueue } from '../conformance/queue-open.ts';

testQueue('The embedded queue', null, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-queue-'));
  const file = join(directory, 'denywhy.db');
  return {
    open: (settings) => openTestQueue('sqlite', file, settings),
    child: ['sqlite', file],
    remove: async () => rmSync(directory, { recursive: true }),
  };
});
