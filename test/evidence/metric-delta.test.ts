import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { compareMetricDelta, factsBetween } from './metric-delta.ts';

interface Situation {
  readonly situation: string;
  readonly before: string;
  readonly after: string;
  readonly metricDelta: readonly string[];
}

const SITUATIONS: readonly Situation[] = gunzipSync(readFileSync(new URL('../fixtures/metrics/situations.jsonl.gz', import.meta.url)))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

describe.each(SITUATIONS)('$situation', ({ before, after, metricDelta }) => {
  it('grew by what was recorded, and makes facts of that', () => {
    expect(compareMetricDelta(before, after, metricDelta)).toEqual([]);
  });

  it('does not agree with an altered record', () => {
    for (const [i, line] of metricDelta.entries()) {
      const altered = metricDelta.with(
        i,
        line.replace(/\d+$/, (n) => String(Number(n) + 1)),
      );
      expect(compareMetricDelta(before, after, altered)).not.toEqual([]);
      expect(compareMetricDelta(before, after, metricDelta.toSpliced(i, 1))).not.toEqual([]);
    }
  });
});

it('makes the facts that each situation is about', () => {
  const kinds = SITUATIONS.map(({ situation, before, after }) => {
    const facts = factsBetween(before, after).filter((f) => f.type !== 'observation');
    return [situation, facts.map((f) => `${f.kind} ${f.count}`).sort()];
  });
  expect(Object.fromEntries(kinds)).toEqual({
    'wrong-service-account': ['http-denied 2'],
    'tcp-terminated-by-edit': ['tcp-denied 1', 'terminated 1'],
    'rate-limit': ['rate-limited 1', 'rate-limited 2', 'request-failed 3'],
    'direct-4143': ['refused-before-policy 1'],
    'stale-series': ['http-denied 1'],
    'route-not-found': ['route-not-found 1', 'route-not-found 2'],
    'access-policy-audit': ['audit-allowed 1', 'audit-allowed 1'],
    'http2-server-http1-client': ['refused-before-policy 2'],
  });
});
