/** Every mistake that the facts about Linkerd and tutorials know, each with the code that finds it and a case in which it does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../src/lint/index.ts';
import { dataOf, LINT_CASES } from './lint-cases.ts';

interface Mistake {
  /** Where it is known from. */
  readonly at: string;
  readonly mistake: string;
  readonly code?: string;
  /** Of `test/lint/cases/CODE`. */
  readonly case?: string;
  /** The name of the object that it is found in, where the case holds several. */
  readonly object?: string;
  /** Why no manifest shows it. */
  readonly why?: string;
}

const MISTAKES = JSON.parse(readFileSync(join(import.meta.dirname, 'mistakes.json'), 'utf8')) as readonly Mistake[];
const found = MISTAKES.filter(({ code }) => code !== undefined);

it('has either a code with a case, or a reason why there can be none', () => {
  for (const { mistake, code, case: name, why } of MISTAKES) {
    const isFound = code !== undefined && name !== undefined && why === undefined;
    const isExcused = code === undefined && name === undefined && (why ?? '').length > 20;
    expect(isFound || isExcused, mistake).toBe(true);
  }
  expect(new Set(MISTAKES.map(({ at, mistake }) => `${at}: ${mistake}`)).size).toBe(MISTAKES.length);
});

it('names every code there is', () => {
  const codes = RULES.map(({ code }) => code).filter((code) => code !== 'suppression-without-reason');
  expect([...new Set(found.map(({ code }) => code))].sort()).toEqual(codes.sort());
});

describe.each(found.map((one) => [`${one.at}: ${one.mistake}`, one] as const))('%s', (_, { code, case: name, object }) => {
  it('is found', async () => {
    const own = LINT_CASES.find((one) => one.code === code && one.name === name);
    expect(own?.isFiring, `test/lint/cases/${code}/${name}.yaml`).toBe(true);
    if (own === undefined) return;
    const { findings } = await dataOf(own);
    const about = findings.filter((finding) => finding.code === code).map((finding) => finding.object.name);
    expect(about.length).toBeGreaterThan(0);
    if (object !== undefined) expect(about).toContain(object);
  });
});
