import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInput } from '../../src/errors.ts';
import { parseWebhook } from '../../src/evidence/alert.ts';
import { keyOf, selects } from '../../src/evidence/key.ts';
import { showInstant } from '../../src/policy/time.ts';
import { factsBetween } from './metric-delta.ts';

const FIXTURES = new URL('../fixtures/alertmanager/', import.meta.url);
const captured = (name: string) => JSON.parse(readFileSync(new URL(`${name}.json`, FIXTURES), 'utf8'));

const ALERT = { status: 'firing', labels: { alertname: 'X', namespace: 'shop' }, startsAt: '2026-11-23T08:53:35.202Z' };
const webhook = (alert: unknown) => parseWebhook({ version: '4', alerts: [alert] });
const selectionOf = (labels: Record<string, string>) => webhook({ ...ALERT, labels }).alerts[0]?.selects;

describe('captured bodies', () => {
  it('say by namespace and Deployment alone what the tutorial’s rule saw', () => {
    const { alerts, ...rest } = parseWebhook(captured('firing-one'));
    expect(rest).toEqual({
      quarantined: [],
      truncated: 0,
      status: 'firing',
      receiver: 'denywhy',
      groupKey: '{}:{alertname="HighAuthorizationDenials", namespace="production"}',
      externalURL: 'http://alertmanager-1.alertmanager:9093',
    });
    expect(alerts).toHaveLength(1);
    expect(alerts[0]).toMatchObject({
      type: 'alert',
      status: 'firing',
      name: 'HighAuthorizationDenials',
      endsAt: null,
      fingerprint: 'bf2a212d156d0d4f',
      selects: { namespace: 'production', workload: { kind: 'Deployment', name: 'backend' } },
    });
    expect(Object.keys(alerts[0]?.selects ?? {})).toEqual(['namespace', 'workload']);
    expect(showInstant(alerts[0]?.startsAt as number)).toBe('2026-11-23T08:53:35.202Z');
    expect(alerts[0]?.generatorURL).toContain('/graph?g0.expr=');
  });

  it('say Server and route where the rule keeps the counters’ labels', () => {
    const { alerts } = parseWebhook(captured('truncated'));
    expect(alerts.map((a) => a.selects)).toEqual([
      {
        namespace: 'production',
        workload: { kind: 'Deployment', name: 'backend' },
        server: { group: 'policy.linkerd.io', kind: 'server', name: 'backend-http' },
        route: { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'backend-admin' },
      },
      {
        namespace: 'production',
        workload: { kind: 'Deployment', name: 'backend' },
        server: { group: 'policy.linkerd.io', kind: 'server', name: 'backend-http' },
        route: { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'backend-routes' },
      },
    ]);
  });

  it.each([
    ['tcp-denied', 'database-sql'],
    ['route-not-found', 'backend-http'],
  ])('of %s have a Server and no route', (name, server) => {
    for (const { selects: selection } of parseWebhook(captured(name)).alerts) {
      expect(selection.server?.name).toBe(server);
      expect(selection.route).toBeUndefined();
    }
  });

  it('may mix alerts that fire and alerts that are resolved', () => {
    const { alerts, status } = parseWebhook(captured('firing-group-mixed'));
    expect(status).toBe('firing');
    expect(new Set(alerts.map((a) => a.status))).toEqual(new Set(['firing', 'resolved']));
    for (const alert of alerts) expect(alert.endsAt === null).toBe(alert.status === 'firing');
  });

  it('are resolved when all of their alerts are', () => {
    const { alerts, status } = parseWebhook(captured('resolved-group'));
    expect(status).toBe('resolved');
    expect(alerts.every((a) => a.endsAt !== null && a.startsAt !== null && a.startsAt < a.endsAt)).toBe(true);
  });

  it('that were cut do not tell whether their group still fires', () => {
    const body = captured('resolved-group');
    expect(parseWebhook({ ...body, truncatedAlerts: 2 })).toMatchObject({ status: null, truncated: 2 });
    expect(parseWebhook({ ...captured('firing-one'), status: 'resolved', truncatedAlerts: 2 }).status).toBe('firing');
  });
});

