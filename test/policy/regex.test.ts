import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coversWhole, isValidPattern } from '../../src/policy/regex.ts';

interface Line {
  readonly pattern: string;
  readonly compiles: boolean;
  /** Texts that a search finds from end to end, and texts that it does not. */
  readonly whole: readonly string[];
  readonly not: readonly string[];
}

const LINES = readFileSync(new URL('../fixtures/rust/regex-match.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Line);

describe("agrees with Rust's regex crate", () => {
  it.each(LINES)('on $pattern', ({ pattern, compiles, whole, not }) => {
    expect(isValidPattern(pattern)).toBe(compiles);
    expect(whole.filter((text) => !coversWhole(pattern, text))).toEqual([]);
    expect(not.filter((text) => coversWhole(pattern, text))).toEqual([]);
  });
});

describe('what RE2 cannot say', () => {
  it.each(['\\b{start}a', '\\<a', 'a\\>', '(?:a{100}){100}'])('is valid and matches nothing: %s', (pattern) => {
    expect(isValidPattern(pattern)).toBe(true);
    expect(coversWhole(pattern, 'a')).toBe(false);
  });
});

it('runs in linear time on patterns that blow up elsewhere', () => {
  const text = `${'a'.repeat(20_000)}!`;
  const start = performance.now();
  expect(coversWhole('(a+)+$', text)).toBe(false);
  expect(coversWhole('(a|aa)*b', text)).toBe(false);
  expect(performance.now() - start).toBeLessThan(5000);
});

it('never throws, whatever pattern and text are', () => {
  const pattern = fc.string({ unit: fc.constantFrom(...'ab\\[]{}()*+?|^$.-&~:,<>PpxuUiUs019 #', 'é'), maxLength: 20 });
  fc.assert(
    fc.property(pattern, fc.string({ unit: 'binary', maxLength: 10 }), (p, text) => {
      const covers = coversWhole(p, text);
      expect(isValidPattern(p) || !covers).toBe(true);
    }),
    { numRuns: 1500 },
  );
});
