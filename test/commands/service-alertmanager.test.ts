/** The answer goes back to where the page came from: two real Alertmanagers in a cluster, a receiver that records, and the whole service. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Service, startService } from '../../src/commands/service.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/telemetry.ts';
import { alertmanagerSkip, ended, type Receiver, startAlertmanagers, startReceiver, type TestAlertmanagers } from '../alertmanager.ts';
import { freePort } from '../ports.ts';
import { waitFor } from '../prometheus.ts';
import { CART_LABELS, fromMetrics } from '../triage/desk.ts';

interface ShownIncident {
  readonly id: string;
  readonly alerts: readonly string[];
  readonly answer: { readonly sentence: string } | null;
}

const EXPLAINED = 'DenywhyExplained';

describe.skipIf(alertmanagerSkip !== null)(`two Alertmanagers${alertmanagerSkip === null ? '' : ` (${alertmanagerSkip})`}`, () => {
  let directory = '';
  let service: Service;
  let pair: TestAlertmanagers;
  let receiver: Receiver;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'denywhy-loop-'));
    receiver = await startReceiver();
    const port = await freePort();
    pair = await startAlertmanagers(2, [`http://127.0.0.1:${port}/api/v1/webhooks/alertmanager`, receiver.url]);
    const { config } = loadConfig(
      {
        DENYWHY_LISTEN_ADDRESS: `127.0.0.1:${port}`,
        DENYWHY_STORE_DIRECTORY: directory,
        DENYWHY_ALERTMANAGER_URLS: pair.peers.map(({ url }) => url).join(','),
        DENYWHY_ALERTMANAGER_REFRESH: '1s',
        DENYWHY_ALERTMANAGER_LINK: 'https://denywhy.example.com',
      },
      null,
    );
    service = await startService(config, createLogger(new Writable({ write: (_chunk, _encoding, done) => done() }), 'error'));
  }, 60_000);
  afterAll(async () => {
    await service?.close();
    await pair?.stop();
    await receiver?.close();
    rmSync(directory, { recursive: true });
  });

  const get = async <T>(path: string) => (await (await fetch(`${service.url}${path}`)).json()) as T;
  const incidents = async () => (await get<{ items: readonly ShownIncident[] }>('/api/v1/incidents')).items;
  const states = async () => {
    const { items } = await get<{ items: readonly { id: string; state: string; fault: { remedy: string } | null }[] }>('/api/v1/status');
    return Object.fromEntries(items.map(({ id, state }) => [id, state]));
  };
  const explainedAt = async (i: number) => (await pair.peers[i]?.alerts())?.filter(({ labels }) => labels['alertname'] === EXPLAINED) ?? [];
  const notified = (name: string) => receiver.bodies.flatMap(({ alerts }) => alerts).filter(({ labels }) => labels['alertname'] === name);

  it('make one incident of their duplicates, and both hold its answer', { timeout: 60_000 }, async () => {
    await service.intake.accept({ id: null, facts: [fromMetrics({ at: Date.now() })], alerts: [] });
    const startsAt = new Date().toISOString();
    for (const peer of pair.peers)
      await peer.post([{ labels: CART_LABELS, annotations: {}, startsAt, endsAt: new Date(Date.now() + 60_000).toISOString() }]);
    expect(await waitFor(async () => (await incidents())[0]?.alerts.length === 1, 20_000)).toBe(true);
    for (const i of [0, 1]) expect(await waitFor(async () => (await explainedAt(i)).length === 1, 20_000)).toBe(true);
    const [incident, ...more] = await incidents();
    expect(more).toEqual([]);
    for (const i of [0, 1])
      expect((await explainedAt(i))[0]).toMatchObject({
        labels: { denywhy_incident: incident?.id, namespace: 'shop', srv_name: 'cart-http', incident_kind: 'http-denied' },
        annotations: { summary: incident?.answer?.sentence, explanation: `https://denywhy.example.com/api/v1/incidents/${incident?.id}` },
      });
    expect(await waitFor(async () => notified(EXPLAINED).length > 0, 20_000)).toBe(true);
    expect(notified(EXPLAINED)[0]).toMatchObject({ status: 'firing', annotations: { summary: incident?.answer?.sentence } });
    expect(await states()).toEqual({ 'alertmanager-0': 'well', 'alertmanager-1': 'well' });
  });

  it('send it back, and it is not taken in: one incident, with the alert that paged and no other', { timeout: 30_000 }, async () => {
    const own = async () => {
      const page = await (await fetch(`${service.url}/metrics`)).text();
      return Number(/denywhy_intake_alerts_total\{result="own"\} (\d+)/.exec(page)?.[1] ?? 0);
    };
    expect(await waitFor(async () => (await own()) > 0, 20_000)).toBe(true);
    expect((await incidents()).map(({ alerts }) => alerts.length)).toEqual([1]);
  });

  it('are kept refreshed, and their end moves on while the incident is open', { timeout: 30_000 }, async () => {
    const endsAt = async () => Date.parse((await explainedAt(1))[0]?.endsAt ?? '');
    const first = await endsAt();
    expect(await waitFor(async () => (await endsAt()) > first + 2000, 20_000)).toBe(true);
  });

  it('when one is gone, the other still gets the answer, and status says which is gone', { timeout: 60_000 }, async () => {
    const [first] = pair.peers;
    if (first !== undefined) await ended(first.process);
    expect(await waitFor(async () => (await states())['alertmanager-0'] === 'failing', 30_000)).toBe(true);
    expect((await states())['alertmanager-1']).toBe('well');
    const [{ endsAt } = { endsAt: '' }] = await explainedAt(1);
    expect(await waitFor(async () => ((await explainedAt(1))[0]?.endsAt ?? '') > endsAt, 20_000)).toBe(true);
  });

  it('hear of the end: the receiver is told that it is resolved', { timeout: 60_000 }, async () => {
    const [incident] = await incidents();
    const answer = await fetch(`${service.url}/api/v1/incidents/${incident?.id}/resolve`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ reason: 'the policy was mended' }),
    });
    expect(answer.status).toBe(200);
    expect(await waitFor(async () => notified(EXPLAINED).some(({ status }) => status === 'resolved'), 40_000)).toBe(true);
    expect(await explainedAt(1)).toEqual([]);
  });
});
