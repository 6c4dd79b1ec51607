import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  coarsened,
  endOf,
  gather,
  less,
  MOST_BUCKETS,
  merged,
  type OverTime,
  scaled,
  stepFor,
  totalOf,
  within,
  withStretch,
} from '../../src/evidence/over-time.ts';

const NOON = Date.parse('2026-03-01T12:00:00Z');
const at = (seconds: number) => NOON + seconds * 1000;
const one = (seconds: number, count = 1) => ({ first: at(seconds), last: null, count });
const of = (...stretches: readonly Parameters<typeof withStretch>[1][]) =>
  stretches.reduce<OverTime | undefined>((over, stretch) => withStretch(over, stretch), undefined);

describe('counts over time', () => {
  const told: readonly (readonly [string, OverTime | undefined, readonly [number, number, readonly number[]] | undefined])[] = [
    ['one denial is one bucket', of(one(7)), [5000, 5, [1]]],
    ['several stand where they were', of(one(7), one(9), one(16, 3)), [5000, 5, [2, 0, 3]]],
    ['before the first as well', of(one(16), one(0)), [5000, 0, [1, 0, 0, 1]]],
    ['a counter that grew between two readings', of({ first: at(0), last: at(19), count: 8 }), [5000, 0, [2, 2, 2, 2]]],
    ['what has no time', of({ first: null, last: null, count: 8 }), undefined],
    ['nothing at some time', of(one(7, 0)), undefined],
    ['minutes for two hours', of(one(0), one(3600)), [60_000, 0, [1, ...new Array(59).fill(0), 1]]],
  ];
  it.each(told)('%s', (_, over, expected) => {
    expect(over && [over.step, (over.start - NOON) / 1000, over.counts]).toEqual(expected);
  });

  it('are cut to a window, of which a wider bucket gives each part its share', () => {
    const minutes = of(one(0, 8), one(3600, 4)) as OverTime;
    expect(within(minutes, at(-15), 15_000, 6)).toEqual([0, 2, 2, 2, 2, 0]);
    expect(within(minutes, at(3600), 60_000, 2)).toEqual([4, 0]);
    expect(within(minutes, at(-300), 300_000, 14)).toEqual([0, 8, ...new Array(11).fill(0), 4]);
  });

  const stretch = fc.record({
    first: fc.option(fc.integer({ min: 0, max: 10 ** 13 }), { freq: 10 }),
    last: fc.constant(null),
    count: fc.integer({ min: 1, max: 10 ** 6 }),
  });
  const near = fc.integer({ min: 0, max: 10 ** 7 }).map((ms) => ({ first: NOON + ms, last: NOON + ms + 40_000, count: 3 }));

  it('lose none of them, stay small, and hold each in the bucket around its time', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(stretch, near), { maxLength: 40 }), (stretches) => {
        const over = of(...stretches);
        const dated = stretches.filter(({ first }) => first !== null);
        expect(totalOf(over)).toBe(dated.reduce((sum, { count }) => sum + count, 0));
        expect(over?.counts.length ?? 0).toBeLessThanOrEqual(MOST_BUCKETS);
        expect(over === undefined ? 0 : over.start % over.step).toBe(0);
        for (const { first, last } of dated) {
          if (last !== null) continue;
          expect(first).toBeGreaterThanOrEqual(over?.start ?? 0);
          expect(first).toBeLessThan(over === undefined ? 0 : endOf(over));
        }
      }),
    );
  });

  it('are the same in whatever order they come, singly, gathered or merged', () => {
    fc.assert(
      fc.property(fc.array(stretch, { maxLength: 30 }), fc.nat(30), (stretches, cut) => {
        const over = of(...stretches);
        expect(of(...stretches.toReversed())).toEqual(over);
        expect(stretches.reduce<ReturnType<typeof gather>>(gather, undefined)).toEqual(over);
        const [a, b] = [of(...stretches.slice(0, cut)), of(...stretches.slice(cut))];
        if (a === undefined || b === undefined) return;
        expect(merged(a, b)).toEqual(over);
        const left = less(merged(a, b), b);
        expect(within(left, left.start, left.step, 96)).toEqual(within(a, left.start, left.step, 96));
      }),
    );
  });

  it('gather into what is theirs alone', () => {
    const known = of(one(7)) as OverTime;
    const gathered = gather(gather(undefined, { first: null, last: null, count: 1, over: known }), one(7));
    expect([gathered?.counts, known.counts]).toEqual([[2], [1]]);
  });

  it('are scaled down and coarsened to a sum that is exact', () => {
    fc.assert(
      fc.property(fc.array(stretch, { minLength: 1, maxLength: 30 }), fc.double({ min: 0, max: 1, noNaN: true }), (stretches, part) => {
        const over = of(...stretches);
        if (over === undefined) return;
        const total = Math.floor(totalOf(over) * part);
        expect(totalOf(scaled(over, total))).toBe(total);
        expect(scaled(over, total).counts.every((count) => count >= 0)).toBe(true);
        const coarse = coarsened(over, 0, 24);
        expect([totalOf(coarse), coarse.counts.length <= 24]).toEqual([totalOf(over), true]);
      }),
    );
  });

  it('have steps that nest, as far as days reach and beyond', () => {
    const steps = [...Array(40).keys()].map((n) => stepFor(0, 5000 * 2 ** n - 1, 1));
    for (const [i, step] of steps.entries()) expect((steps[i + 1] ?? step) % step).toBe(0);
  });
});
