import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseInstant, showInstant } from '../../src/policy/time.ts';

describe('parseInstant', () => {
  test.each([
    ['the epoch is zero', '1970-01-01T00:00:00Z', 0],
    ['a Kubernetes creationTimestamp has no fraction', '2024-02-29T12:34:56Z', 1_709_210_096_000],
    ['a fraction is milliseconds, finer digits are cut off', '2025-11-24T15:51:02.123999999Z', 1_763_999_462_123],
    ['a short fraction is filled up', '1970-01-01T00:00:00.5Z', 500],
    ['an offset east of UTC is earlier', '1970-01-01T01:30:00+01:30', 0],
    ['an offset west of UTC is later', '1969-12-31T16:00:00-08:00', 0],
    ['lower case letters are RFC 3339 too', '1970-01-01t00:00:01z', 1000],
    ['before the epoch is negative', '1969-12-31T23:59:59.999Z', -1],
    ['2000 was a leap year', '2000-02-29T00:00:00Z', 951_782_400_000],
    ['the year 0 is a leap year', '0000-02-29T00:00:00Z', -62_162_121_600_000],
  ])('%s: %s', (_, text, expected) => {
    expect(parseInstant(text)).toBe(expected);
  });

  test.each([
    ['1900 was no leap year', '1900-02-29T00:00:00Z'],
    ['a month has an end', '2025-04-31T00:00:00Z'],
    ['there is no month 13', '2025-13-01T00:00:00Z'],
    ['there is no day 0', '2025-01-00T00:00:00Z'],
    ['a day has no hour 24', '2025-01-01T24:00:00Z'],
    ['second 60 is refused, as Go refuses it', '2016-12-31T23:59:60Z'],
    ['without an offset it is no instant', '2025-01-01T00:00:00'],
    ['a date alone is no instant', '2025-01-01'],
    ['a space is not a T', '2025-01-01 00:00:00Z'],
    ['an empty fraction is refused', '2025-01-01T00:00:00.Z'],
    ['an offset needs its colon', '2025-01-01T00:00:00+0100'],
    ['nothing may follow', '2025-01-01T00:00:00Z\n'],
    ['nothing may come before', ' 2025-01-01T00:00:00Z'],
    ['an empty text', ''],
  ])('%s', (_, text) => {
    expect(parseInstant(text)).toBeNull();
  });
});

describe('showInstant', () => {
  test.each([
    [0, '1970-01-01T00:00:00.000Z'],
    [-1, '1969-12-31T23:59:59.999Z'],
    [1_763_999_462_123, '2025-11-24T15:51:02.123Z'],
    [253_402_300_800_000, '+010000-01-01T00:00:00.000Z'],
    [-62_167_219_200_001, '-000001-12-31T23:59:59.999Z'],
  ])('%d is %s', (instant, text) => {
    expect(showInstant(instant)).toBe(text);
  });

  test('what is shown is read back, for every millisecond of the years 0000 to 9999', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }), (instant) => {
        expect(parseInstant(showInstant(instant))).toBe(instant);
      }),
    );
  });

  test('it agrees with the platform calendar', () => {
    fc.assert(
      fc.property(fc.integer({ min: -8_640_000_000_000_000, max: 8_640_000_000_000_000 }), (instant) => {
        expect(showInstant(instant)).toBe(new Date(instant).toISOString());
      }),
    );
  });

  test('an offset shifts the clock and not the instant', () => {
    const offset = fc.record({
      hours: fc.integer({ min: 0, max: 23 }),
      minutes: fc.integer({ min: 0, max: 59 }),
      sign: fc.constantFrom(1, -1),
    });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), offset, (instant, { hours, minutes, sign }) => {
        const shift = sign * (hours * 60 + minutes) * 60_000;
        const local = showInstant(instant + shift).slice(0, -1);
        const two = (n: number) => String(n).padStart(2, '0');
        expect(parseInstant(`${local}${sign < 0 ? '-' : '+'}${two(hours)}:${two(minutes)}`)).toBe(instant);
      }),
    );
  });
});
