import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type * as z from 'zod';
import * as shapes from '../../src/http/schemas.ts';
import { alert, CART, fromLog, fromMetrics, NOON, observation, symptom } from '../triage/desk.ts';
import { type Answer, bearer, type Running, startTestServer, TOKENS } from './running.ts';

let running: Running;
beforeEach(async () => {
  running = await startTestServer();
});
afterEach(() => running.server.close(100));

const get = (path: string) => running.ask('GET', path);
const post = (path: string, json: unknown = {}) => running.ask('POST', path, { json });

/** The body, if it has the published shape and nothing more. */
function shaped<S extends z.ZodType>(schema: S, { status, body }: Answer, expected = 200): z.output<S> {
  expect(status).toBe(expected);
  return schema.parse(body);
}

async function allOf(path: string): Promise<readonly string[]> {
  const ids: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const { body }: Answer = await get(`${path}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
    ids.push(...body.items.map((i: { id?: string; ip?: string }) => i.id ?? i.ip ?? ''));
    cursor = body.next;
  }
  return ids;
}

describe('incidents', () => {
  beforeEach(async () => {
    for (let i = 0; i < 7; i++) {
      running.clock.now = NOON + i;
      await running.take([
        fromLog({ workload: { ...CART, name: `w${i}` }, pod: `w${i}-1`, kind: i % 2 === 0 ? 'http-denied' : 'tcp-denied' }),
      ]);
    }
    await running.take([symptom()], [alert()]);
    await running.explain();
  });

  it('are listed, the most recently active first, each once over all pages', async () => {
    const page = shaped(shapes.incidentPage, await get('/api/v1/incidents?limit=3'));
    expect(page.items).toHaveLength(3);
    const ids = await allOf('/api/v1/incidents?limit=3');
    expect(ids).toHaveLength(9);
    expect(new Set(ids).size).toBe(9);
    expect(page.items.map((i) => i.id)).toEqual(ids.slice(0, 3));
  });

  it.each([
    ['namespace=shop', 9],
    ['namespace=else', 0],
    ['kind=tcp-denied', 3],
    ['state=open', 9],
    ['state=active', 9],
    ['state=resolved', 0],
    ['workload=Deployment/w3', 1],
    ['kind=http-denied&namespace=shop&muted=false&state=active', 4],
  ])('that match %s are %i', async (query, count) => {
    for (const limit of [1, 100]) expect(await allOf(`/api/v1/incidents?limit=${limit}&${query}`)).toHaveLength(count);
  });

  it('are shown whole, with their clients page by page', async () => {
    await running.take(Array.from({ length: 5 }, (_, i) => fromLog({ ip: `10.0.0.${i}` })));
    await running.take([fromMetrics({ count: 8 })]);
    const [{ id }] = (await get('/api/v1/incidents?workload=Deployment/cart&kind=http-denied')).body.items;
    const detail = shaped(shapes.incidentDetail, await get(`/api/v1/incidents/${id}?limit=2`));
    expect(detail.incident).toMatchObject({ clients: 6, count: 8, counted: { logs: 5, metrics: 8 } });
    expect(detail.clients.items).toHaveLength(2);
    const rest = shaped(shapes.incidentDetail, await get(`/api/v1/incidents/${id}?limit=4&cursor=${detail.clients.next}`));
    expect([rest.clients.items.length, rest.clients.next]).toEqual([4, null]);
    const shown = [...detail.clients.items, ...rest.clients.items].map(({ ip, count, countedBy }) => `${ip} ${count} ${countedBy}`);
    expect(shown.sort()).toEqual([...[0, 1, 2, 3, 4].map((i) => `10.0.0.${i} 1 logs`), 'null 3 metrics'].sort());
  });

  it('show a client that a counter and a line saw as one', async () => {
    await running.take([fromLog({ kind: 'terminated' })]);
    await running.take([fromMetrics({ kind: 'terminated' })]);
    const [incident] = shaped(shapes.incidentPage, await get('/api/v1/incidents?kind=terminated')).items;
    expect(incident).toMatchObject({ clients: 1, count: 3, counted: { logs: 1, metrics: 3 } });
    const { clients } = shaped(shapes.incidentDetail, await get(`/api/v1/incidents/${incident?.id}`));
    expect(clients).toMatchObject({
      next: null,
      items: [{ ip: '10.0.0.9', count: 3, countedBy: 'metrics', requests: [{ path: '/basket' }] }],
    });
  });

  it('are acknowledged and resolved with who and why', async () => {
    const [{ id }] = (await get('/api/v1/incidents')).body.items;
    const acknowledged = shaped(shapes.incident, await post(`/api/v1/incidents/${id}/acknowledge`, { reason: 'mine', actor: 'ann' }));
    expect(acknowledged).toMatchObject({ state: 'acknowledged' });
    expect(acknowledged.transitions.at(-1)).toMatchObject({ from: 'open', to: 'acknowledged', actor: 'ann (local)', reason: 'mine' });
    expect((await post(`/api/v1/incidents/${id}/resolve`, { reason: 'fixed' })).body.state).toBe('resolved');
    expect((await post(`/api/v1/incidents/${id}/acknowledge`, { reason: 'again' })).status).toBe(409);
    expect((await post('/api/v1/incidents/nobody/resolve', { reason: 'x' })).status).toBe(404);
    const faults = await post(`/api/v1/incidents/${id}/resolve`, { reason: ' ', more: 1 });
    expect([faults.status, faults.body.detail]).toEqual([400, expect.stringMatching(/reason.*; .*more/)]);
  });

  it('keep hostile text as data', async () => {
    const hostile = '<script>alert(1)</script>\u001b[2J\n"}{';
    await running.take([fromLog({ client: { ip: '10.0.0.66', port: 1, tls: { state: 'established', clientId: hostile } } })]);
    const [{ id }] = (await get('/api/v1/incidents?workload=Deployment/cart&kind=http-denied')).body.items;
    const answer = await get(`/api/v1/incidents/${id}`);
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(answer.body.clients.items[0].tls.clientId).toBe(hostile);
    expect(running.log()).not.toContain('<script>');
  });
});

describe('mutes', () => {
  const mute = (more = {}) => ({ target: { namespace: 'shop' }, reason: 'a scanner', expiresAt: '2026-03-02T00:00:00Z', ...more });

  it('are added, listed, take their incidents at once, and are ended', async () => {
    await running.take([fromLog()]);
    const made = shaped(shapes.mute, await post('/api/v1/mutes', mute({ author: 'ann' })), 201);
    expect(made).toMatchObject({ author: 'ann (local)', client: null });
    expect((await get('/api/v1/incidents')).body.items[0].muted).toBe(true);
    expect(shaped(shapes.muteList, await get('/api/v1/mutes')).items).toEqual([made]);
    expect((await running.ask('DELETE', `/api/v1/mutes/${made.id}`)).status).toBe(204);
    expect((await get('/api/v1/incidents')).body.items[0].muted).toBe(false);
    expect((await running.ask('DELETE', `/api/v1/mutes/${made.id}`)).status).toBe(404);
  });

  it.each([
    ['no target', mute({ target: {} })],
    ['an unknown part of the target', mute({ target: { pod: 'x' } })],
    ['both an identity and an ip', mute({ client: { identity: 'a', ip: '10.0.0.1' } })],
    ['neither', mute({ client: {} })],
    ['an end in the past', mute({ expiresAt: '2020-01-01T00:00:00Z' })],
    ['no time', mute({ expiresAt: 'soon' })],
    ['no reason', mute({ reason: '' })],
    ['a list', []],
  ])('with %s are refused', async (_name, body) => {
    expect((await post('/api/v1/mutes', body)).status).toBe(400);
    expect((await get('/api/v1/mutes')).body.items).toEqual([]);
  });
});

describe('other lists', () => {
  it('parked jobs are shown with their reason, and retried', async () => {
    running.queue.park({ id: 'i1', reason: 'it always throws', attempts: 5, at: NOON });
    expect(shaped(shapes.parkedList, await get('/api/v1/jobs/parked')).items).toEqual([
      { id: 'i1', reason: 'it always throws', attempts: 5, at: '2026-03-01T12:00:00.000Z' },
    ]);
    expect((await post('/api/v1/jobs/parked/i1/retry')).status).toBe(202);
    expect((await post('/api/v1/jobs/parked/i1/retry')).status).toBe(404);
  });

  it('observations are shown page by page', async () => {
    await running.take(Array.from({ length: 5 }, (_, i) => observation({ client: { ip: `10.0.0.${i}`, port: null, tls: null } })));
    shaped(shapes.observationPage, await get('/api/v1/observations?limit=2'));
    expect(await allOf('/api/v1/observations?limit=2&namespace=shop')).toHaveLength(5);
    expect(await allOf('/api/v1/observations?limit=2&namespace=else')).toHaveLength(0);
  });
});

describe('events', () => {
  const change = async (n: number) => {
    await running.take([fromLog({ ip: `10.0.0.${n}` })]);
    await running.explain();
  };

  it('are read after a sequence number', async () => {
    for (let i = 0; i < 5; i++) await change(i);
    const first = shaped(shapes.eventPage, await get('/api/v1/events?limit=3'));
    expect(first.items.map((e) => e.incident.answers)).toEqual([1, 2, 3]);
    const rest = shaped(shapes.eventPage, await get(`/api/v1/events?after=${first.next}`));
    expect(rest.items.map((e) => e.incident.answers)).toEqual([4, 5]);
    expect((await get(`/api/v1/events?after=${rest.next}`)).body).toEqual({ items: [], next: rest.next });
  });

  async function follow(headers: Readonly<Record<string, string>>, path = '/api/v1/events') {
    const response = await fetch(`${running.url}${path}`, { headers: { Accept: 'text/event-stream', ...headers } });
    let text = '';
    const done = (async () => {
      for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk);
    })().catch(() => {});
    return { response, done, ids: () => [...text.matchAll(/^id: (\d+)\nevent/gm)].map((m) => Number(m[1])), text: () => text };
  }

  it('are streamed as they come, and a stream that was cut off goes on where it was', async () => {
    await change(1);
    const first = await follow({});
    expect(first.response.headers.get('content-type')).toContain('text/event-stream');
    await change(2);
    await sleep(150);
    const ids = first.ids();
    expect(ids).toHaveLength(2);
    const data = /^data: (.*)$/m.exec(first.text())?.[1] ?? '';
    shapes.event.parse(JSON.parse(data));
    await change(3);
    const second = await follow({ 'Last-Event-ID': String(ids[0]) });
    await sleep(150);
    expect(second.ids()).toHaveLength(2);
    expect(second.ids()[0]).toBe(ids[1]);
  });

  it('are given from now on: none of before, and a stream that was cut off before it gave one goes on there', async () => {
    await change(1);
    const { items, next } = shaped(shapes.eventPage, await get('/api/v1/events?from=now'));
    expect([items, next]).toEqual([[], 1]);
    const stream = await follow({}, '/api/v1/events?from=now');
    await expect.poll(stream.text).toBe('retry: 3000\nid: 1\n\n');
    await change(2);
    await expect.poll(stream.ids).toEqual([2]);
    expect(shaped(shapes.eventPage, await get(`/api/v1/events?after=${next}`)).items).toHaveLength(1);
    expect((await get('/api/v1/events?from=now&after=1')).status).toBe(400);
  });

  it('are streamed to so many at a time, and a shutdown ends the streams', async () => {
    const streams = [await follow({}), await follow({})];
    const third = await follow({});
    expect(third.response.status).toBe(503);
    const begin = performance.now();
    await running.server.close(5000);
    await Promise.all(streams.map((s) => s.done));
    expect(performance.now() - begin).toBeLessThan(2000);
  });

  it('are let go of when their reader goes away', async () => {
    const socket = await running.open();
    socket.write('GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    await sleep(100);
    expect((await get('/metrics')).body).toContain('denywhy_event_streams 0');
  });
});

describe('health', () => {
  it('is said with what survives a loss, and says when the store is gone', async () => {
    expect(shaped(shapes.health, await get('/healthz'))).toEqual({ status: 'ok' });
    expect(shaped(shapes.health, await get('/readyz')).durability).toMatch(/^Everything acknowledged .*\.$/);
    running.store.fail(new Error('gone'));
    expect(shaped(shapes.health, await get('/readyz'), 503)).toEqual({ status: 'not ready' });
    expect((await get('/healthz')).status).toBe(200);
    const { body } = await get('/metrics');
    expect(body).toContain('denywhy_store_up 0');
  });

  it('is counted in metrics whose names follow the conventions', async () => {
    await post('/api/v1/webhooks/alertmanager', { alerts: [] });
    const { body, headers } = await get('/metrics');
    expect(headers.get('content-type')).toContain('text/plain');
    const own = [...(body as string).matchAll(/^# TYPE (denywhy_\S+) (\w+)$/gm)].map(([, name = '', type = '']) => ({ name, type }));
    expect(own.length).toBeGreaterThan(15);
    for (const { name, type } of own) {
      if (type === 'counter') expect(name).toMatch(/_total$/);
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
    expect(body).toContain('denywhy_http_requests_total{method="post",route="/api/v1/webhooks/alertmanager",code="200"} 1');
  });
});

describe('the document', () => {
  interface Document {
    readonly openapi: string;
    readonly paths: Readonly<
      Record<string, Readonly<Record<string, { readonly operationId: string; readonly responses: object; readonly summary: string }>>>
    >;
    readonly components: { readonly schemas: Readonly<Record<string, object>> };
  }

  it('lists every operation once, and every reference in it leads somewhere', async () => {
    const document: Document = (await get('/openapi.json')).body;
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, o]) => `${method.toUpperCase()} ${path} ${o.operationId}`),
    );
    expect(operations).toMatchInlineSnapshot(`
      [
        "POST /api/v1/webhooks/alertmanager receiveAlerts",
        "POST /api/v1/logs receiveLogs",
        "POST /api/v1/metrics receiveMetrics",
        "GET /api/v1/incidents listIncidents",
        "GET /api/v1/incidents/{id} getIncident",
        "POST /api/v1/incidents/{id}/acknowledge acknowledgeIncident",
        "POST /api/v1/incidents/{id}/resolve resolveIncident",
        "GET /api/v1/incidents/{id}/series getIncidentSeries",
        "GET /api/v1/incidents/{id}/objects listIncidentObjects",
        "GET /api/v1/mutes listMutes",
        "POST /api/v1/mutes addMute",
        "DELETE /api/v1/mutes/{id} endMute",
        "GET /api/v1/jobs/parked listParkedJobs",
        "POST /api/v1/jobs/parked/{id}/retry retryParkedJob",
        "GET /api/v1/observations listObservations",
        "GET /api/v1/quarantine listQuarantine",
        "GET /api/v1/events readEvents",
        "GET /api/v1/status getStatus",
        "GET /api/v1/session getSession",
        "POST /api/v1/session signIn",
        "DELETE /api/v1/session signOut",
        "GET /api/v1/addresses getAddress",
        "POST /api/v1/can askCan",
        "POST /api/v1/simulate simulate",
        "GET /api/v1/posture getPosture",
        "GET /api/v1/workloads listWorkloads",
        "GET /api/v1/policy getPolicy",
        "GET /api/v1/traffic listTraffic",
        "GET /api/v1/incidents/{id}/remedies listRemedies",
        "GET /api/v1/incidents/{id}/remedies/{n} getRemedy",
        "GET /api/v1/rules listRules",
        "GET /healthz isAlive",
        "GET /readyz isReady",
        "GET /metrics getMetrics",
        "GET /runbooks listRunbooks",
        "GET /runbooks/{id} getRunbook",
        "GET /diagnoses/{id} getDiagnosis",
        "GET /openapi.json getOpenApi",
      ]
    `);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map((m) => m[1] ?? '');
    expect(references.length).toBeGreaterThan(20);
    for (const name of references) expect(Object.keys(document.components.schemas)).toContain(name);
    for (const o of Object.values(document.paths).flatMap((methods) => Object.values(methods)))
      expect(Object.keys(o.responses)).toContain('default');
  });

  it('and docs/api.md name the same operations', async () => {
    const document: Document = (await get('/openapi.json')).body;
    const page = readFileSync(join(import.meta.dirname, '../../docs/api.md'), 'utf8');
    const table = page.split('\n').filter((row) => row.startsWith('| `'));
    for (const [path, methods] of Object.entries(document.paths))
      for (const method of Object.keys(methods))
        expect(
          table.some((row) => row.includes(method.toUpperCase()) && row.includes(`${path}\``)),
          `${method} ${path}`,
        ).toBe(true);
  });

  it('is the same with tokens as without', async () => {
    const open = (await get('/openapi.json')).body;
    await running.server.close(100);
    running = await startTestServer({ tokens: TOKENS });
    expect((await running.ask('GET', '/openapi.json', { headers: bearer('viewer') })).body).toEqual(open);
  });
});
