import { describe, expect, test } from 'vitest';
import { readMoment, showMoment, showSpan } from '../../src/commands/moment.ts';
import { InvalidInput } from '../../src/errors.ts';

const at = (text: string) => Date.parse(text);
const LAST = at('2026-11-23T10:00:00Z');

describe('a moment', () => {
  test.each([
    ['2026-11-22T08:00:00Z', '2026-11-22T08:00:00Z'],
    ['2026-11-22T08:00:00.5+02:00', '2026-11-22T06:00:00.5Z'],
    ['09:28', '2026-11-23T09:28:00Z'],
    ['09:28:57', '2026-11-23T09:28:57Z'],
    ['23:59:59.25Z', '2026-11-23T23:59:59.250Z'],
  ])('%s is %s', (text, expected) => {
    expect(readMoment(text, LAST)).toBe(at(expected));
  });
  test.each(['', 'now', '9:28', '24:00', '09:60', '2026-11-23', '2026-11-23T09:28:57', '09:28:57+01:00'])('"%s" is none', (text) => {
    expect(() => readMoment(text, LAST)).toThrow(InvalidInput);
  });
  test('is shown with its date only on another day', () => {
    expect(showMoment(at('2026-11-23T09:23:07.9Z'), LAST)).toBe('09:23:07');
    expect(showMoment(at('2026-11-22T09:23:07Z'), LAST)).toBe('2026-11-22 09:23:07');
  });
  test.each([
    ['2026-11-23T09:23:07Z', '2026-11-23T09:28:57Z', '09:23:07 to 09:28:57 UTC'],
    ['2026-11-23T09:23:07.1Z', '2026-11-23T09:23:07.9Z', '09:23:07 UTC'],
    ['2026-11-22T09:23:07Z', '2026-11-22T09:28:57Z', '2026-11-22 09:23:07 to 09:28:57 UTC'],
    ['2026-11-22T23:59:00Z', '2026-11-23T00:01:00Z', '2026-11-22 23:59:00 to 00:01:00 UTC'],
  ])('from %s to %s is a span', (first, last, expected) => {
    expect(showSpan(at(first), at(last), LAST)).toBe(expected);
  });
});
