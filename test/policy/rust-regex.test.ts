import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../../src/policy/refusal.ts';
import { checkRustRegex } from '../../src/policy/rust-regex.ts';

function compiles(pattern: string): boolean {
  try {
    checkRustRegex(pattern);
    return true;
  } catch (error) {
    if (error instanceof Refusal && !error.ownWords && error.message !== '') return false;
    throw error;
  }
}

const corpus = readFileSync(new URL('../fixtures/rust/regex.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as { readonly pattern: string; readonly compiles: boolean });

describe('checkRustRegex', () => {
  test("agrees with Rust's regex crate on every pattern of the corpus", () => {
    expect(corpus.filter((c) => c.compiles).length).toBeGreaterThan(100);
    expect(corpus.filter((c) => !c.compiles).length).toBeGreaterThan(100);
    expect(corpus.filter((c) => compiles(c.pattern) !== c.compiles)).toEqual([]);
  });

  test('a literal is itself, whatever it is, once its special characters are escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(compiles(text.replace(/[\\.+*?()|[\]{}^$#&\-~]/g, '\\$&'))).toBe(true);
      }),
    );
  });

  test('compiling patterns stay so in a group, side by side and as alternatives', () => {
    const pattern = fc.constantFrom(
      ...corpus.filter((c) => c.compiles && c.pattern.length < 20 && !/[<{]|\(\?x/.test(c.pattern)).map((c) => c.pattern),
    );
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        expect([`(?:${a})`, `(?:${a})(?:${b})`, `(?:${a})|(?:${b})`, `((?:${a})*)+`].filter((p) => !compiles(p))).toEqual([]);
      }),
    );
  });

  test('any text gets an answer', () => {
    const token = fc.constantFrom(
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '?',
      '*',
      '\\',
      'p',
      'x',
      'b',
      '-',
      '&&',
      '(?',
      'P<',
      '^',
      '|',
      '#',
      ' ',
      'a',
      '1',
      ',',
      ':',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(token).map((tokens) => tokens.join('')),
        ),
        (text) => {
          expect(typeof compiles(text)).toBe('boolean');
        },
      ),
      { numRuns: 2000 },
    );
  });

  test.each(['(', '[', 'a*', '[a-z]', '\\b{', '(?i)', '[--', '\\p{', 'a{1,', '(?P<a', '(a|'])(
    'a long row of %s takes time in proportion',
    (part) => {
      const time = (n: number) => {
        const start = performance.now();
        compiles(part.repeat(n));
        return performance.now() - start;
      };
      time(10_000);
      expect(time(100_000)).toBeLessThan(2000);
    },
  );
});
