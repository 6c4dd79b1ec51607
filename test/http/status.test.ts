import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dropSources, saveSource } from '../../src/triage/sources.ts';
import { MINUTE, NOON } from '../triage/desk.ts';
import { bearer, type Running, startTestServer, TOKENS, WEBHOOK } from './running.ts';

describe('GET /api/v1/status', () => {
  let server: Running;
  beforeAll(async () => {
    server = await startTestServer({ tokens: TOKENS });
  });
  afterAll(() => server.server.close(0));
  const ask = () => server.ask('GET', '/api/v1/status', { headers: bearer('viewer') });

  it('is empty where nothing is asked', async () => {
    expect(await ask()).toMatchObject({ status: 200, body: { items: [] } });
  });

  it('is not for senders', async () => {
    expect((await server.ask('GET', '/api/v1/status', { headers: bearer('collector') })).status).toBe(403);
  });

  it('says of each source how it is, since when, and what to do', async () => {
    const well = {
      place: 'Alertmanager at http://am',
      state: 'well',
      at: NOON,
      answeredAt: NOON,
      lag: null,
      fault: null,
      remarks: [],
    } as const;
    await saveSource(server.store, { id: 'alertmanager-0', ...well });
    const fault = { message: 'It is gone.', remedy: 'Start it.', since: NOON };
    await saveSource(server.store, {
      ...well,
      id: 'prometheus',
      state: 'failing',
      lag: 12_500,
      at: NOON + MINUTE,
      fault,
      remarks: ['One.'],
    });
    const { items } = (await ask()).body;
    expect(items.map(({ id }: { id: string }) => id)).toEqual(['alertmanager-0', 'prometheus']);
    expect(items[1]).toEqual({
      id: 'prometheus',
      place: 'Alertmanager at http://am',
      state: 'failing',
      at: '2026-03-01T12:01:00.000Z',
      answeredAt: '2026-03-01T12:00:00.000Z',
      lagSeconds: 12.5,
      fault: { message: 'It is gone.', remedy: 'Start it.', since: '2026-03-01T12:00:00.000Z' },
      remarks: ['One.'],
    });
    await dropSources(server.store, ['prometheus']);
    expect((await ask()).body.items).toHaveLength(1);
  });
});

it("denywhy's own alert comes back and changes nothing", async () => {
  const heard: number[] = [];
  const { server, ask, incidents } = await startTestServer({ heard: ({ alerts }) => heard.push(alerts.length) });
  const [alert] = WEBHOOK.alerts;
  const own = { ...alert, labels: { ...alert?.labels, alertname: 'DenywhyExplained', denywhy_incident: 'i0123' } };
  const answer = await ask('POST', '/api/v1/webhooks/alertmanager', { json: { ...WEBHOOK, alerts: [own] } });
  expect(answer).toMatchObject({ status: 200, body: { result: 'nothing', alerts: 0 } });
  expect(await incidents()).toEqual([]);
  await ask('POST', '/api/v1/webhooks/alertmanager', { json: { ...WEBHOOK, alerts: [own, alert] } });
  expect(await incidents()).toHaveLength(1);
  expect(heard).toEqual([0, 1]);
  await server.close(0);
});
