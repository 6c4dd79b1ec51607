import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { compareLogEvidence, type LogEvidence, type ScenarioQuery } from './oracle-evidence.ts';

const ORACLE = new URL('../fixtures/oracle/', import.meta.url);
const SCENARIOS = new URL('scenarios/', ORACLE);

interface EvidenceLine extends LogEvidence {
  readonly scenario: string;
  readonly query: string;
  readonly via: string;
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

describe.skipIf(!existsSync(SCENARIOS))('the log lines of the oracle’s proxy (needs the oracle’s scenarios)', () => {
  it('name the verdict, Server, route and client of every query, in the plain, JSON and DEBUG form', () => {
    const queries = readQueries();
    const differences = RECORDS.flatMap((record) => {
      const query = queries.get(`${record.scenario}/${record.query}`);
      const found = query === undefined ? [{ field: 'query', expected: 'one', got: 'none' }] : compareLogEvidence(record, query);
      return found.map((d) => ({ scenario: record.scenario, query: record.query, via: record.via, ...d }));
    });
    expect(differences).toEqual([]);
  });

  it('are told from altered expectations, field by field', () => {
    const queries = readQueries();
    const record = RECORDS.find(
      (r) => queries.get(`${r.scenario}/${r.query}`)?.expect.verdict === 'deny' && r.log.plain[0]?.includes('Request denied'),
    );
    const query = record && queries.get(`${record.scenario}/${record.query}`);
    if (!record || !query) throw new Error('no denied request in the evidence');
    const fieldsOf = (altered: ScenarioQuery) => new Set(compareLogEvidence(record, altered).map((d) => d.field.replace(/^\w+ /, '')));
    const { connection, expect: expected } = query;
    const other = { group: '', kind: 'default', name: 'other' };
    expect(fieldsOf({ ...query, expect: { ...expected, server: other } })).toEqual(new Set(['server']));
    expect(fieldsOf({ ...query, expect: { ...expected, route: other } })).toEqual(new Set(['route']));
    expect(fieldsOf({ ...query, expect: { ...expected, authz_not: [other] } })).toEqual(new Set(['did not apply']));
    expect(fieldsOf({ ...query, expect: { ...expected, verdict: 'route_not_found' } })).toContain('refusals');
    expect(fieldsOf({ ...query, connection: { ...connection, client_ip: '10.0.0.1' } })).toEqual(new Set(['client.ip']));
    expect(fieldsOf({ ...query, connection: { ...connection, tls: { state: 'passthru', sni: 'a' } } })).toEqual(new Set(['client.tls']));
  });
});
