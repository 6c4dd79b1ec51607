/** The list of diagnoses and their pages, through the program. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DIAGNOSES } from '../../src/diagnoses/index.ts';
import { run } from '../run-command.ts';

describe('denywhy diagnoses', () => {
  it('lists each with its title, in the order of the alphabet', async () => {
    const { exitCode, stdout } = await run(['diagnoses']);
    const ids = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ', 1)[0]);
    expect(exitCode).toBe(0);
    expect(ids).toEqual(DIAGNOSES.map(({ id }) => id).sort());
    for (const { title } of DIAGNOSES) expect(stdout).toContain(title);
  });

  it('gives the same as data', async () => {
    const { stdout } = await run(['diagnoses', '-o', 'json']);
    expect(new Map(JSON.parse(stdout).map((d: { id: string; title: string }) => [d.id, d.title]))).toEqual(
      new Map(DIAGNOSES.map(({ id, title }) => [id, title])),
    );
  });
});

describe('denywhy explain --id', () => {
  it.each(DIAGNOSES.map(({ id }) => id))('%s: prints its page', async (id) => {
    const { exitCode, stdout } = await run(['explain', '--id', id]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(readFileSync(join(import.meta.dirname, `../../docs/diagnoses/${id}.md`), 'utf8'));
  });

  it.each(['dangling', '../adr/0001-pure-rooms', ''])('%j is no diagnosis, and it says what there is', async (id) => {
    const { exitCode, stderr } = await run(['explain', '--id', id]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`there is no diagnosis ${JSON.stringify(id)}`);
    expect(stderr).toContain('denywhy diagnoses');
  });
});
