import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { goDuration } from '../../src/policy/go-duration.ts';
import { isKubeDuration } from '../../src/policy/kube-duration.ts';
import { rustDebug, showDuration } from '../../src/policy/rust-text.ts';

describe('goDuration', () => {
  test.each([
    ['', 0n],
    ['0', 0n],
    ['+5s', 5_000_000_000n],
    ['5.6s', 5_600_000_000n],
    ['5.s', 5_000_000_000n],
    ['.5s', 500_000_000n],
    ['1.004s', 1_004_000_000n],
    ['10ns', 10n],
    ['11us', 11_000n],
    ['12µs', 12_000n],
    ['12μs', 12_000n],
    ['3h30m', 12_600_000_000_000n],
    ['10.5s4m', 250_500_000_000n],
    ['39h9m14.425s', 140_954_425_000_000n],
    ['0.3333333333333333333h', 1_200_000_000_000n],
    ['5s0', 0n],
  ])('%s', (text, nanoseconds) => {
    expect(goDuration(text)).toEqual({ negative: false, nanoseconds });
  });

  test.each(['-5s', '--5s', '-0'])('%s is negative', (text) => {
    expect(goDuration(text)?.negative).toBe(true);
  });

  test('a plus in front hides the minus', () => {
    expect(goDuration('+-5s')).toEqual({ negative: false, nanoseconds: 5_000_000_000n });
  });

  test.each(['5', 's', '.s', '5 s', ' 5s', '5s ', '5x', '1d', '1,5s', '1e3s', '5S', '٣s', '99999999999999999999h'])(
    '%j is none',
    (text) => {
      expect(goDuration(text)).toBeNull();
    },
  );

  test('reads back what Rust prints', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 15n), (nanoseconds) => {
        const read = goDuration(showDuration(nanoseconds))?.nanoseconds ?? -1n;
        const off = read > nanoseconds ? read - nanoseconds : nanoseconds - read;
        expect(off <= 64n).toBe(true);
      }),
    );
  });
});

test.each([
  [0n, '0ns'],
  [999n, '999ns'],
  [1500n, '1.5µs'],
  [1_000_001n, '1.000001ms'],
  [1_000_000_000n, '1s'],
  [123_456_789_012n, '123.456789012s'],
])('showDuration(%s) is %s', (nanoseconds, text) => {
  expect(showDuration(nanoseconds)).toBe(text);
});

test.each([
  ['a"b\\c', String.raw`"a\"b\\c"`],
  ['\n\t\r\0\x07', String.raw`"\n\t\r\0\u{7}"`],
  ["it's é 😀", `"it's é 😀"`],
  ['\u200b\u00a0\u202e', String.raw`"\u{200b}\u{a0}\u{202e}"`],
  ['e\u0301', String.raw`"e\u{301}"`],
])('rustDebug(%j)', (text, printed) => {
  expect(rustDebug(text)).toBe(printed);
});

describe('isKubeDuration', () => {
  test.each(['0', '1h30m', '-1.5s', '.5s', '1.s', '12µs', '2 weeks', '1 DAY', 'about 10 minutes', '3hr', '1x 2s'])('%s is one', (text) => {
    expect(isKubeDuration(text)).toBe(true);
  });
  test.each(['', 'soon', '10', '1', 's', '1.5', '1 fortnight', '1.5x', '+', '1 wks'])('%j is none', (text) => {
    expect(isKubeDuration(text)).toBe(false);
  });
  test('long text takes time in proportion', () => {
    const start = performance.now();
    for (const part of ['1', '1 ', '1s', ' ', 'a', '1.']) isKubeDuration(`${part.repeat(200_000)}!`);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
