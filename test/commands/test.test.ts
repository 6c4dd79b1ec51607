import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { ACCESS_TESTS } from '../../src/manifests/access-tests.ts';
import { run } from '../run-command.ts';

const STORY = 'test/fixtures/access-tests/story.yaml';
const HISTORY = 'demo/policy-history.jsonl';

const directory = mkdtempSync(join(tmpdir(), 'denywhy-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}
const ask = (...args: readonly string[]) => run(['test', ...args, '--cluster', HISTORY]);
const one = (question: string) => `form: denywhy.test/1\nnamespace: production\ntests:\n  - ${question}\n`;

describe('the story', () => {
  it('at its end every answer is the expected one', async () => {
    expect(await ask(STORY)).toMatchObject({ exitCode: 0, stderr: '', stdout: expect.stringContaining('4 passed, 0 failed') });
  });

  it('during the typo one is not: the object that decides, where it is, and the change since which it is so', async () => {
    const { exitCode, stdout } = await ask(STORY, '--at', '09:25:00');
    expect(exitCode).toBe(1);
    await expect(stdout).toMatchFileSnapshot('golden/test-typo.txt');
  });

  it('as data', async () => {
    const { passed, failed, results } = JSON.parse((await ask(STORY, '--at', '09:25:00', '-o', 'json')).stdout);
    expect({ passed, failed }).toEqual({ passed: 3, failed: 1 });
    expect(results[0]).toMatchObject({
      name: 'the frontend reads and writes orders',
      expected: 'yes',
      answer: 'no',
      object: { kind: 'MeshTLSAuthentication', name: 'frontend-mtls' },
      since: { at: '2026-11-23T09:23:07.337Z', objects: ['MeshTLSAuthentication production/frontend-mtls'] },
    });
  });

  it('as JUnit', async () => {
    await expect((await ask(STORY, '--at', '09:25:00', '-o', 'junit')).stdout).toMatchFileSnapshot('golden/test-typo.xml');
  });
});

describe('--write', () => {
  it('begins a file with today’s answers, which then all pass; at another time they do not', async () => {
    const path = join(directory, 'first.yaml');
    expect(await run(['test', '--write', path, '-n', 'production', '--cluster', HISTORY])).toMatchObject({ exitCode: 0, stdout: '' });
    expect(parse(readFileSync(path, 'utf8')).tests.length).toBeGreaterThan(20);
    expect((await ask(path)).exitCode).toBe(0);
    const linkerd = file('first-linkerd.yaml', readFileSync(path, 'utf8').replace('namespace:', 'only: linkerd\nnamespace:'));
    expect((await ask('--write', linkerd)).exitCode).toBe(0);
    expect((await ask(linkerd)).exitCode).toBe(0);
    expect((await ask(linkerd, '--at', '09:25:00')).exitCode).toBe(1);
  });

  it('brings answers up to date and leaves the rest of the file alone', async () => {
    const path = file('update.yaml', readFileSync(STORY, 'utf8').replace('expect: no # whatever', 'expect: yes # whatever'));
    expect((await ask(path)).exitCode).toBe(1);
    const { stderr } = await ask('--write', path);
    expect(stderr).toContain('1 of 4 answers are new');
    expect(readFileSync(path, 'utf8')).toBe(readFileSync(STORY, 'utf8'));
  });

  it('asks whose answers', async () => {
    expect(await ask('--write', join(directory, 'nobody.yaml'))).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('whose answers?'),
    });
  });
});

describe('files', () => {
  it('the published schema is what files are held against', () => {
    const published = JSON.parse(readFileSync('docs/schema/denywhy-test.json', 'utf8'));
    const { title, ...shape } = published;
    expect(title).toBe('A file of denywhy test');
    expect(shape).toEqual(z.toJSONSchema(ACCESS_TESTS, { io: 'input' }));
  });

  it('truth values are taken for yes and no', async () => {
    const path = file('bool.yaml', one('{can: sa/frontend, reach: "deploy/backend:8080", path: /api/v1, only: linkerd, expect: true}'));
    expect((await ask(path)).exitCode).toBe(0);
  });

  it.each([
    ['empty', '', 'There is nothing in it'],
    ['another form', 'form: denywhy.test/9\ntests: []\n', 'form'],
    ['an unknown field', one('{can: sa/x, reach: "deploy/backend:8080", expct: no, expect: no}'), 'tests.0'],
    ['no answer', one('{can: sa/x, reach: "deploy/backend:8080"}'), 'tests.0.expect'],
    ['no YAML', 'form: [', 'form'],
  ])('%s: exit 2, with its place', async (_, text, message) => {
    const { exitCode, stdout, stderr } = await ask(file('bad.yaml', text));
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 2, stdout: '', stderr: expect.stringContaining('bad.yaml') });
    expect(stderr.includes(message) || text === 'form: [').toBe(true);
  });

  it('a question that cannot be asked fails, and says why', async () => {
    const { exitCode, stdout } = await ask(file('gone.yaml', one('{can: sa/frontend, reach: "deploy/gone:8080", expect: no}')));
    expect(exitCode).toBe(1);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('cannot be asked: there are no pods of deploy/gone');
  });

  it('hostile names stay text', async () => {
    const name = JSON.stringify('</testcase><x a="&\u001b[31m\u202e');
    const path = file('hostile.yaml', one(`{name: ${name}, can: sa/frontend, reach: "deploy/backend:8080", path: /admin, expect: yes}`));
    const junit = (await ask(path, '-o', 'junit')).stdout;
    expect(junit).not.toMatch(/<x|(?!\n)\p{Cc}|\p{Cf}/u);
    expect((await ask(path)).stdout).not.toMatch(/(?!\n)\p{Cc}|\p{Cf}/u);
  });
});
