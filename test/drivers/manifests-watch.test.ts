import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signatureOf } from '../../src/drivers/manifests-watch.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'denywhy-watch-'));
  mkdirSync(join(root, 'below'));
  writeFileSync(join(root, 'below', 'a.yaml'), 'one');
});
afterEach(() => rmSync(root, { recursive: true }));

const at = (...names: readonly string[]) => join(root, ...names);

describe('the signature of files', () => {
  it.each([
    [
      'a file is written anew, in the same length',
      () => {
        writeFileSync(at('below', 'a.yaml'), 'two');
        utimesSync(at('below', 'a.yaml'), 1, 1);
      },
    ],
    ['a file appears', () => writeFileSync(at('b.yaml'), '')],
    ['a file goes', () => rmSync(at('below', 'a.yaml'))],
    ['a file is renamed', () => renameSync(at('below', 'a.yaml'), at('below', 'b.yaml'))],
  ])('changes when %s', async (_name, change) => {
    const before = await signatureOf([root]);
    expect(await signatureOf([root])).toBe(before);
    change();
    expect(await signatureOf([root])).not.toBe(before);
  });

  it('changes when a ConfigMap is swapped: its files are links into a hidden directory', async () => {
    for (const version of ['..v1', '..v2']) {
      mkdirSync(at(version));
      writeFileSync(at(version, 'policy.yaml'), version);
    }
    symlinkSync('..v1', at('..data'));
    symlinkSync('..data/policy.yaml', at('policy.yaml'));
    const before = await signatureOf([root]);
    symlinkSync('..v2', at('..next'));
    renameSync(at('..next'), at('..data'));
    expect(await signatureOf([root])).not.toBe(before);
  });

  it('does not change with hidden files, and ends in a circle of links', async () => {
    symlinkSync('..', at('below', 'up'));
    const before = await signatureOf([root]);
    writeFileSync(at('.hidden'), 'x');
    expect(await signatureOf([root])).toBe(before);
  });

  it('of what is not there is one of its own', async () => {
    expect(await signatureOf([at('nowhere')])).toBe(await signatureOf([]));
  });
});
