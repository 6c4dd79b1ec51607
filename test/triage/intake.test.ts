import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Unavailable } from '../../src/errors.ts';
import type { AlertFact } from '../../src/evidence/alert.ts';
import type { Fact } from '../../src/evidence/facts.ts';
import { move } from '../../src/triage/actions.ts';
import { BOUNDS } from '../../src/triage/incident.ts';
import { createMemory } from '../memory-store.ts';
import { alert, CART, createDesk, fromLog, fromMetrics, MINUTE, NOON, observation, SERVER, symptom } from './desk.ts';

type Piece = { readonly facts: readonly Fact[]; readonly alerts: readonly AlertFact[] };

const fact = (...facts: readonly Fact[]): Piece => ({ facts, alerts: [] });
const fires = (...alerts: readonly AlertFact[]): Piece => ({ facts: [], alerts });

/** What is left, without what depends on the order: the id, and who opened it. */
async function outcome(pieces: readonly Piece[]) {
  const desk = createDesk();
  for (const { facts, alerts } of pieces) await desk.take(facts, alerts);
  const incidents = await desk.incidents();
  const shown = await Promise.all(
    incidents.map(async (i) => ({
      key: [i.namespace, i.workload, i.server, i.route, i.kind],
      port: i.port,
      counted: i.counted,
      clients: (await desk.clients(i.id)).map((c) => [c.ip, c.tls, c.logs.count, c.metrics.count]).sort(),
      waitingForEvidence: i.waitingForEvidence,
      alerts: i.alerts.toSorted(),
      seen: [i.firstSeen, i.lastSeen],
      state: i.state,
    })),
  );
  return shown.sort((a, b) => (JSON.stringify(a.key) < JSON.stringify(b.key) ? -1 : 1));
}

