import { describe, expect, it } from 'vitest';
import type { AlertState } from '../../src/triage/incident.ts';
import { resolveQuiet } from '../../src/triage/timed.ts';
import { alert, CART_LABELS, createDesk, type Desk, fromLog, MINUTE, NOON, SERVER } from './desk.ts';
import { timedOptions } from './timed-options.ts';

const OTHER = { ...SERVER, name: 'cart-admin' };

async function alertsOf(desk: Desk): Promise<readonly AlertState[]> {
  return (await desk.store.list('alerts', { limit: 100 })).map((d) => d.value as unknown as AlertState);
}

describe('an alert', () => {
  it('alone opens an incident that waits for evidence, without client or count, and the first fact takes it over', async () => {
    const desk = createDesk();
    await desk.take([], [alert()]);
    const [waiting] = await desk.incidents();
    expect(waiting).toMatchObject({ waitingForEvidence: true, clients: 0, counted: { metrics: 0, logs: 0, before: 0 }, kind: null });
    await desk.explain();
    expect((await desk.incidents())[0]?.answer?.sentence).toBe('An alert fires; no denial has been seen yet.');
    await desk.take([fromLog()]);
    const [taken, ...more] = await desk.incidents();
    expect(more).toEqual([]);
    expect(taken).toMatchObject({ id: waiting?.id, waitingForEvidence: false, kind: 'http-denied', clients: 1, alerts: waiting?.alerts });
  });

  it('that was resolved and never seen firing is recorded and opens nothing', async () => {
    const desk = createDesk();
    await desk.take([], [alert({ status: 'resolved', endsAt: NOON + 1 })]);
    expect(await desk.incidents()).toEqual([]);
    expect(await alertsOf(desk)).toMatchObject([{ status: 'resolved', incidents: [] }]);
  });

  it.each([
    ['Server left out', { alertname: 'A', namespace: 'shop', deployment: 'cart' }, 2],
    ['workload left out', { alertname: 'A', namespace: 'shop' }, 2],
    ['another Server', { ...CART_LABELS, srv_name: 'unknown' }, 0],
    ['another namespace', { ...CART_LABELS, namespace: 'else' }, 0],
  ])('with the %s attaches to every open incident that it selects', async (_name, labels, expected) => {
    for (const isFirst of [true, false]) {
      const desk = createDesk();
      const facts = [fromLog(), fromLog({ server: OTHER })];
      if (isFirst) await desk.take([], [alert({ labels })]);
      for (const fact of facts) await desk.take([fact]);
      if (!isFirst) await desk.take([], [alert({ labels })]);
      const known = (await desk.incidents()).filter((i) => !i.waitingForEvidence);
      expect(known.filter((i) => i.alerts.length === 1)).toHaveLength(expected);
      expect(known).toHaveLength(2);
    }
  });

  it('that names nothing of ours is recorded and touches nothing', async () => {
    const desk = createDesk();
    await desk.take([fromLog()], [alert({ labels: { alertname: 'Watchdog' } })]);
    expect((await desk.incidents()).map((i) => i.alerts)).toEqual([[]]);
    expect(await alertsOf(desk)).toHaveLength(1);
  });

  it('that is repeated changes nothing but when it was last seen', async () => {
    const desk = createDesk();
    await desk.take([], [alert()]);
    const before = await desk.incidents();
    desk.clock.now += 5 * MINUTE;
    await desk.take([], [alert()]);
    expect(await desk.incidents()).toEqual(before);
    expect((await alertsOf(desk)).map((a) => a.lastSeen)).toEqual([NOON + 5 * MINUTE]);
  });

  it('that a slower peer sends again, older than its end, stays resolved', async () => {
    const desk = createDesk();
    await desk.take([], [alert()]);
    await desk.take([], [alert({ status: 'resolved', endsAt: NOON + MINUTE })]);
    await desk.take([], [alert()]);
    expect(await alertsOf(desk)).toMatchObject([{ status: 'resolved' }]);
    expect((await desk.incidents()).map((i) => i.alerts)).toEqual([[]]);
  });

  it('that goes on as it began, long after it ended, fires again: Prometheus was away', async () => {
    const desk = createDesk();
    await desk.take([fromLog()], [alert()]);
    const end = alert({ status: 'resolved', endsAt: NOON + MINUTE });
    await desk.take([], [end]);
    for (const [minutes, status, firing] of [
      [9, 'resolved', 0],
      [12, 'firing', 1],
      [13, 'firing', 1],
    ] as const) {
      desk.clock.now = NOON + minutes * MINUTE;
      await desk.take([], [alert()]);
      expect(await alertsOf(desk)).toMatchObject([{ status }]);
      expect((await desk.incidents()).map((i) => i.alerts.length)).toEqual([firing]);
    }
    await desk.take([], [alert({ status: 'resolved', endsAt: NOON + 14 * MINUTE })]);
    expect((await desk.incidents()).map((i) => i.alerts.length)).toEqual([0]);
  });

  it('that names no namespace attaches to what is open, and to what is opened later; one that names nothing to nothing', async () => {
    const desk = createDesk();
    const anywhere = alert({ labels: { alertname: 'A', incident_kind: 'http-denied' } });
    expect(anywhere.selects).toEqual({ kind: 'http-denied' });
    await desk.take([fromLog()], []);
    await desk.take([], [anywhere, alert({ labels: { alertname: 'Watchdog' } })]);
    await desk.take([fromLog({ server: OTHER }), fromLog({ kind: 'tcp-denied' })]);
    const attached = (await desk.incidents()).map((i) => `${i.kind} ${i.server?.name} ${i.alerts.length}`);
    expect(attached.sort()).toEqual(['http-denied cart-admin 1', 'http-denied cart-http 1', 'tcp-denied cart-http 0']);
  });

  it('that fires again, later, reopens its incident, and no second one', async () => {
    const desk = createDesk();
    await desk.take([fromLog()], [alert()]);
    await desk.take([], [alert({ status: 'resolved', endsAt: NOON + MINUTE })]);
    desk.clock.now += 30 * MINUTE;
    expect(await resolveQuiet(timedOptions(desk), desk.clock.now)).toBe(1);
    await desk.take([], [alert({ startsAt: desk.clock.now })]);
    const incidents = await desk.incidents();
    expect(incidents.map((i) => [i.state, i.alerts.length])).toEqual([['open', 1]]);
    expect(incidents[0]?.transitions.map((t) => [t.to, t.actor])).toEqual([
      ['open', 'denywhy'],
      ['resolved', 'denywhy'],
      ['open', 'alertmanager'],
    ]);
  });

  it('with a new fingerprint reopens the resolved incident that it selects', async () => {
    const desk = createDesk();
    await desk.take([fromLog()]);
    desk.clock.now += 30 * MINUTE;
    await resolveQuiet(timedOptions(desk), desk.clock.now);
    await desk.take([], [alert({ labels: { ...CART_LABELS, alertname: 'New' }, startsAt: desk.clock.now })]);
    expect((await desk.incidents()).map((i) => [i.state, i.waitingForEvidence])).toEqual([['open', false]]);
  });
});
