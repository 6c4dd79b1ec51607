import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../../src/policy/refusal.ts';
import {
  bool,
  type Decoder,
  defaulted,
  i32,
  list,
  map,
  optional,
  optionalByDefault,
  required,
  string,
  struct,
  tagged,
  u32,
  variant,
} from '../../src/policy/serde.ts';

function complaint(decode: Decoder<unknown>, value: unknown): string | null {
  try {
    decode(value);
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

const point = struct('Point', { x: required(i32), y: optional(i32), z: optionalByDefault(i32), named: defaulted(bool, false) });

describe('struct', () => {
  test('missing fields are null or their default, others are ignored', () => {
    expect(point({ x: 1, other: 2 })).toEqual({ x: 1, y: null, z: null, named: false });
  });
  test('an inherited field is missing', () => {
    expect(complaint(point, Object.create({ x: 1 }))).toBe('missing field `x`');
  });
  test('a list fills the fields in order; only defaults may be left out', () => {
    expect(point([1, 2])).toEqual({ x: 1, y: 2, z: null, named: false });
    expect(complaint(point, [1])).toBe('invalid length 1, expected struct Point with 4 elements');
    expect(complaint(point, [1, 2, 3, true, 5])).toBe('invalid length 5, expected struct Point with 4 elements');
  });
});

test.each<[string, Decoder<unknown>, unknown, string | null]>([
  ['a missing field', point, {}, 'missing field `x`'],
  ['null for a default', point, { x: 1, named: null }, 'invalid type: null, expected a boolean'],
  ['a string for a struct', point, 'x', 'invalid type: string "x", expected struct Point'],
  ['a fraction', i32, 1.5, 'invalid type: floating point `1.5`, expected i32'],
  ['the largest u32', u32, 4_294_967_295, null],
  ['one more', u32, 4_294_967_296, 'invalid value: integer `4294967296`, expected u32'],
  ['a negative u32', u32, -1, 'invalid value: integer `-1`, expected u32'],
  ['a map for a list', list(string), {}, 'invalid type: map, expected a sequence'],
  ['a null item', list(string), [null], 'invalid type: null, expected a string'],
  ['a list for a map', map(string), [], 'invalid type: sequence, expected a map'],
  ['two variants', variant(['A', 'B']), 'C', 'unknown variant `C`, expected `A` or `B`'],
  ['three variants', variant(['A', 'B', 'C']), 'D', 'unknown variant `D`, expected one of `A`, `B`, `C`'],
  ['a variant as a map', variant(['A', 'B']), { A: null }, null],
  ['a tag that is missing', tagged('type', { A: string }), {}, 'missing field `type`'],
  ['a tag of another type', tagged('type', { A: string }), { type: 1 }, 'invalid type: integer `1`, expected a string'],
  [
    'a tag named like a method',
    tagged('type', { A: string, B: string }),
    { type: 'toString' },
    'unknown variant `toString`, expected `A` or `B`',
  ],
])('%s', (_, decode, value, expected) => {
  expect(complaint(decode, value)).toBe(expected);
});

test('keys of a map are only keys', () => {
  const read = map(string)(JSON.parse('{"__proto__":"a","constructor":"b"}'));
  expect([...read]).toEqual([
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ]);
});

test('any JSON is read or refused', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      for (const decode of [point, u32, string, list(point), map(point), variant(['A']), tagged('type', { A: point })])
        complaint(decode, value);
    }),
  );
});
