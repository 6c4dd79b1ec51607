import { describe, expect, it } from 'vitest';
import { Unavailable } from '../../src/errors.ts';
import type { Collection } from '../../src/ports.ts';
import { addMute, endMute, move } from '../../src/triage/actions.ts';
import { BOUNDS, type Mute } from '../../src/triage/incident.ts';
import { applyMutes } from '../../src/triage/mutes.ts';
import { requeueStale, resolveQuiet, retain, sweep } from '../../src/triage/timed.ts';
import { explainIncident, type IncidentEvent } from '../../src/triage/work.ts';
import { outage } from '../memory-store.ts';
import { alert, CART, createDesk, type Desk, fromLog, fromMetrics, MINUTE, NOON, observation, symptom, WEB } from './desk.ts';
import { timedOptions } from './timed-options.ts';

const BY = { actor: 'ann', reason: 'looking', at: NOON + 1 };

describe('an incident', () => {
  it('is resolved after quiet minutes, not while an alert fires, and opens again when it comes back', async () => {
    const desk = createDesk();
    await desk.take([fromLog()], [alert()]);
    desk.clock.now += 60 * MINUTE;
    expect(await resolveQuiet(timedOptions(desk), desk.clock.now)).toBe(0);
    await desk.take([], [alert({ status: 'resolved', endsAt: desk.clock.now })]);
    expect(await resolveQuiet(timedOptions(desk), desk.clock.now)).toBe(1);
    desk.clock.now += MINUTE;
    await desk.take([fromLog({ at: desk.clock.now })]);
    const [incident] = await desk.incidents();
    expect(incident?.transitions.map((t) => [t.from, t.to, t.reason])).toEqual([
      [null, 'open', 'first evidence'],
      ['open', 'resolved', '15 quiet minutes and no alert firing'],
      ['resolved', 'open', 'it came back'],
    ]);
  });

  const inShop = (name: string) => fromLog({ workload: { ...CART, name }, pod: name });
  const many = (count: number, name: string) => Array.from({ length: count }, (_, i) => inShop(`${name}-${i}`));

  it('is resolved when it is quiet, however many newer ones there are, and older ones whose alerts fire', async () => {
    const desk = createDesk();
    await desk.take(many(600, 'alerting'), [alert({ labels: { alertname: 'A', namespace: 'shop' } })]);
    desk.clock.now += MINUTE;
    const workload = { ...CART, namespace: 'else' };
    await desk.take([fromLog({ reporter: { cluster: '', namespace: 'else', pod: 'q', workload } })]);
    desk.clock.now += 16 * MINUTE;
    await desk.take(many(2100, 'new'));
    await desk.take([], [alert({ labels: { alertname: 'A', namespace: 'shop' } })]);
    const options = timedOptions(desk);
    await resolveQuiet(options, desk.clock.now);
    expect((await desk.incidents()).filter((i) => i.state === 'resolved').map((i) => i.namespace)).toContain('else');
  });

  it('is resolved when its alert ended, also where more incidents are open than an alert remembers', async () => {
    const desk = createDesk();
    const labels = { alertname: 'A', namespace: 'shop' };
    await desk.take([], [alert({ labels })]);
    await desk.take(many(300, 'w'));
    expect((await desk.incidents()).filter((i) => i.alerts.length === 1)).toHaveLength(300);
    desk.clock.now += 20 * MINUTE;
    expect(await resolveQuiet(timedOptions(desk), desk.clock.now)).toBe(0);
    await desk.take([], [alert({ labels, status: 'resolved', endsAt: desk.clock.now })]);
    desk.clock.now += MINUTE;
    while ((await resolveQuiet(timedOptions(desk), desk.clock.now)) > 0);
    expect((await desk.incidents()).filter((i) => i.state !== 'resolved' || i.alerts.length > 0)).toEqual([]);
  });

  it('is acknowledged once by whom and why, and an unknown one is null', async () => {
    const desk = createDesk();
    await desk.take([fromLog()]);
    const id = (await desk.incidents())[0]?.id ?? '';
    await move(desk.store, id, 'acknowledged', BY, BOUNDS);
    await move(desk.store, id, 'acknowledged', { ...BY, actor: 'bob' }, BOUNDS);
    const [incident] = await desk.incidents();
    expect(incident?.transitions.slice(1)).toEqual([{ ...BY, from: 'open', to: 'acknowledged' }]);
    expect(await move(desk.store, 'nobody', 'resolved', BY, BOUNDS)).toBeNull();
    expect(desk.memory.events.map((e) => (e.value as unknown as IncidentEvent).incident.state)).toEqual(['acknowledged']);
  });
});

