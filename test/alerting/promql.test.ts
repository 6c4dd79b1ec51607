import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assertPromql,
  combine,
  duration,
  equals,
  isNoneOf,
  isOneOf,
  quote,
  quoteRegex,
  relabel,
  series,
  set,
  sumBy,
} from '../../src/alerting/promql.ts';

/** What tries to end a string, a selector or a line. */
const HOSTILE = [
  'plain',
  '',
  '"',
  '\\',
  '\\"',
  '"} or up{job="',
  "'",
  '`',
  '\n',
  '\r\n\t\u0000\u001b[31m',
  '{{ $labels.x }}',
  '$1 $x %s',
  '.*|a+(b)?[c]{2}^$',
  '# comment',
  '\u2028\u2029\u202e\ufeff',
  '\ud800 lone',
  'é 漢字 💥',
  '\u{e0001}',
];

const hostile = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', maxLength: 50 }));

/** Reads the literal back by rules of its own: JSON's, after the one escape of Go's that JSON lacks. */
function unquoted(literal: string): string {
  return JSON.parse(
    literal.replace(/\\U([0-9a-f]{8})/g, (_, hex: string) => JSON.stringify(String.fromCodePoint(Number.parseInt(hex, 16))).slice(1, -1)),
  );
}

describe('a quoted value', () => {
  it.each(HOSTILE.map((value) => [JSON.stringify(value), value]))('%s comes back as it was', (_, value) => {
    expect(unquoted(quote(value))).toBe(value.toWellFormed());
  });

  it('comes back as it was, whatever it holds, on one visible line', () => {
    fc.assert(
      fc.property(hostile, (value) => {
        const literal = quote(value);
        expect(unquoted(literal)).toBe(value.toWellFormed());
        expect(literal).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('never changes what an expression is', () => {
    fc.assert(
      fc.property(hostile, hostile, (a, b) => {
        const selector = series('m', [equals('a', a), isOneOf('b', [a, b]), isNoneOf('c', [b, 'x'])]);
        const whole = sumBy(['a'], relabel(combine(selector, 'unless', selector), [set('x', b, 'a', quoteRegex(a))]));
        assertPromql(whole);
        expect(whole.split('\n')).toHaveLength(9);
      }),
    );
  });

  it('as a regular expression matches itself alone', () => {
    fc.assert(
      fc.property(hostile, hostile, (value, other) => {
        const regex = new RegExp(`^(?:${quoteRegex(value)})$`, 's');
        expect(regex.test(value)).toBe(true);
        expect(regex.test(other)).toBe(value === other);
      }),
    );
  });
});

describe('names', () => {
  it.each(['', '1a', 'a-b', 'a b', 'a"', 'a{', 'é'])('%j is no name of a metric or label', (name) => {
    expect(() => series(name)).toThrow('no name of a metric');
    expect(() => series('m', [equals(name, 'x')])).toThrow('no name of a label');
    expect(() => sumBy([name], series('m'))).toThrow('no name of a label');
  });

  it('a colon is one of a metric’s and none of a label’s', () => {
    expect(series('level:metric:op')).toBe('level:metric:op');
    expect(() => series('m', [equals('a:b', 'x')])).toThrow('no name of a label');
  });
});

describe('a replacement', () => {
  it('is taken literally: nothing in it refers to a group', () => {
    expect(relabel(series('m'), [set('x', '$1 and $name', 'a', '.*')])).toContain('"$$1 and $$name"');
  });
});

it.each([
  [1, '1s'],
  [60, '1m'],
  [90, '90s'],
  [300, '5m'],
  [3600, '1h'],
  [5400, '90m'],
  [86_400, '1d'],
])('%i s is written %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

it.each([0, -1, 1.5, Number.NaN])('%d s is no duration', (seconds) => {
  expect(() => duration(seconds)).toThrow('no duration');
});

it.each(['', 'sum(', 'a b', 'm{', 'm{a="b}', 'rate(m[5m)', 'sum by (a (m)', 'm offset'])('%j is no PromQL', (text) => {
  expect(() => assertPromql(text)).toThrow('does not parse');
});
