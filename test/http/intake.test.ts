import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Unavailable } from '../../src/errors.ts';
import { denials, FROM_CART, type Running, startTestServer, WEBHOOK } from './running.ts';

let running: Running;
beforeEach(async () => {
  running = await startTestServer();
});
afterEach(() => running.server.close(100));

const fixture = (name: string): unknown => JSON.parse(readFileSync(join(import.meta.dirname, '../fixtures/alertmanager', name), 'utf8'));
const webhook = (json: unknown, headers = {}) => running.ask('POST', '/api/v1/webhooks/alertmanager', { json, headers });
const logs = (body: string | Buffer, headers: Readonly<Record<string, string>> = {}) =>
  running.ask('POST', '/api/v1/logs', { body, headers: { 'Content-Type': 'text/plain', ...headers } });
const counted = async () => (await running.incidents()).map((i) => [i.workload?.name ?? null, i.counted.logs, i.clients]);

describe("Alertmanager's webhook", () => {
  it.each(['firing-one.json', 'firing-group-mixed.json', 'resolved-group.json', 'tcp-denied.json', 'truncated.json'])(
    'takes %s as Alertmanager sent it, and again without a change',
    async (name) => {
      const body = fixture(name);
      const first = await webhook(body);
      expect([first.status, first.body.result, first.body.quarantined]).toEqual([200, 'accepted', []]);
      const before = (await running.incidents()).map((i) => [i.id, i.alerts, i.state]);
      expect((await webhook(body)).status).toBe(200);
      expect((await running.incidents()).map((i) => [i.id, i.alerts, i.state])).toEqual(before);
    },
  );

  it('is on disk before it is answered', async () => {
    await webhook(WEBHOOK);
    expect(running.memory.rows.get('alerts')?.size).toBe(1);
    expect(await running.incidents()).toMatchObject([{ waitingForEvidence: true }]);
  });

  it('keeps the good alerts and sets the bad ones apart, with a 2xx', async () => {
    const bad = { status: 'on fire', labels: { alertname: 'Odd' } };
    const { status, body } = await webhook({
      ...WEBHOOK,
      alerts: [bad, ...WEBHOOK.alerts, 7, { status: 'firing', startsAt: 'yesterday' }],
    });
    expect([status, body.alerts, body.quarantined.map((q: { index: number }) => q.index)]).toEqual([200, 1, [0, 2, 3]]);
    const list = await running.ask('GET', '/api/v1/quarantine');
    expect(list.body.items.map((q: { alert: string }) => q.alert)).toContain(JSON.stringify(bad));
  });

  it.each([
    ['no JSON', '{"alerts": [', 400, 'not JSON'],
    ['an empty body', '', 400, 'empty'],
    ['a payload of one’s own', '{"text": "fire"}', 400, 'not an Alertmanager webhook body'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 400, 'not UTF-8'],
    ['too many alerts', JSON.stringify({ ...WEBHOOK, alerts: Array(101).fill(WEBHOOK.alerts[0]) }), 413, 'more than 100 alerts'],
  ])('refuses %s and says what to do', async (_name, sent, status, detail) => {
    const answer = await running.ask('POST', '/api/v1/webhooks/alertmanager', {
      body: sent,
      headers: { 'Content-Type': 'application/json' },
    });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
    expect(answer.body.detail).toContain(detail);
    expect(answer.body.remedy.length).toBeGreaterThan(10);
    expect(running.memory.rows.get('alerts')).toBeUndefined();
  });

  it('answers 503 with Retry-After while the store is gone, and takes the same body when it is back', async () => {
    running.store.fail(new Unavailable('the disk is full', 'Make room on the disk.'));
    const refused = await webhook(WEBHOOK);
    expect([refused.status, refused.body.detail, refused.body.remedy]).toEqual([503, 'the disk is full', 'Make room on the disk.']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    running.store.fail(null);
    expect((await webhook(WEBHOOK)).status).toBe(200);
  });

  it('answers 503 when the store does not answer at all', async () => {
    await running.server.close(100);
    running = await startTestServer({ intake: { accept: () => new Promise(() => {}), settle: async () => 0 } }, { answerTime: 500 });
    const { status, body } = await webhook(WEBHOOK);
    expect([status, body.detail]).toEqual([503, 'The store does not answer.']);
  });

  it('answers 500 for a bug, which Alertmanager sends again, and says nothing of its inside', async () => {
    running.store.fail(new Error('secret inside'));
    const { status, body, headers } = await webhook(WEBHOOK);
    expect([status, JSON.stringify(body).includes('secret')]).toEqual([500, false]);
    expect(headers.get('retry-after')).not.toBeNull();
    expect(running.log()).toContain('secret inside');
  });

  it('never answers 429', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => (await webhook({ ...WEBHOOK, groupKey: String(i) })).status),
    );
    expect(statuses.filter((s) => s !== 200 && s !== 503)).toEqual([]);
  });
});

