import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lastFlip, NEAR } from '../../src/policy/flip.ts';

/** Looks at every state, from the newest back. */
function lastByScan(isOther: readonly boolean[]): number | null {
  for (let state = isOther.length - 2; state >= 0; state--) if (isOther[state]) return state + 1;
  return null;
}

/** States of which the newest answers as it does: runs of both answers, the last one `false`. */
const runs = (most: number) =>
  fc
    .array(fc.integer({ min: 1, max: most }), { minLength: 1, maxLength: 8 })
    .map((lengths) =>
      lengths
        .toReversed()
        .flatMap((length, i) => Array.from({ length }, () => i % 2 === 1))
        .toReversed(),
    )
    .map((states) => (states.at(-1) ? [...states, false] : states));

describe('the last change of an answer', () => {
  it('is what a scan finds, where it lies among the last states', () => {
    fc.assert(
      fc.property(runs(NEAR), (states) => {
        const scanned = lastByScan(states);
        fc.pre(scanned === null || scanned > states.length - 1 - NEAR);
        expect(lastFlip(0, states.length - 1, (s) => states[s] === true).state).toBe(scanned);
      }),
    );
  });

  it('is what a scan finds, however far back, where there was one change only', () => {
    fc.assert(
      fc.property(fc.nat({ max: 5000 }), fc.integer({ min: 1, max: 5000 }), (before, after) => {
        const newest = before + after - 1;
        expect(lastFlip(0, newest, (s) => s < before).state).toBe(before === 0 ? null : before);
      }),
    );
  });

  it('is a change to the present answer in every history, and nothing younger that was looked at answers otherwise', () => {
    fc.assert(
      fc.property(runs(300), (states) => {
        const looked: number[] = [];
        const { state, looks } = lastFlip(0, states.length - 1, (s) => {
          looked.push(s);
          return states[s] === true;
        });
        expect(looks).toBe(looked.length);
        if (state === null) expect(looked.every((s) => states[s] === false)).toBe(true);
        else {
          expect([states[state - 1], states[state]]).toEqual([true, false]);
          expect(looked.filter((s) => s >= state).every((s) => states[s] === false)).toBe(true);
        }
      }),
    );
  });

  it('is found by a number of looks that grows with the logarithm', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (count, where) => {
        const { looks } = lastFlip(0, count, (s) => s < where * count);
        expect(looks).toBeLessThanOrEqual(NEAR + 2 * Math.ceil(Math.log2(count + 1)) + 2);
      }),
    );
  });

  it.each<[string, readonly boolean[], number | null]>([
    ['nothing before', [false], null],
    ['the same ever since', [false, false, false], null],
    ['the very last step', [true, false], 1],
    ['broken, mended and broken again: the second break', [true, false, true, false, false], 3],
  ])('%s', (_, states, expected) => {
    expect(lastFlip(0, states.length - 1, (s) => states[s] === true).state).toBe(expected);
  });
});
