import { describe, expect, it } from 'vitest';
import type { HeldAlert } from '../../src/ports.ts';
import { BOUNDS } from '../../src/triage/incident.ts';
import { reconcile, staleAlerts } from '../../src/triage/stale-alerts.ts';
import { alert, CART_LABELS, createDesk, type Desk, fromMetrics, MINUTE, NOON } from './desk.ts';

const held = (labels: Readonly<Record<string, string>>): HeldAlert => ({
  alert: alert({ labels }),
  receivers: ['denywhy'],
  isActive: true,
});
const optionsOf = (desk: Desk) => ({ store: desk.store, intake: desk.intake, bounds: BOUNDS, now: () => desk.clock.now });
const OTHER = { ...CART_LABELS, alertname: 'Other' };

async function firing(): Promise<Desk> {
  const desk = createDesk();
  await desk.take([fromMetrics()], [alert(), alert({ labels: OTHER })]);
  return desk;
}

describe('alerts of which nothing was heard for long', () => {
  it('are those that fire, the longest ago first', async () => {
    const desk = await firing();
    desk.clock.now += 4 * MINUTE;
    await desk.take([], [alert()]);
    expect((await staleAlerts(desk.store, NOON + MINUTE)).map(({ name }) => name)).toEqual(['Other']);
    await desk.take([], [alert({ labels: OTHER, status: 'resolved', endsAt: desk.clock.now })]);
    expect(await staleAlerts(desk.store, NOON + MINUTE)).toEqual([]);
  });

  it('end where no Alertmanager holds them, and their incidents may then', async () => {
    const desk = await firing();
    desk.clock.now += 10 * MINUTE;
    const stale = await staleAlerts(desk.store, NOON + MINUTE);
    expect(await reconcile(stale, [held(CART_LABELS)], optionsOf(desk))).toBe(1);
    const [incident] = await desk.incidents();
    expect(incident?.alerts).toHaveLength(1);
    expect((await desk.store.list('alerts', { tag: 'status:resolved', limit: 10 })).map(({ value }) => value)).toMatchObject([
      { name: 'Other', status: 'resolved', endsAt: NOON + 10 * MINUTE },
    ]);
  });

  it('are heard of again where one holds them', async () => {
    const desk = await firing();
    desk.clock.now += 10 * MINUTE;
    const both = [held(CART_LABELS), held(OTHER)];
    expect(await reconcile(await staleAlerts(desk.store, NOON + MINUTE), both, optionsOf(desk))).toBe(0);
    expect(await staleAlerts(desk.store, NOON + 9 * MINUTE)).toEqual([]);
  });

  it('that were resolved meanwhile stay as they are', async () => {
    const desk = await firing();
    const stale = await staleAlerts(desk.store, NOON + MINUTE);
    await desk.take([], [alert({ status: 'resolved', endsAt: NOON + 2 * MINUTE })]);
    desk.clock.now += 10 * MINUTE;
    await reconcile(stale, [], optionsOf(desk));
    const ends = (await desk.store.list('alerts', { limit: 10 })).map(({ value }) => (value as { endsAt: number }).endsAt);
    expect(ends.toSorted()).toEqual([NOON + 2 * MINUTE, NOON + 10 * MINUTE]);
  });
});
