/** Hostile names in every case of every diagnosis: none of it forges a line, moves a terminal, or gets into a command. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { Io } from '../src/commands/command.ts';
import { showData } from '../src/commands/explain-data.ts';
import { type Answer, showAnswer } from '../src/commands/explain-report.ts';
import type { Finding } from '../src/diagnoses/finding.ts';
import type { Explanation } from '../src/explain.ts';
import { type CaseFolder, caseFolders, explainCase } from './case-folder.ts';

const CASES = caseFolders(join(import.meta.dirname, 'cases')).filter(({ isFiring }) => isFiring);
/** What lines and pages can hold, and what only objects can. */
const IN_LOGS = 'z`id`$(id);\u001b[2J\u202e\u009b1Gz';
const IN_OBJECTS = 'z\n\nFORGED   by `id` $(id)\r\u2028FORGED  <b>|</b> \u001b]0;t\u0007';
const NOT_TEXT = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

const QUESTION: Answer['question'] = { namespace: null, workload: null, port: null, at: null };
const IO: Io = {
  stdin: new PassThrough(),
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  env: {},
  now: 0,
  isTTY: { stdin: false, stdout: false, stderr: false },
  columns: 80,
};

type Replace = (text: string) => string;

function inTree(value: unknown, replace: Replace): unknown {
  if (typeof value === 'string') return replace(value);
  if (Array.isArray(value)) return value.map((item) => inTree(item, replace));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inTree(item, replace)]));
}

/** The folder again, with `bad` for the word: in the objects alone, or wherever it stands. */
function planted(folder: CaseFolder, word: string, bad: string, everywhere: boolean): CaseFolder {
  const replace: Replace = (text) => text.replaceAll(new RegExp(`(?<![\\w/.])${word}(?![\\w/])`, 'g'), () => bad);
  const path = mkdtempSync(join(tmpdir(), 'hostile-'));
  for (const name of readdirSync(folder.path)) {
    const text = readFileSync(join(folder.path, name), 'utf8');
    const put = (as: string, content: string) => writeFileSync(join(path, as), content);
    if (/^cluster\.ya?ml$/.test(name)) {
      const items = parseAllDocuments(text).map((document) => inTree(document.toJS(), replace));
      put('cluster.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: items.filter((item) => item !== null) }));
    } else if (name.endsWith('.jsonl')) {
      const lines = text.trimEnd().split('\n');
      put(name, lines.map((line) => `${JSON.stringify(inTree(JSON.parse(line), replace))}\n`).join(''));
    } else if (name.endsWith('.json')) put(name, JSON.stringify(everywhere ? inTree(JSON.parse(text), replace) : JSON.parse(text)));
    else if (everywhere)
      put(
        name.replaceAll(new RegExp(`(?<=^|_)${word}(?=[_-])`, 'g'), () => bad),
        replace(text),
      );
    else put(name, text);
  }
  return { ...folder, path };
}

function findingsOf({ clients, troubles, standing }: Explanation): readonly Finding[] {
  return [
    ...clients.flatMap(({ targets }) => targets.flatMap(({ findings }) => findings)),
    ...troubles.flatMap(({ findings }) => findings),
    ...standing,
  ];
}

function commandsOf(explanation: Explanation): readonly string[] {
  const ofTargets = explanation.clients.flatMap(({ targets }) => targets.flatMap(({ missing }) => missing));
  return [...ofTargets, ...findingsOf(explanation).flatMap(({ missing }) => missing)].map(({ command }) => command);
}

describe.each(['shop', 'orders', 'frontend', 'web'])('hostile for "%s"', (word) => {
  it.each([
    ['wherever it stands', IN_LOGS, true],
    ['in the objects alone', IN_OBJECTS, false],
  ])('%s', { timeout: 120_000 }, async (_where, bad, everywhere) => {
    let found = 0;
    for (const folder of CASES) {
      const explanation = await explainCase(planted(folder, word, bad, everywhere));
      const findings = findingsOf(explanation);
      found += findings.filter((finding) => JSON.stringify(finding).includes(JSON.stringify(bad).slice(1, -1))).length;
      for (const command of commandsOf(explanation)) expect(command, folder.path).not.toMatch(/`id`|\$\(id\)|FORGED/);
      const answer: Answer = { explanation, question: QUESTION, logs: [], notices: [], settings: null };
      const text = showAnswer(answer, QUESTION, IO);
      const json = showData(answer, 'json');
      const yaml = showData(answer, 'yaml');
      for (const shown of [text, json, yaml]) expect(NOT_TEXT.exec(shown)?.[0], `${folder.id} ${folder.name}`).toBeUndefined();
      expect(/^\s*FORGED/m.exec(text)?.[0], `${folder.id} ${folder.name}`).toBeUndefined();
      expect(parse(yaml), `${folder.id} ${folder.name}`).toEqual(JSON.parse(json));
    }
    if (everywhere) expect(found).toBeGreaterThan(10);
  });
});
