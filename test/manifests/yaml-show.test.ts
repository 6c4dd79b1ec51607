import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { showYaml } from '../../src/manifests/yaml-show.ts';

const hostile = fc.string({
  unit: fc.constantFrom(
    'a',
    ':',
    '-',
    '#',
    '\n',
    '"',
    "'",
    ' ',
    '\u001b',
    '\u0007',
    '\u202e',
    '\u{e0001}',
    '\u009b',
    '\u2028',
    '{',
    '&',
    '*',
    '!',
  ),
});

describe('a value as YAML', () => {
  test('is read as the same value, and holds nothing that a terminal obeys', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ text: hostile, number: fc.integer(), list: fc.array(hostile), nothing: fc.constant(null) })),
        (value) => {
          const yaml = showYaml(value);
          expect(parse(yaml)).toEqual(value);
          expect(yaml.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        },
      ),
      { numRuns: 300 },
    );
  });
});