describe('one denial', () => {
  const other = { ...SERVER, name: 'cart-admin' };
  const pieces: readonly Piece[] = [
    fact(fromLog()),
    fact(fromMetrics({ at: NOON + 1000, lastAt: NOON + 5000 })),
    fact(fromLog({ ip: '10.0.0.10', at: NOON + 2000 })),
    fires(alert()),
    fact(fromLog({ server: other })),
    fact(symptom()),
    fact(observation()),
  ];

  it('of log, counter and alert meets in one incident, in any order', async () => {
    const expected = await outcome(pieces);
    expect(expected.map(({ key: [, , server, , kind] }) => [server, kind])).toEqual([
      [null, 'scrape-refused'],
      [other, 'http-denied'],
      [SERVER, 'http-denied'],
    ]);
    const met = expected.find(({ key }) => key[2] === SERVER || JSON.stringify(key[2]) === JSON.stringify(SERVER));
    expect(met).toMatchObject({
      port: 8080,
      counted: { logs: 2, metrics: 3 },
      state: 'open',
      waitingForEvidence: false,
      seen: [NOON, NOON + 5000],
    });
    expect(met?.alerts).toHaveLength(1);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...pieces], { minLength: pieces.length }), async (shuffled) => {
        expect(await outcome(shuffled)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('is the same in one body as in many', async () => {
    const one = { facts: pieces.flatMap((p) => p.facts), alerts: pieces.flatMap((p) => p.alerts) };
    expect(await outcome([one])).toEqual(await outcome(pieces));
  });

  it('of another port, pod or client is no other incident', async () => {
    const desk = createDesk();
    await desk.take([fromLog({ pod: 'cart-1' }), fromLog({ pod: 'cart-2', ip: '10.0.0.77' }), fromMetrics({ port: 9090 })]);
    const [incident, ...more] = await desk.incidents();
    expect([incident?.pods, incident?.clients, more]).toEqual([['cart-1', 'cart-2'], 3, []]);
  });
});

describe('a batch', () => {
  it('with a key that is known changes nothing, however often it comes', async () => {
    const desk = createDesk();
    expect(await desk.take([fromLog()], [], 'one')).toBe('accepted');
    const before = JSON.stringify([...desk.memory.rows]);
    expect(await Promise.all([desk.take([fromLog()], [], 'one'), desk.take([fromLog()], [], 'one')])).toEqual(['known', 'known']);
    expect(JSON.stringify([...desk.memory.rows])).toBe(before);
  });

  it('is counted again when its key has expired', async () => {
    const desk = createDesk();
    await desk.take([fromLog()], [], 'one');
    desk.clock.now += 61 * MINUTE;
    expect(await desk.take([fromLog()], [], 'one')).toBe('accepted');
    expect((await desk.incidents())[0]?.counted.logs).toBe(2);
  });

  it('that a store refuses is refused, and works when it is sent again', async () => {
    const desk = createDesk();
    desk.store.fail(new Unavailable('the disk is full', 'Make room.'));
    await expect(desk.take([fromLog()], [], 'one')).rejects.toThrow('the disk is full');
    desk.store.fail(null);
    expect(await desk.take([fromLog()], [], 'one')).toBe('accepted');
    expect((await desk.incidents())[0]?.counted.logs).toBe(1);
  });

  it('that is wrong refuses no other that came at the same time', async () => {
    const desk = createDesk();
    const wrong = desk.intake.accept({ id: 'w', facts: [], alerts: [], also: () => Promise.reject(new Error('wrong')) });
    const good = Array.from({ length: 5 }, (_, i) => desk.take([fromLog()], [], `g${i}`));
    await expect(wrong).rejects.toThrow('wrong');
    expect(await Promise.all(good)).toEqual(Array(5).fill('accepted'));
    expect((await desk.incidents())[0]?.counted.logs).toBe(5);
  });

  it('gives up with Unavailable when others always write first', async () => {
    const desk = createDesk();
    const store = { ...desk.store, commit: async () => 'conflict' as const };
    const busy = createDesk({ intake: { store } });
    await expect(busy.take([fromLog()])).rejects.toBeInstanceOf(Unavailable);
  });

  it('of an incident that fell out of its full slot finds it again, as it was left', async () => {
    const desk = createDesk({ bounds: { ...BOUNDS, incidentsPerSlot: 3 } });
    const of = (name: string) => fromLog({ server: { ...SERVER, name } });
    await desk.take([of('first')]);
    const [first] = await desk.incidents();
    await move(desk.store, first?.id ?? '', 'acknowledged', { actor: 'ann', reason: 'mine', at: NOON }, BOUNDS);
    for (let i = 0; i < 5; i++) await desk.take([of(`more-${i}`)]);
    await desk.take([of('first')]);
    const again = (await desk.incidents()).find(({ id }) => id === first?.id);
    expect(again).toMatchObject({ state: 'acknowledged', count: 2, clients: 1, counted: { logs: 2 } });
    expect(await desk.incidents()).toHaveLength(6);
  });

  it('of ten processes at once is neither lost nor doubled', async () => {
    const memory = createMemory();
    const desks = Array.from({ length: 10 }, () => createDesk({ memory }));
    const jobs = desks.flatMap((desk, d) =>
      Array.from({ length: 12 }, async (_, i) => {
        // Every batch is sent twice, to two processes.
        const send = (to: typeof desk) => to.take([fromLog({ ip: `10.0.${d}.${i}` }), fromMetrics({ count: 1 })], [alert()], `b${d}-${i}`);
        const results = await Promise.all([send(desk), send(desks[(d + 1) % 10] as typeof desk)]);
        expect(results).toContain('accepted');
      }),
    );
    await Promise.all(jobs);
    const [desk] = desks;
    const [incident, ...more] = (await desk?.incidents()) ?? [];
    expect(more).toEqual([]);
    expect(incident?.counted).toEqual({ logs: 120, metrics: 120, before: 0 });
    expect(incident).toMatchObject({ clients: 120, count: 120 });
    expect(incident?.alerts).toHaveLength(1);
  });
});

describe('bounds', () => {
  it('keep so many clients and count the rest', async () => {
    const desk = createDesk({ bounds: { ...BOUNDS, clientsPerIncident: 3 } });
    for (let i = 0; i < 5; i++) await desk.take([fromLog({ ip: `10.0.0.${i}` })]);
    const [incident] = await desk.incidents();
    expect([incident?.clients, incident?.beyond, incident?.counted.logs]).toEqual([3, 2, 5]);
  });

  it('keep so many pods, details and transitions', async () => {
    const desk = createDesk({ bounds: { ...BOUNDS, pods: 2, details: 2 } });
    await desk.take([1, 2, 3].map((i) => fromLog({ pod: `cart-${i}` })));
    await desk.take([1, 2, 3].map((i) => symptom({ detail: `d${i}` })));
    const incidents = await desk.incidents();
    expect(incidents.map((i) => [i.pods.length, i.details.length]).sort()).toEqual([
      [1, 2],
      [2, 0],
    ]);
  });
});

describe('the workload', () => {
  it.each([
    ['the cluster', { owners: true, named: { ...CART, kind: 'ReplicaSet', name: 'cart-abc' } }, CART],
    ['the fact itself, where the cluster does not know the pod', { owners: false, named: CART }, CART],
  ])('comes from %s', async (_name, { owners, named }, expected) => {
    const desk = createDesk(owners ? { owners: new Map([['shop/cart-1', CART]]) } : {});
    await desk.take([fromLog({ workload: named })]);
    expect((await desk.incidents())[0]?.workload).toEqual({ kind: expected.kind, name: expected.name });
  });

  it.each([
    ['in the same body', true],
    ['in a later body', false],
  ])('comes from another fact of the same pod %s', async (_name, isTogether) => {
    const desk = createDesk();
    const [nameless, named] = [fromLog({ workload: null }), fromMetrics()];
    if (isTogether) await desk.take([nameless, named]);
    else {
      await desk.take([nameless]);
      expect(await desk.incidents()).toEqual([]);
      await desk.take([named]);
    }
    const [incident, ...more] = await desk.incidents();
    expect([incident?.counted, more]).toEqual([{ logs: 1, metrics: 3, before: 0 }, []]);
  });

  it('that an earlier fact of the same pod named is remembered', async () => {
    const desk = createDesk();
    await desk.take([fromMetrics()]);
    await desk.take([fromLog({ workload: null })]);
    expect((await desk.incidents()).map((i) => i.counted)).toEqual([{ logs: 1, metrics: 3, before: 0 }]);
  });

  it('that the cluster learns late gets the facts that waited, once', async () => {
    const owners = new Map<string, typeof CART>();
    const desk = createDesk({ owners });
    await desk.take([fromLog({ workload: null }), fromLog({ workload: null, ip: '10.0.0.10' })]);
    expect(await desk.intake.settle(NOON - 1)).toBe(0);
    owners.set('shop/cart-1', CART);
    expect(await Promise.all([desk.intake.settle(NOON - 1), desk.intake.settle(NOON - 1)])).toContain(1);
    expect(await desk.intake.settle(NOON - 1)).toBe(0);
    expect((await desk.incidents()).map((i) => [i.workload?.name, i.counted.logs, i.clients])).toEqual([['cart', 2, 2]]);
  });

  it('that nobody ever names is the pod itself, after a while', async () => {
    const desk = createDesk();
    await desk.take([fromLog({ workload: null })]);
    expect(await desk.intake.settle(NOON)).toBe(1);
    expect((await desk.incidents()).map((i) => i.workload)).toEqual([{ kind: 'Pod', name: 'cart-1' }]);
  });
});

describe('observations', () => {
  it('are summed beside the incidents', async () => {
    const desk = createDesk();
    await desk.take([observation({ count: 2 }), observation({ count: 3, at: NOON + 5 })]);
    await desk.take([observation({ count: 4, at: NOON - 5 })]);
    const kept = await desk.store.list('observations', { limit: 10 });
    expect(kept.map((d) => d.value)).toMatchObject([{ count: 9, first: NOON - 5, last: NOON + 5, client: { ip: null } }]);
    expect(await desk.incidents()).toEqual([]);
  });
});

describe('what a counter showed before its first reading', () => {
  it('opens nothing, and is counted apart where there is an incident', async () => {
    const desk = createDesk();
    const before = fromMetrics({ count: 0, countedBefore: 7, sinceBefore: true });
    await desk.take([before]);
    expect(await desk.incidents()).toEqual([]);
    await desk.take([fromLog()]);
    await desk.take([before]);
    expect((await desk.incidents()).map((i) => i.counted)).toEqual([{ logs: 1, metrics: 0, before: 7 }]);
  });
});
