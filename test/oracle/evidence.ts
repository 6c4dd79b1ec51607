/** Records of `evidence.jsonl`: counters and log lines of one scenario query, read back. The scenarios lie beside the file, or in our own copy. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareLogEvidence } from '../evidence/oracle-evidence.ts';
import { compareMetricEvidence } from '../evidence/oracle-metrics.ts';
import type { Query } from './answers.ts';
import type { Comparison } from './cases.ts';
import { type Json, type Rec, readRecords } from './read.ts';

const OWN_COPY = fileURLToPath(new URL('../fixtures/oracle/scenarios', import.meta.url));

export function* compareEvidence(record: Rec, file: string): Iterable<Comparison> {
  const scenario = String(record['scenario']);
  const query = queryOf(scenario, String(record['query']), join(dirname(file), 'scenarios'));
  const at = { case: scenario, query: `${record['query']} via ${record['via']}` };
  if (query === null) {
    yield { ...at, expected: `scenario ${scenario}`, got: null };
    return;
  }
  const found = [
    ...compareMetricEvidence(record as never, query as never).map((d) => ({ source: 'metrics', ...d })),
    ...compareLogEvidence(record as never, query as never).map((d) => ({ source: 'log', ...d })),
  ];
  const side = (part: 'expected' | 'got') => Object.fromEntries(found.map((d) => [`${d.source} ${d.field}`, d[part] as Json]));
  yield { ...at, expected: side('expected'), got: side('got') };
}

const scenarios = new Map<string, Rec>();

function queryOf(scenario: string, id: string, beside: string): Query | null {
  const file = [beside, OWN_COPY].map((folder) => join(folder, `${scenario}.yaml`)).find(existsSync);
  if (file === undefined) return null;
  const read = scenarios.get(file) ?? (readRecords(file)[0] as Rec);
  scenarios.set(file, read);
  return ((read['queries'] ?? []) as unknown as readonly Query[]).find((q) => q.id === id) ?? null;
}
