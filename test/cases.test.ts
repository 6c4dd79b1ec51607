/** Every diagnosis over data: where it must speak, and where something looks alike and it must not. `-u` writes the answers anew: read them. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { answerData, caseFolders, explainCase, idsIn } from './case-folder.ts';

const CASES = caseFolders(join(import.meta.dirname, 'cases'));

describe.each(CASES.map((folder) => [`${folder.id}: ${folder.name}`, folder] as const))('%s', (_title, folder) => {
  it(
    folder.isFiring ? 'is found, and the whole answer is as it was read' : 'is not found, and the whole answer is as it was read',
    async () => {
      const explanation = await explainCase(folder);
      expect(idsIn(explanation).has(folder.id), [...idsIn(explanation)].join()).toBe(folder.isFiring);
      const answer = `${JSON.stringify(answerData(explanation, folder), null, 2)}\n`;
      await expect(answer).toMatchFileSnapshot(join(folder.path, 'expected.json'));
    },
  );

  it('is the same, byte by byte, when it is asked again', async () => {
    const [one, other] = [await explainCase(folder), await explainCase(folder)];
    expect(JSON.stringify(answerData(one, folder))).toBe(JSON.stringify(answerData(other, folder)));
  });

  it('is the same, byte by byte, in whatever order objects and files come', async () => {
    const [one, other] = [await explainCase(folder), await explainCase(folder, 'reversed')];
    expect(JSON.stringify(answerData(other, folder), null, 1)).toBe(JSON.stringify(answerData(one, folder), null, 1));
  });
});
