import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { compareMetricEvidence, type ScenarioQuery } from './oracle-metrics.ts';

const ORACLE = new URL('../fixtures/oracle/', import.meta.url);
const SCENARIOS = new URL('scenarios/', ORACLE);

interface EvidenceLine {
  readonly scenario: string;
  readonly query: string;
  readonly via: string;
  readonly metrics: string;
}

const RECORDS: readonly EvidenceLine[] = gunzipSync(readFileSync(new URL('evidence.jsonl.gz', ORACLE)))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

function readQueries(): Map<string, ScenarioQuery> {
  const queries = new Map<string, ScenarioQuery>();
  for (const file of readdirSync(SCENARIOS)) {
    const scenario = parse(readFileSync(new URL(file, SCENARIOS), 'utf8'));
    for (const query of scenario.queries) queries.set(`${scenario.id}/${query.id}`, query);
  }
  return queries;
}

describe.skipIf(!existsSync(SCENARIOS))('the counters of the oracle’s proxy (needs the oracle’s scenarios)', () => {
  it('name the verdict, Server, route, port and client of every query', () => {
    const queries = readQueries();
    const differences = RECORDS.flatMap((record) => {
      const query = queries.get(`${record.scenario}/${record.query}`);
      const found = query === undefined ? [{ field: 'query', expected: 'one', got: 'none' }] : compareMetricEvidence(record, query);
      return found.map((d) => ({ scenario: record.scenario, query: record.query, via: record.via, ...d }));
    });
    expect(differences).toEqual([]);
    expect(RECORDS.length).toBe(960);
  });

  it('do not agree with an altered expectation', () => {
    const queries = readQueries();
    const record = RECORDS.find((r) => r.metrics.startsWith('# HELP inbound_http_authz_deny_total')) as EvidenceLine;
    const query = queries.get(`${record.scenario}/${record.query}`) as ScenarioQuery;
    const fields = (altered: ScenarioQuery) => compareMetricEvidence(record, altered).map((d) => d.field);
    const other = { group: '', kind: 'default', name: 'other' };
    expect(fields({ ...query, expect: { ...query.expect, verdict: 'allow', allowed: 1 } })).toEqual(['verdict', 'count']);
    expect(fields({ ...query, expect: { ...query.expect, server: other } })).toEqual(['server']);
    expect(fields({ ...query, expect: { ...query.expect, route: other } })).toEqual(['route']);
    expect(fields({ ...query, target: { port: 1 } })).toEqual(['port']);
    expect(fields({ ...query, connection: { tls: { state: 'established', client_id: 'x' } } })).toEqual(['client.tls']);
    expect(fields({ ...query, repeat: 2 })).toEqual(['count']);
  });
});