describe('logs', () => {
  const row = (ip: string) => denials(ip).trimEnd();
  const kubernetes = { namespace_name: 'shop', pod_name: 'cart-1', container_name: 'linkerd-proxy' };
  const fluentBit = (ips: readonly string[]) => ips.map((ip) => ({ date: 1_772_366_400.5, log: row(ip), kubernetes }));
  const vector = (ips: readonly string[]) =>
    ips.map((ip) => ({
      message: row(ip),
      timestamp: '2026-03-01T12:00:00Z',
      kubernetes: { pod_namespace: 'shop', pod_name: 'cart-1', container_name: 'linkerd-proxy' },
    }));
  const lines = (objects: readonly unknown[]) => objects.map((o) => `${JSON.stringify(o)}\n`).join('');
  const IPS = ['10.9.0.3', '10.9.0.4'];
  const NAMED = { 'X-Denywhy-Workload': 'deploy/cart', 'X-Denywhy-Namespace': 'shop' };

  it.each([
    ['plain lines, whose pod the headers name', 'text/plain', denials(...IPS), FROM_CART],
    ['the last line without its line feed', 'text/plain', denials(...IPS).trimEnd(), FROM_CART],
    ['lines behind kubectl’s prefix', 'text/plain', IPS.map((ip) => `[pod/cart-1/linkerd-proxy] ${denials(ip)}`).join(''), NAMED],
    ['Fluent Bit’s json_lines', 'application/x-ndjson', lines(fluentBit(IPS)), NAMED],
    ['Fluent Bit’s json', 'application/json', JSON.stringify(fluentBit(IPS)), NAMED],
    ['Vector’s NDJSON', 'application/x-ndjson', lines(vector(IPS)), NAMED],
    ['Vector’s JSON array, spread over lines', 'application/json; charset=utf-8', JSON.stringify(vector(IPS), null, 2), NAMED],
  ])('are taken as %s, plain and packed', async (_name, type, body, headers) => {
    for (const packed of [false, true]) {
      const encoding = packed ? { 'Content-Encoding': 'gzip' } : {};
      const answer = await logs(packed ? gzipSync(body) : body, {
        ...headers,
        ...encoding,
        'Content-Type': type,
        'Idempotency-Key': `k${packed}`,
      });
      expect([answer.status, answer.body]).toMatchObject([
        200,
        { result: 'accepted', lines: 2, parsed: 2, unparsed: 0, facts: 2, unplaced: 0 },
      ]);
    }
    expect(await counted()).toEqual([['cart', 4, 2]]);
  });

  it('count lines that are not understood, and show the first of them', async () => {
    const { body } = await logs(`${denials('10.9.0.3')}what is this\n`, FROM_CART);
    expect(body).toMatchObject({ lines: 2, parsed: 1, unparsed: 1, samples: [{ line: 2, text: 'what is this' }] });
  });

  it('that hold nothing of ours are answered so, and nothing is stored', async () => {
    const { status, body } = await logs('[ 1.000000s]  INFO ThreadId(01) linkerd2_proxy: release 2.366.0\n', FROM_CART);
    expect([status, body.result]).toEqual([200, 'nothing']);
    expect(running.memory.batches.size).toBe(0);
  });

  it('of nobody knows whom are refused, with what to send', async () => {
    const { status, body } = await logs(denials('10.9.0.3'));
    expect([status, body.detail]).toEqual([400, expect.stringContaining('neither namespace nor pod')]);
    expect(body.remedy).toContain('X-Denywhy-Namespace');
  });

  it.each([
    ['with the same Idempotency-Key, whatever it holds', { 'Idempotency-Key': 'one' }, denials('10.9.0.4')],
    ['with the same bytes, within an hour', {}, denials('10.9.0.3')],
  ])('sent again %s count once', async (_name, key, again) => {
    await logs(denials('10.9.0.3'), { ...FROM_CART, ...key });
    const { status, body } = await logs(again, { ...FROM_CART, ...key });
    expect([status, body.result]).toEqual([200, 'known']);
    expect(await counted()).toEqual([['cart', 1, 1]]);
  });

  it('with the same bytes, but of another pod or after an hour, count again', async () => {
    await logs(denials('10.9.0.3'), FROM_CART);
    await logs(denials('10.9.0.3'), { ...FROM_CART, 'X-Denywhy-Pod': 'cart-2' });
    running.clock.now += 61 * 60_000;
    await logs(denials('10.9.0.3'), FROM_CART);
    expect(await counted()).toEqual([['cart', 3, 1]]);
  });

  it('wait for the workload of their pod', async () => {
    await logs(denials('10.9.0.3'), { 'X-Denywhy-Namespace': 'shop', 'X-Denywhy-Pod': 'cart-1' });
    expect(await counted()).toEqual([]);
    await logs(denials('10.9.0.4'), FROM_CART);
    expect(await counted()).toEqual([['cart', 2, 2]]);
  });

  it('with more different facts than there is room for are refused whole', async () => {
    const ips = Array.from({ length: 1001 }, (_, i) => `10.9.${i >> 8}.${i & 255}`);
    const { status, body } = await logs(gzipSync(denials(...ips)), { ...FROM_CART, 'Content-Encoding': 'gzip' });
    expect([status, body.detail]).toEqual([413, 'This body holds more than 1000 different facts.']);
    expect(await running.incidents()).toEqual([]);
  });

  it('of one denial a thousand times over take the room of one', async () => {
    const { body } = await logs(gzipSync(denials('10.9.0.3').repeat(5000)), { ...FROM_CART, 'Content-Encoding': 'gzip' });
    expect(body).toMatchObject({ result: 'accepted', facts: 5000 });
    expect(await counted()).toEqual([['cart', 5000, 1]]);
  });

  it.each([
    ['X-Denywhy-Namespace', 'not a name!'],
    ['X-Denywhy-Workload', 'cart'],
    ['X-Denywhy-Workload', 'rocket/cart'],
    ['Idempotency-Key', 'k'.repeat(256)],
  ])('with a bad %s (%s) are refused', async (header, value) => {
    const { status, body } = await logs(denials('10.9.0.3'), { ...FROM_CART, [header]: value });
    expect([status, body.detail]).toEqual([400, expect.stringContaining(header)]);
  });

  it('hold hostile text without harm', async () => {
    const hostile = `{"log":"x","__proto__":{"polluted":1},"kubernetes":{"__proto__":{"pod_name":"p"}}}\n\u001b[31m\u0000\n[{"a"\n${'['.repeat(50_000)}\n`;
    const { status } = await logs(hostile + denials('10.9.0.3'), FROM_CART);
    expect(status).toBe(200);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('metrics', () => {
  const series = (value: number) =>
    `inbound_http_authz_deny_total{srv_group="policy.linkerd.io",srv_kind="server",srv_name="cart-api",srv_port="7070",route_kind="default",route_name="default",tls="no_identity",no_tls_reason="no_tls_from_remote"} ${value}\n`;
  const page = (value: number) => `process_start_time_seconds 1772000000\n${series(value)}`;
  const push = (body: string, headers: Readonly<Record<string, string>> = FROM_CART, type = 'text/plain') =>
    running.ask('POST', '/api/v1/metrics', { body, headers: { ...headers, 'Content-Type': type } });

  it('of a proxy’s page count what was added since its last one', async () => {
    expect((await push(page(5))).body).toEqual({ result: 'accepted', samples: 2, notices: [] });
    for (const value of [9, 9, 10]) {
      running.clock.now += 15_000;
      await push(page(value));
    }
    expect((await running.incidents()).map((i) => i.counted.metrics)).toEqual([5]);
  });

  it('of a Prometheus answer carry their targets themselves', async () => {
    const answer = (value: string, at: number) => ({
      status: 'success',
      data: {
        resultType: 'vector',
        result: [
          {
            metric: {
              __name__: 'inbound_http_authz_deny_total',
              namespace: 'shop',
              pod: 'cart-1',
              deployment: 'cart',
              srv_kind: 'server',
              srv_group: 'policy.linkerd.io',
              srv_name: 'cart-api',
              tls: 'no_identity',
            },
            value: [at, value],
          },
        ],
      },
    });
    await push(JSON.stringify(answer('5', 1_772_366_400)), {}, 'application/json');
    const { status, body } = await push(JSON.stringify(answer('8', 1_772_366_460)), {}, 'application/json');
    expect([status, body.samples]).toEqual([200, 1]);
    expect((await running.incidents()).map((i) => [i.workload?.name, i.counted.metrics])).toEqual([['cart', 3]]);
  });

  it.each([
    ['of nobody knows whom', page(1), {}, 'neither pod nor instance'],
    ['that are none', 'hello\n', FROM_CART, 'holds no metrics'],
    ['that are empty', '', FROM_CART, 'is empty'],
    ['of a refused query', '{"status":"error","errorType":"bad_data","error":"no"}', FROM_CART, 'refused the query'],
  ])('%s are refused', async (_name, body, headers, detail) => {
    const answer = await push(body, headers);
    expect([answer.status, answer.body.detail]).toEqual([400, expect.stringContaining(detail)]);
  });
});
