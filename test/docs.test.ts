/** What the documentation says is so: its links, its commands, and what it shows as their output. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { METRIC } from '../src/evidence/conventions.ts';

const ROOT = join(import.meta.dirname, '..');
const PAGES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'demo/README.md', ...globSync('docs/**/*.md', { cwd: ROOT })].sort();

function textOf(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** ```` ```sh runnable ```` and, where it follows, the ```` ```text output ```` that it prints. */
interface Example {
  readonly page: string;
  readonly script: string;
  readonly output: string | null;
}

function examplesIn(page: string): readonly Example[] {
  const fence = /^```sh runnable\n([\s\S]*?)^```\n(?:\n```text output\n([\s\S]*?)^```$)?/gm;
  return [...textOf(page).matchAll(fence)].map(([, script = '', output]) => ({ page, script, output: output ?? null }));
}

const bin = mkdtempSync(join(tmpdir(), 'denywhy-docs-'));
symlinkSync(join(ROOT, 'bin', 'denywhy.js'), join(bin, 'denywhy'));
afterAll(() => rmSync(bin, { recursive: true }));

/** Runs as in a checkout of one's own, with `denywhy` on the PATH, outside of any npm script. */
function run(script: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { npm_lifecycle_event: _event, INIT_CWD: _directory, ...env } = process.env;
  const path = [bin, dirname(process.execPath), env['PATH'] ?? ''].join(delimiter);
  return spawnSync('sh', ['-ec', script], { cwd: ROOT, encoding: 'utf8', env: { ...env, PATH: path, NO_COLOR: '1' } });
}

/** Pieces between lines `…`, each of which stands in the output as it is. */
function piecesOf(output: string): readonly string[] {
  return output.split(/^…$/m).map((piece) => piece.replace(/^\n+|\n+$/g, ''));
}

const EXAMPLES = PAGES.flatMap(examplesIn);

it('some examples are there to be run', () => {
  expect(EXAMPLES.filter(({ output }) => output !== null).length).toBeGreaterThanOrEqual(3);
});

it.each(EXAMPLES.map((example) => [example.page, example.script.split('\n')[0], example] as const))(
  '%s: %s',
  (_, __, { script, output }) => {
    const { status, stdout, stderr } = run(script);
    expect(status, stderr).toBe(0);
    const lines = stdout.split('\n');
    for (const piece of piecesOf(output ?? '')) {
      // Each line where the pieces are totals that stand apart; together where they are one text.
      expect(stdout.includes(piece) || piece.split('\n').every((line) => lines.includes(line)), piece).toBe(true);
    }
  },
);

describe.each(PAGES)('%s', (page) => {
  it('leads only to what is there', () => {
    const links = [...textOf(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
    const dead = links.filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(ROOT, dirname(page), target)));
    expect(dead).toEqual([]);
  });

  it('names only npm scripts that there are', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    const named = [...textOf(page).matchAll(/npm run (?:-s )?([a-z][\w:-]*)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });
});

it.each(PAGES)('%s names only metrics that are read', (page) => {
  const known = new Set<string>(Object.values(METRIC));
  const named = [...textOf(page).matchAll(/\binbound_[a-z_]+/g)].map(([name]) => name);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});

it('README lists every command', () => {
  const commands = [...run('denywhy --help').stdout.matchAll(/^ {2}([a-z]+) (?:\[options\]| {2})/gm)].map(([, name = '']) => name);
  expect(commands).toContain('explain');
  const readme = textOf('README.md');
  expect(commands.filter((name) => name !== 'help' && !readme.includes(`\`${name}\``))).toEqual([]);
});

const WITH_OPTIONS = ['explain', 'policy', 'can', 'simulate', 'test', 'generate', 'posture', 'check', 'lint', 'demo', 'rules'];

it.each(WITH_OPTIONS)('docs/%s.md has every option of the command, and no other', (command) => {
  const optionsIn = (text: string) => [...text.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([option]) => option);
  const help = run(`denywhy ${command} --help`).stdout;
  const known = new Set([...help.matchAll(/^ {2}(?:-\w, )?(--[a-z][a-z-]+)/gm)].map(([, option]) => option));
  const said = new Set(
    textOf(`docs/${command}.md`)
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.split('|')[1] ?? '')
      .flatMap(optionsIn),
  );
  for (const option of ['--help', '--output']) known.delete(option);
  expect([...said].sort()).toEqual([...known].sort());
});
