/** Holds file, line of the registry, page, cases and the map of root causes together. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DIAGNOSES } from '../../src/diagnoses/index.ts';
import { caseFolders } from '../case-folder.ts';
import { ROOT_CAUSES } from '../root-causes.ts';

const ROOT = join(import.meta.dirname, '../..');
const IDS = DIAGNOSES.map(({ id }) => id);
const CASES = caseFolders(join(ROOT, 'test/cases'));
const SECTIONS = ['## What it means', '## How we know', '## What to do', '## How to be sure'];
/** Files of the room that are no diagnosis. */
const ROOM = [
  'finding',
  'diagnosis',
  'index',
  'decided',
  'drafting',
  'closest',
  'troubles',
  'near-name',
  'near-route',
  'probes',
  'symptoms',
];

function namesIn(folder: string, suffix: string): readonly string[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length))
    .sort();
}

describe.each(IDS)('%s', (id) => {
  it('has a file of its name', () => {
    expect(existsSync(join(ROOT, `src/diagnoses/${id}.ts`))).toBe(true);
  });

  it('has a page with its title and the four sections', () => {
    const page = readFileSync(join(ROOT, `docs/diagnoses/${id}.md`), 'utf8');
    const title = DIAGNOSES.find((diagnosis) => diagnosis.id === id)?.title ?? '';
    expect(page.toLowerCase().startsWith(`# ${title.toLowerCase()}\n`), page.split('\n')[0]).toBe(true);
    expect(page).toContain(`\`${id}\``);
    const headings = page.split('\n').filter((line) => line.startsWith('## '));
    expect(headings).toEqual(SECTIONS);
  });

  it('has a case in which it speaks and one in which it is quiet', () => {
    const own = CASES.filter((folder) => folder.id === id);
    expect(own.some(({ isFiring }) => isFiring)).toBe(true);
    expect(own.some(({ name }) => name.startsWith('quiet-'))).toBe(true);
  });

  it('is a root cause of the catalogue, or said to be none', () => {
    expect([...Object.values(ROOT_CAUSES.rows), ...ROOT_CAUSES.withoutRow]).toContain(id);
  });
});

it('every file of the room is in the list, and every page and case is of a diagnosis', () => {
  expect(namesIn('src/diagnoses', '.ts').filter((name) => !ROOM.includes(name))).toEqual([...IDS].sort());
  expect(namesIn('docs/diagnoses', '.md').filter((name) => name !== 'README')).toEqual([...IDS].sort());
  expect([...new Set(CASES.map(({ id }) => id))]).toEqual([...IDS].sort());
  expect(CASES.filter(({ name }) => !/^(?:firing|quiet)-/.test(name))).toEqual([]);
});

it('ids are unique and in kebab case', () => {
  expect(new Set(IDS).size).toBe(IDS.length);
  expect(IDS.filter((id) => !/^[a-z]+(?:-[a-z]+)*$/.test(id))).toEqual([]);
});

it('the map holds all 56 root causes', () => {
  expect(Object.keys(ROOT_CAUSES.rows).map(Number)).toEqual(Array.from({ length: 56 }, (_, i) => i + 1));
});

it('what the map names is written, or said not to be yet', () => {
  const named = new Set([...Object.values(ROOT_CAUSES.rows), ...ROOT_CAUSES.withoutRow]);
  expect([...named].filter((id) => !IDS.includes(id)).sort()).toEqual([...ROOT_CAUSES.notYetWritten].sort());
});
