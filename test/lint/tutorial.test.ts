/** A widely read tutorial as it is written, and in its right form; manifests that are in order. `-u` writes the answers anew: read them. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../run-command.ts';

const HERE = import.meta.dirname;

it.each(['as-written', 'corrected'])('the tutorial %s', async (form) => {
  const { stdout, exitCode } = await run(['lint', `test/lint/tutorial/${form}`]);
  expect(exitCode).toBe(form === 'corrected' ? 0 : 1);
  await expect(stdout).toMatchFileSnapshot(join(HERE, `tutorial/${form}.txt`));
});

it.each([
  ['the policies of linkerd-viz', ['viz']],
  ['what linkerd viz allow-scrapes prints, where viz is', ['allow-scrapes', 'viz']],
  ['a route for clients and one for probes', ['orders']],
  ['a policy for the whole namespace', ['namespace']],
])('%s: no error and no warning', async (_, names) => {
  const { stdout, exitCode } = await run(['lint', ...names.map((name) => `test/lint/known-good/${name}.yaml`), '-o', 'json']);
  expect(JSON.parse(stdout)).toMatchObject({ errors: 0, warnings: 0 });
  expect(exitCode).toBe(0);
});