describe('explaining', () => {
  it('saves the answer, an event and one revision, and running again changes nothing', async () => {
    const desk = createDesk();
    await desk.take([fromLog(), fromMetrics()]);
    const published: number[] = [];
    const work = { ...desk.work, published: async ({ incident }: IncidentEvent) => void published.push(incident.answers) };
    const id = (await desk.incidents())[0]?.id ?? '';
    await explainIncident(id, work);
    await explainIncident(id, work);
    const [incident] = await desk.incidents();
    expect(incident).toMatchObject({ explained: 1, evidence: 1, answers: 1 });
    expect(incident?.answer?.sentence).toContain('cart-http');
    expect(desk.memory.events).toHaveLength(1);
    expect(published).toEqual([1, 1]);
    expect(await desk.store.count('incidents', 'unexplained')).toBe(0);
  });

  it('is tried again when it could not be published, and then the same revision is', async () => {
    const desk = createDesk();
    await desk.take([fromLog()]);
    const id = (await desk.incidents())[0]?.id ?? '';
    let isDown = true;
    const told: number[] = [];
    const work = {
      ...desk.work,
      published: async ({ incident }: IncidentEvent) => {
        if (isDown) throw new Unavailable('down', '');
        told.push(incident.answers);
      },
    };
    await expect(explainIncident(id, work)).rejects.toThrow('down');
    isDown = false;
    await explainIncident(id, work);
    expect(told).toEqual([1]);
  });

  it('that is overtaken by evidence saves its answer for what it knew, and the rest stays to be explained', async () => {
    const desk = createDesk();
    await desk.take([fromLog()]);
    const id = (await desk.incidents())[0]?.id ?? '';
    let isFirst = true;
    const describe = () => {
      if (isFirst) void desk.take([fromLog({ ip: '10.9.9.9' })]);
      isFirst = false;
      return {};
    };
    await explainIncident(id, { ...desk.work, describe });
    for (let i = 0; i < 200 && (await desk.incidents())[0]?.evidence !== 2; i++);
    expect((await desk.incidents())[0]).toMatchObject({ evidence: 2, explained: 1 });
    expect(await desk.store.count('incidents', 'unexplained')).toBe(1);
    await desk.explain();
    expect((await desk.incidents())[0]).toMatchObject({ evidence: 2, explained: 2, clients: 2 });
  });

  it('of what is gone does nothing', async () => {
    await expect(explainIncident('nobody', createDesk().work)).resolves.toBeUndefined();
  });
});

describe('the sweep', () => {
  it('queues again what was saved and not queued, but not what is parked or has just come', async () => {
    const desk = createDesk();
    const lost = createDesk({ memory: desk.memory, intake: { queue: { ...desk.queue, add: () => Promise.reject(outage) } } });
    await lost.take([fromLog(), symptom()]);
    expect(desk.queue.added).toEqual([]);
    expect(await sweep(desk, NOON - 1)).toBe(0);
    const [first] = await desk.incidents();
    desk.queue.park({ id: first?.id ?? '', reason: 'poison', attempts: 5, at: NOON });
    expect(await sweep(desk, NOON)).toBe(1);
    expect(desk.queue.added).not.toContain(first?.id);
  });

  it('finds what is lost behind any number of parked ones', async () => {
    const desk = createDesk();
    await desk.take(Array.from({ length: 700 }, (_, i) => fromLog({ workload: { ...CART, name: `w${i}` }, pod: `w${i}` })));
    for (const { id } of await desk.incidents()) desk.queue.park({ id, reason: 'poison', attempts: 5, at: NOON });
    desk.clock.now += MINUTE;
    const lost = createDesk({
      memory: desk.memory,
      intake: { now: () => desk.clock.now, queue: { ...desk.queue, add: () => Promise.reject(outage) } },
    });
    await lost.take([symptom()]);
    expect(await sweep(desk, desk.clock.now)).toBe(1);
  });

  it('queues every open incident whose answer stands for another policy', async () => {
    const desk = createDesk();
    await desk.take([fromLog(), symptom()]);
    await desk.explain();
    expect(await requeueStale(desk, '')).toBe(0);
    expect(await requeueStale(desk, 'next')).toBe(2);
  });
});

