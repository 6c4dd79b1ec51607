import { expect, it } from 'vitest';
import { readTraffic, TRAFFIC_BOUNDS } from '../../src/triage/traffic.ts';
import { createDesk } from './desk.ts';

const observation = (i: number) => ({
  ...{ id: `o${i}`, cluster: '', namespace: 'shop', workload: { kind: 'Deployment', name: 'cart' }, first: 0, last: i, count: 1 },
  client: { identity: `c${i}`, ip: null },
  ...{ server: null, route: null, authorization: null, port: 80 },
});

it('reads no more than so many, those seen last, and says that there are more', async () => {
  const { store } = createDesk();
  await store.commit({
    writes: Array.from({ length: 1200 }, (_, i) => ({
      ...{ collection: 'observations' as const, id: `o${i}`, expected: null, tags: ['namespace:shop'], sort: i },
      value: observation(i),
    })),
  });
  const all = await readTraffic(store, 'shop');
  expect([all.parts.length, all.isWhole]).toEqual([1200, true]);
  const some = await readTraffic(store, 'shop', { ...TRAFFIC_BOUNDS, observations: 700 });
  expect([some.parts.length, some.isWhole]).toEqual([700, false]);
  expect(some.parts.every(({ last }) => (last ?? 0) >= 500)).toBe(true);
  expect(await readTraffic(store, 'elsewhere')).toEqual({ parts: [], isWhole: true });
});
