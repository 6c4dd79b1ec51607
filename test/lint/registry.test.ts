/** Holds file, line of the registry, page, cases and the map of root causes together. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../src/lint/index.ts';
import { ROOT_CAUSES } from '../root-causes.ts';
import { LINT_CASES } from './lint-cases.ts';

const ROOT = join(import.meta.dirname, '../..');
const CODES = RULES.map(({ code }) => code);
const SECTIONS = ['## What is wrong', '## What it does', '## The right form'];
/** Files of the room that are no rule. */
const ROOM = [
  'against',
  'annotated',
  'chart-keys',
  'chart-values',
  'effect',
  'finding',
  'fix',
  'identities',
  'index',
  'lint',
  'networks',
  'objects',
  'promql',
  'regex-samples',
  'rule',
  'servers',
  'services',
  'shifts',
  'suppressions',
  'targets',
];

function namesIn(folder: string, suffix: string): readonly string[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length))
    .sort();
}

describe.each(CODES)('%s', (code) => {
  it('has a file of its name', () => {
    expect(existsSync(join(ROOT, `src/lint/${code}.ts`))).toBe(true);
  });

  it('has a page with its title and the three sections, and a line in the table', () => {
    const page = readFileSync(join(ROOT, `docs/lint/${code}.md`), 'utf8');
    const title = RULES.find((rule) => rule.code === code)?.title ?? '';
    expect(page.toLowerCase().startsWith(`# ${title.toLowerCase()}\n`), `${page.split('\n')[0]} is not ${title}`).toBe(true);
    expect(page).toContain(`\`${code}\``);
    expect(page.split('\n').filter((line) => line.startsWith('## '))).toEqual(SECTIONS);
    expect(readFileSync(join(ROOT, 'docs/lint.md'), 'utf8')).toContain(`[\`${code}\`](lint/${code}.md)`);
  });

  it('has a case in which it speaks and one in which it is quiet', () => {
    const own = LINT_CASES.filter((one) => one.code === code);
    expect(own.some(({ isFiring }) => isFiring)).toBe(true);
    expect(own.some(({ name }) => name.startsWith('quiet'))).toBe(true);
  });
});

it('every file of the room is in the list, and every page and case is of a rule', () => {
  expect(namesIn('src/lint', '.ts').filter((name) => !ROOM.includes(name))).toEqual([...CODES].sort());
  expect(namesIn('docs/lint', '.md')).toEqual([...CODES].sort());
  expect([...new Set(LINT_CASES.map(({ code }) => code))].sort()).toEqual([...CODES].sort());
  expect(LINT_CASES.filter(({ name }) => !/^(?:firing|quiet)/.test(name))).toEqual([]);
});

it('codes are unique and in kebab case', () => {
  expect(new Set(CODES).size).toBe(CODES.length);
  expect(CODES.filter((code) => !/^[a-z]+\d?(?:-[a-z]+\d?)*$/.test(code))).toEqual([]);
});

it('the root causes that codes stand for are those of the catalogue, and the codes exist', () => {
  for (const [code, rows] of Object.entries(ROOT_CAUSES.lint)) {
    expect(CODES).toContain(code);
    for (const row of rows) expect(ROOT_CAUSES.rows).toHaveProperty(String(row));
  }
});
