/** The corrected form of a widely read tutorial: what is still lacking. */
import { expect, it } from 'vitest';
import { run } from '../run-command.ts';

it('is on the way and not at its end', async () => {
  const { exitCode, stdout, stderr } = await run(['posture', '-n', 'production', '--cluster', 'test/lint/tutorial/corrected']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
  await expect(stdout).toMatchFileSnapshot('golden/tutorial.txt');
});