describe('the labels of an alert', () => {
  it('may be an incident’s key in full', () => {
    expect(
      selectionOf({
        alertname: 'X',
        cluster: 'east',
        namespace: 'shop',
        workload_kind: 'StatefulSet',
        workload_name: 'db',
        srv_kind: 'default',
        srv_name: 'deny',
        route_kind: 'default',
        route_name: 'default',
        incident_kind: 'http-denied',
      }),
    ).toEqual({
      cluster: 'east',
      namespace: 'shop',
      workload: { kind: 'StatefulSet', name: 'db' },
      server: { group: '', kind: 'default', name: 'deny' },
      route: { group: '', kind: 'default', name: 'default' },
      kind: 'http-denied',
    });
  });

  it('name the admin server’s denials by their port', () => {
    expect(selectionOf({ namespace: 'shop', srv_kind: 'default', srv_name: 'deny', target_port: '4191' })?.kind).toBe('admin-denied');
  });

  it('select nothing where the alert says that it is about no incident, whatever else they name', () => {
    expect(selectionOf({ namespace: 'shop', workload_kind: 'Deployment', workload_name: 'cart', incident_kind: 'none' })).toEqual({});
  });

  it('select nothing in particular where they name nothing of ours', () => {
    expect(selectionOf({ alertname: 'Watchdog', incident_kind: 'no such kind' })).toEqual({});
  });

  it('select the incident whose counters made the alert fire', () => {
    const page = (count: number) =>
      `inbound_http_authz_deny_total{srv_group="policy.linkerd.io",srv_kind="server",srv_name="web",route_kind="default",route_name="default",tls="true",client_id="a",namespace="shop",deployment="web"} ${count}\n`;
    const [fact] = factsBetween(page(1), page(2));
    if (fact?.type !== 'denial') throw new Error('no denial');
    const rule = { namespace: 'shop', deployment: 'web', srv_group: 'policy.linkerd.io', srv_kind: 'server', srv_name: 'web' };
    expect(selects(selectionOf(rule) ?? {}, keyOf(fact))).toBe(true);
    expect(selects(selectionOf({ ...rule, srv_name: 'api' }) ?? {}, keyOf(fact))).toBe(false);
  });

  it('are names and nothing else, whatever they are called', () => {
    const body = JSON.parse(
      '{"alerts":[{"status":"firing","labels":{"__proto__":"x","constructor":"y","größe \\u001b[31m":"z","namespace":"shop"}}]}',
    );
    const [alert] = parseWebhook(body).alerts;
    expect(alert?.selects).toEqual({ namespace: 'shop' });
    expect(alert?.labels.get('constructor')).toBe('y');
    expect(Object.prototype).not.toHaveProperty('x');
  });
});

describe('what old and other senders leave out or add', () => {
  it('is tolerated', () => {
    expect(webhook({ status: 'firing', labels: null, annotations: null, values: { A: 1 }, startsAt: '', endsAt: null })).toMatchObject({
      alerts: [{ startsAt: null, fingerprint: null, generatorURL: '', selects: {} }],
      receiver: '',
      groupKey: '',
      truncated: 0,
    });
  });
});

describe('bad alerts', () => {
  it.each([
    ['no object', 7, /expected object/],
    ['no status', { labels: {} }, /^status: /],
    ['another status', { ...ALERT, status: 'pending' }, /^status: /],
    ['a label that is no text', { ...ALERT, labels: { a: 1 } }, /^labels\.a: /],
    ['no time', { ...ALERT, startsAt: 'yesterday' }, /^startsAt: not an RFC 3339 time/],
    ['a text of 100 KiB', { ...ALERT, labels: { a: 'x'.repeat(100_000) } }, /^labels\.a: /],
    [
      'hundreds of labels',
      { ...ALERT, labels: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`l${i}`, ''])) },
      /^labels: more than 256/,
    ],
  ])('are set apart, with the reason, and the others stand: %s', (_, bad, why) => {
    const { alerts, quarantined, status } = parseWebhook({ alerts: [{ ...ALERT, status: 'resolved' }, bad] });
    expect(alerts).toHaveLength(1);
    expect(quarantined).toEqual([{ index: 1, why: expect.stringMatching(why) }]);
    expect(status).toBeNull();
  });
});

describe('a body that is no webhook', () => {
  it.each([
    ['null', null],
    ['a list', []],
    ['a custom payload', { text: 'denied!' }],
    ['alerts that are no list', { alerts: {} }],
    ['a negative count', { alerts: [], truncatedAlerts: -1 }],
  ])('is refused with what to send instead: %s', (_, body) => {
    expect(() => parseWebhook(body)).toThrow(InvalidInput);
    expect(() => parseWebhook(body)).toThrow(/^not an Alertmanager webhook body: /);
  });

  it('is never more than InvalidInput', () => {
    const body = fc.oneof(fc.jsonValue(), fc.record({ alerts: fc.array(fc.jsonValue()) }), fc.record({ alerts: fc.array(fc.object()) }));
    fc.assert(
      fc.property(body, (value) => {
        try {
          const { alerts, quarantined } = parseWebhook(value);
          expect(alerts.length + quarantined.length).toBe((value as { alerts: unknown[] }).alerts.length);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInput);
        }
      }),
    );
  });
});
