/** Whatever is valid and at hand gives no error: what denywhy itself installs and writes, what its pages show, and all of it together. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { lintData } from '../../src/commands/lint-forms.ts';
import { CHART, helmSkip, PRESETS, renderText } from '../deploy/helm.ts';
import { run } from '../run-command.ts';

const ROOT = join(import.meta.dirname, '../..');

async function found(paths: readonly string[], severities: readonly string[], stdin = ''): Promise<readonly string[]> {
  const { stdout, stderr } = await run(['lint', ...paths, '-o', 'json'], { stdin });
  expect(stdout, stderr).not.toBe('');
  const { findings } = JSON.parse(stdout) as ReturnType<typeof lintData>;
  return findings
    .filter(({ severity, suppressed }) => severities.includes(severity) && suppressed === null)
    .map(({ code, object, problem }) => `${code} ${object.kind}/${object.name}: ${problem}`);
}

it.each(['deploy/manifests', 'rules', 'test/lint/tutorial/corrected'])('%s: no error and no warning', async (path) => {
  expect(await found([path], ['error', 'warning'])).toEqual([]);
});

it('all known-good manifests together: no error', async () => {
  expect(await found(['test/lint/known-good', 'test/lint/tutorial/corrected'], ['error'])).toEqual([]);
});

describe.skipIf(helmSkip !== null)(`the chart${helmSkip === null ? '' : ` [${helmSkip}]`}`, () => {
  it.each(PRESETS)('%s: no error and no warning', async (preset) => {
    expect(await found(['-'], ['error', 'warning'], renderText(preset))).toEqual([]);
  });

  it.each(['values.yaml', 'values-redis.yaml'])('%s is of a chart that is none of Linkerd’s', async (name) => {
    expect(await run(['lint', join(CHART, name)])).toMatchObject({ exitCode: 0, stdout: 'Nothing is wrong.\n' });
  });
});

/** Whole objects in pages other than those that show what is wrong. */
const EXAMPLES = readdirSync(join(ROOT, 'docs'))
  .filter((name) => name.endsWith('.md') && name !== 'lint.md')
  .flatMap((name) =>
    [...readFileSync(join(ROOT, 'docs', name), 'utf8').matchAll(/^```ya?ml[^\n]*\n([\s\S]*?)^```$/gm)].flatMap(([, text = ''], i) =>
      /^apiVersion:/m.test(text) && /^kind:/m.test(text) ? [[`docs/${name} ${i + 1}`, text] as const] : [],
    ),
  );

it.each(EXAMPLES)('%s: no error', async (_, text) => {
  const path = join(mkdtempSync(join(tmpdir(), 'denywhy-lint-')), 'example.yaml');
  writeFileSync(path, text);
  expect(await found([path], ['error'])).toEqual([]);
});
