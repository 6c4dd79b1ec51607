import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CounterTarget, createCounters, type Growth, type Moment } from '../../src/evidence/metrics-counter.ts';

const sample = (value: number, labels: Record<string, string> = { client_id: 'a' }) => ({
  metric: 'deny_total',
  labels: new Map(Object.entries(labels)),
  value,
  at: null,
});
const at = (time: number): Moment => ({ at: time, turn: 1 });
const target = (first: number | null, startedAt: number | null = null): CounterTarget => ({
  id: 'pod',
  first: first === null ? null : at(first),
  startedAt,
});

/** The growth of one series read at 10, 20, … with these values. */
function growthOf(values: readonly number[], proxy: CounterTarget): Partial<Growth<null>>[] {
  const counters = createCounters<null>(10);
  for (const [i, value] of values.entries()) counters.add(sample(value), at((i + 1) * 10), proxy, null);
  return counters.take(10).map(({ before, beforeAt, sinceBefore, increase, at: first, lastAt }) => ({
    before,
    beforeAt,
    sinceBefore,
    increase,
    at: first,
    lastAt,
  }));
}

describe('what a first reading means', () => {
  it('is news when the target was read before without the series', () => {
    expect(growthOf([3], target(5))).toEqual([{ before: 0, beforeAt: 10, sinceBefore: false, increase: 3, at: 10, lastAt: 10 }]);
  });
  it('is news when the proxy started after the first reading of all', () => {
    expect(growthOf([3], target(10, 11))).toMatchObject([{ before: 0, increase: 3, sinceBefore: false }]);
  });
  it('is old when nothing says otherwise, and later increases alone are counted', () => {
    expect(growthOf([3, 3, 5, 6, 6], target(10, 9))).toEqual([
      { before: 3, beforeAt: 10, sinceBefore: true, increase: 3, at: 30, lastAt: 40 },
    ]);
  });
  it('is old when the first reading of its target showed it', () => {
    expect(growthOf([3], target(10))).toMatchObject([{ before: 3, increase: 0 }]);
  });
  it('says nothing of a counter that stood at 0 and grew', () => {
    expect(growthOf([0, 2], target(10))).toMatchObject([{ before: 0, sinceBefore: false, increase: 2, at: 20, lastAt: 20 }]);
  });
  it('says nothing at all of a counter that stands still at 0', () => {
    expect(growthOf([0, 0], target(10))).toEqual([]);
  });
});

describe('increases', () => {
  it('go on from 0 after a reset', () => {
    expect(growthOf([50, 52, 1, 4], target(10))).toMatchObject([{ before: 50, increase: 6, at: 20, lastAt: 40 }]);
  });

  it('are taken once, and what stood before is said once', () => {
    const counters = createCounters<null>(10);
    const proxy = target(10);
    counters.add(sample(5), at(10), proxy, null);
    expect(counters.take(10)).toMatchObject([{ before: 5, increase: 0 }]);
    expect(counters.take(10)).toEqual([]);
    counters.add(sample(7), at(20), proxy, null);
    expect(counters.take(10)).toMatchObject([{ before: 0, sinceBefore: true, increase: 2, at: 20, lastAt: 20 }]);
    counters.add(sample(7), at(30), proxy, null);
    expect(counters.take(10)).toEqual([]);
  });

  it('of two targets with the same labels stay apart', () => {
    const counters = createCounters<null>(10);
    const [one, two] = [target(10), { ...target(15), id: 'other' }];
    counters.add(sample(5), at(10), one, null);
    counters.add(sample(100), at(15), two, null);
    counters.add(sample(6), at(20), one, null);
    expect(counters.take(10).map((g) => [g.target.id, g.before, g.increase])).toEqual([
      ['other', 100, 0],
      ['pod', 5, 1],
    ]);
  });

  it('are the same with a label that is empty and without it, and in any order of labels', () => {
    const counters = createCounters<null>(10);
    const proxy = target(10);
    counters.add(sample(5, { a: '1', b: '', c: '3' }), at(10), proxy, null);
    counters.add(sample(6, { c: '3', a: '1' }), at(20), proxy, null);
    expect(counters.take(10)).toMatchObject([{ before: 5, increase: 1 }]);
  });

  it('of hostile labels are never taken for those of others', () => {
    const counters = createCounters<null>(10);
    const proxy = target(10);
    const hostile = [{ a: 'x', b: 'y' }, { 'a=1:x 1:b': 'y' }, { a: 'x 1:b=1:y' }, { a: 'x\n', b: 'y' }, { a: 'x', b: '', c: 'y' }];
    for (const labels of hostile) counters.add(sample(1, labels), at(10), proxy, null);
    expect(counters.take(10)).toHaveLength(hostile.length);
  });

  it('refuse what is no count, what comes late and what is beyond the limit', () => {
    const counters = createCounters<null>(1);
    const proxy = target(10);
    expect(counters.add(sample(Number.NaN), at(10), proxy, null)).toBe('not-a-count');
    expect(counters.add(sample(-1), at(10), proxy, null)).toBe('not-a-count');
    expect(counters.add(sample(1), at(10), proxy, null)).toBe('counted');
    expect(counters.add(sample(9), at(10), proxy, null)).toBe('out-of-order');
    expect(counters.add(sample(9), at(9), proxy, null)).toBe('out-of-order');
    expect(counters.add(sample(1, { client_id: 'b' }), at(10), proxy, null)).toBe('over-limit');
    expect(counters.take(10)).toMatchObject([{ before: 1, increase: 0 }]);
  });

  it('never are negative, and without resets add up to the last value', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { minLength: 1 }), fc.boolean(), (values, news) => {
        const grown = growthOf(values, target(news ? 5 : 10));
        const [before, increase] = [grown[0]?.before ?? 0, grown[0]?.increase ?? 0];
        expect(before).toBeGreaterThanOrEqual(0);
        expect(increase).toBeGreaterThanOrEqual(0);
        if (values.every((v, i) => i === 0 || v >= (values[i - 1] as number))) expect(before + increase).toBe(values.at(-1));
      }),
    );
  });
});
