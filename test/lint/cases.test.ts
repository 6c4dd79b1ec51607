/** Every rule over data: where it must speak, and where something looks alike and it must not. `-u` writes the answers anew: read them. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataOf, LINT_CASES, lintCase } from './lint-cases.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Those that say an object would not be taken. */
const NOT_ADMITTED = ['wrong-api-version', 'unknown-field', 'wrong-reference', 'invalid-object'];

describe.each(LINT_CASES.map((one) => [`${one.code}: ${one.name}`, one] as const))('%s', (_title, one) => {
  it(
    one.isFiring ? 'is found, and the whole answer is as it was read' : 'is not found, and the whole answer is as it was read',
    async () => {
      const { findings } = await dataOf(one);
      const codes = new Set(findings.map(({ code }) => code));
      expect(codes.has(one.code), [...codes].join()).toBe(one.isFiring);
      const { stdout, exitCode } = await lintCase(one);
      expect(exitCode).toBe(findings.some(({ severity, suppressed }) => severity === 'error' && suppressed === null) ? 1 : 0);
      await expect(stdout).toMatchFileSnapshot(join(ROOT, one.path.replace(/\.yaml$/, '.txt')));
    },
  );

  it('says where it is, what it does and what is right', async () => {
    const { findings } = await dataOf(one);
    const lines = one.text.split('\n');
    for (const { file, line, column, effect, right, problem } of findings) {
      expect(file).toBe(one.path);
      expect((lines[(line ?? 0) - 1] ?? '').length).toBeGreaterThanOrEqual((column ?? 0) - 1);
      for (const text of [effect, right, problem]) expect(text).not.toBe('');
    }
  });

  it('is clean of what --fix repairs, admitted as far as it was, and keeps its comments', async () => {
    const { findings } = await dataOf(one);
    const fixable = findings.filter((finding) => finding.fixable && finding.suppressed === null);
    const file = join(mkdtempSync(join(tmpdir(), 'denywhy-lint-')), 'fixed.yaml');
    writeFileSync(file, one.text);
    const { stdout } = await lintCase(one, ['--fix=write', '-o', 'json'], file);
    const keyOf = ({ code, object, path }: (typeof findings)[number]) =>
      `${code} ${object.kind} ${object.namespace}/${object.name} ${path}`;
    const left = (JSON.parse(stdout) as { findings: typeof findings }).findings;
    expect(left.filter(({ fixable: isFixable, suppressed }) => isFixable && suppressed === null).map(keyOf)).toEqual([]);
    const before = new Set(findings.map(keyOf));
    expect(left.filter((finding) => NOT_ADMITTED.includes(finding.code) && !before.has(keyOf(finding))).map(keyOf)).toEqual([]);

    const text = readFileSync(file, 'utf8');
    if (fixable.length === 0) expect(text).toBe(one.text);
    for (const comment of one.text.match(/#.*$/gm) ?? []) expect(text).toContain(comment);
  });
});
