import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { alterations } from './alterations.ts';
import { type Comparison, compareAdmission, compareCluster, compareUpdates } from './cases.ts';
import { differences } from './diff.ts';
import { filesBelow, type Rec, readRecords } from './read.ts';

const FIXTURES = new URL('../fixtures/oracle/', import.meta.url).pathname;

function records(file: string): readonly Rec[] {
  return filesBelow([FIXTURES + file]).flatMap(readRecords);
}

/** What differs, as a person would want to read it. */
function disagreements(comparisons: Iterable<Comparison>): readonly string[] {
  return [...comparisons].flatMap((c) =>
    differences(c.expected, c.got).map(
      (d) => `${c.case} ${c.query} ${d.field}: expected ${JSON.stringify(d.expected)}, got ${JSON.stringify(d.got)}`,
    ),
  );
}

describe('agrees with Linkerd', () => {
  it.each(records('scenarios').map((record) => [String(record['id']), record] as const))('in the scenario %s', (_id, record) => {
    expect(disagreements(compareCluster(record))).toEqual([]);
  });

  it.each(['random-dev.jsonl.gz', 'random-routes-dev.jsonl.gz'])('on every query and policy of %s', (file) => {
    const found = records(file).flatMap((record) => disagreements(compareCluster(record)));
    expect(found).toEqual([]);
  });

  it.each(records('updates.jsonl').map((record) => [String(record['id']), record] as const))('after each step of %s', (_id, record) => {
    expect(disagreements(compareUpdates(record))).toEqual([]);
  });

  it('on what admission says', () => {
    expect(records('admission.jsonl').flatMap((record) => disagreements(compareAdmission(record)))).toEqual([]);
  });
});

describe('the comparison finds every altered field', () => {
  it.each([
    ['a query', (r: Rec) => compareCluster(r), records('scenarios')],
    ['a policy', (r: Rec) => compareCluster({ ...r, queries: [] }), records('random-dev.jsonl.gz').slice(0, 10)],
    ['a step', (r: Rec) => compareUpdates(r), records('updates.jsonl').slice(0, 20)],
    ['an admission', (r: Rec) => compareAdmission(r), records('admission.jsonl')],
  ] as const)('in %s', (_what, compare, some) => {
    let altered = 0;
    for (const record of some) {
      for (const comparison of compare(record)) {
        for (const expected of alterations(comparison.expected)) {
          altered++;
          if (differences(expected, comparison.got).length === 0) {
            expect.fail(
              `${comparison.case} ${comparison.query}: ${JSON.stringify(expected)} was taken for ${JSON.stringify(comparison.got)}`,
            );
          }
        }
      }
    }
    expect(altered).toBeGreaterThan(100);
  });
});

describe('the command', () => {
  const oracle = (...args: readonly string[]) =>
    spawnSync(process.execPath, [new URL('../oracle.ts', import.meta.url).pathname, ...args], { encoding: 'utf8', maxBuffer: 2 ** 28 });

  it('loses no answer on the way through a pipe', () => {
    const comparisons = records('random-dev.jsonl.gz').flatMap((record) => [...compareCluster(record)]);
    const { status, stdout } = oracle('--print', `${FIXTURES}random-dev.jsonl.gz`);
    const printed = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect({ status, printed: printed.length }).toEqual({ status: 0, printed: comparisons.length });
    expect(printed).toEqual(comparisons.map((c) => JSON.parse(JSON.stringify({ case: c.case, query: c.query, got: c.got }))));
  });

  it.each(['nothing.yaml', 'read.ts'])('says what is wrong with %s', (file) => {
    const { status, stderr } = oracle(new URL(file, import.meta.url).pathname);
    expect({ status, lines: stderr.trimEnd().split('\n').length }).toEqual({ status: 2, lines: 1 });
  });

  it('fails where a file holds nothing that it can compare', () => {
    const { status, stdout } = oracle(`${FIXTURES}../metrics/scalar.json`);
    expect({ status, stdout }).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('nothing in this file has a format of the oracle'),
    });
  });
});
