import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { metricsTable } from './metrics-table.ts';

it('docs/operations.md says what each metric means', async () => {
  expect(readFileSync(join(import.meta.dirname, '../docs/operations.md'), 'utf8')).toContain(await metricsTable());
});