describe('a mute', () => {
  const mute = (more: Partial<Mute> = {}) => ({
    author: 'ann',
    reason: 'scanner',
    createdAt: NOON,
    expiresAt: NOON + 60 * MINUTE,
    target: { namespace: 'shop', workload: { kind: 'Deployment', name: 'cart' } },
    client: null,
    ...more,
  });
  const identity = WEB.state === 'established' ? WEB.clientId : '';

  it.each([
    ['of the whole target keeps everyone quiet', {}, [true, true]],
    ['of a client keeps it quiet until another one comes', { client: { identity, ip: null } }, [true, false]],
    ['of another client does nothing', { client: { identity: 'x', ip: null } }, [false, false]],
    ['of another namespace does nothing', { target: { namespace: 'else' } }, [false, false]],
  ])('%s, and counts', async (_name, more, expected) => {
    const desk = createDesk();
    await addMute(desk.store, mute(more as Partial<Mute>));
    await desk.mutes.refresh();
    const seen: boolean[] = [];
    for (const tls of [WEB, { state: 'none', reason: 'no_tls_from_remote' } as const]) {
      await desk.take([fromLog({ client: { ip: '10.0.0.9', port: 1, tls } })]);
      seen.push((await desk.incidents())[0]?.muted === true);
    }
    expect(seen).toEqual(expected);
    expect((await desk.incidents())[0]?.counted.logs).toBe(2);
  });

  it('takes open incidents at once, lets go when it is ended, and ends by itself', async () => {
    const desk = createDesk();
    await desk.take([fromLog()]);
    const made = await addMute(desk.store, mute());
    const apply = async () => {
      await desk.mutes.refresh();
      await applyMutes(desk.store, desk.mutes.current(), made.target, 100);
      return (await desk.incidents())[0]?.muted;
    };
    expect(await apply()).toBe(true);
    expect((await endMute(desk.store, made.id))?.id).toBe(made.id);
    expect(await apply()).toBe(false);
    expect(await endMute(desk.store, made.id)).toBeNull();
    await addMute(desk.store, mute());
    await desk.mutes.refresh();
    desk.clock.now += 61 * MINUTE;
    expect(desk.mutes.current()).toEqual([]);
  });

  it('that ends by itself is heard again in what is still open', async () => {
    const desk = createDesk();
    await desk.take([fromLog()]);
    const made = await addMute(desk.store, mute());
    await desk.mutes.refresh();
    await applyMutes(desk.store, desk.mutes.current(), made.target, 100);
    expect((await desk.incidents()).map((i) => i.muted)).toEqual([true]);
    desk.clock.now += 61 * MINUTE;
    await retain(timedOptions(desk), desk.clock.now);
    expect((await desk.incidents()).map((i) => i.muted)).toEqual([false]);
    expect(await desk.store.count('mutes')).toBe(0);
  });

  it.each([
    ['nothing', { target: {} }],
    ['nobody', { author: '' }],
    ['the past', { expiresAt: NOON }],
  ])('that names %s is refused', async (_name, more) => {
    await expect(addMute(createDesk().store, mute(more))).rejects.toMatchObject({ name: 'InvalidInput' });
  });
});

describe('retention', () => {
  const counts = async ({ store }: Desk) =>
    Object.fromEntries(
      await Promise.all(
        (['incidents', 'clients', 'clientGroups', 'slots', 'explanations', 'observations'] as Collection[]).map(async (c) => [
          c,
          await store.count(c),
        ]),
      ),
    );

  it('drops what is resolved and old, with all that belongs to it, and nothing that is open', async () => {
    const desk = createDesk();
    await desk.take([fromLog(), fromLog({ workload: { ...CART, name: 'open' }, pod: 'open-1' }), observation()]);
    await desk.explain();
    const old = (await desk.incidents()).find((i) => i.workload?.name === 'cart');
    await move(desk.store, old?.id ?? '', 'resolved', BY, BOUNDS);
    desk.clock.now += 25 * 60 * MINUTE;
    expect(await retain(timedOptions(desk), desk.clock.now)).toBeGreaterThan(0);
    expect(await retain(timedOptions(desk), desk.clock.now)).toBe(0);
    expect(await counts(desk)).toEqual({ incidents: 1, clients: 1, clientGroups: 1, slots: 1, explanations: 1, observations: 1 });
  });

  it('keeps the newest of each thing, in steps', async () => {
    const desk = createDesk();
    const facts = Array.from({ length: 30 }, (_, i) => observation({ at: NOON + i, client: { ip: `10.0.0.${i}`, port: null, tls: null } }));
    await desk.take(facts);
    await desk.take(Array.from({ length: 20 }, (_, i) => fromLog({ workload: { ...CART, name: `w${i}` }, pod: `w${i}` })));
    for (const { id } of await desk.incidents()) await move(desk.store, id, 'resolved', BY, BOUNDS);
    const options = timedOptions(desk, { observations: 5, incidents: 3, events: 4 });
    while ((await retain(options, desk.clock.now)) > 0);
    expect(await counts(desk)).toMatchObject({ observations: 5, incidents: 3, clients: 3, clientGroups: 3, slots: 3 });
    expect((await desk.store.list('observations', { limit: 1 }))[0]?.sort).toBe(NOON + 29);
    expect(desk.memory.events).toHaveLength(4);
  });

  it('spares an incident that comes back while it is dropped', async () => {
    const desk = createDesk();
    await desk.take([fromLog()]);
    const [incident] = await desk.incidents();
    await move(desk.store, incident?.id ?? '', 'resolved', BY, BOUNDS);
    desk.clock.now += 25 * 60 * MINUTE;
    await Promise.all([retain(timedOptions(desk), desk.clock.now), desk.take([fromLog({ ip: '10.7.7.7' })])]);
    const [left] = await desk.incidents();
    expect(left?.state).toBe('open');
    expect(await desk.clients(left?.id ?? '')).toHaveLength(left?.clients ?? -1);
  });
});
