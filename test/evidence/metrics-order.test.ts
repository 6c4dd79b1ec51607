import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createSampleOrder } from '../../src/evidence/metrics-order.ts';

const labels = (pod: string) => new Map([['pod', pod]]);

it('gives the samples of a dump moment by moment, whatever series they belong to', () => {
  const order = createSampleOrder(10);
  for (const [pod, value, at] of [
    ['a', 1, 10],
    ['a', 2, 30],
    ['b', 7, 10],
    ['b', 8, 20],
  ] as const)
    expect(order.add({ metric: 'm', labels: labels(pod), value, at })).toBe('kept');
  expect([...order.inOrder()].map(({ at, samples }) => [at, ...samples.map((s) => `${s.labels.get('pod')}=${s.value}`)])).toEqual([
    [10, 'a=1', 'b=7'],
    [20, 'b=8'],
    [30, 'a=2'],
  ]);
});

it('refuses a sample without a time, and those beyond the limit', () => {
  const order = createSampleOrder(1);
  expect(order.add({ metric: 'm', labels: labels('a'), value: 1, at: null })).toBe('no-time');
  expect(order.add({ metric: 'm', labels: labels('a'), value: 1, at: 1 })).toBe('kept');
  expect(order.add({ metric: 'm', labels: labels('a'), value: 2, at: 2 })).toBe('over-limit');
  expect(order.size).toBe(1);
});

it('keeps every sample as it was, labels of any text included', () => {
  const sample = fc.record({
    metric: fc.constantFrom('m', 'n'),
    labels: fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    value: fc.oneof(fc.integer(), fc.constant(Number.NaN)),
    at: fc.integer({ min: 0, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(sample), (samples) => {
      const order = createSampleOrder(1000);
      for (const s of samples) order.add(s);
      const sorted = samples.map((s, i) => ({ s, i })).sort((a, b) => a.s.at - b.s.at || a.i - b.i);
      expect([...order.inOrder()].flatMap((scrapes) => scrapes.samples)).toEqual(sorted.map(({ s }) => s));
    }),
  );
});
