/** GET /api/v1/rules: the pack is shown whatever Prometheus says, and what it says is believed of a real one alone. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { packFiles } from '../../src/alerting/files.ts';
import { ALERT_NAMES } from '../../src/alerting/names.ts';
import { DEFAULTS } from '../../src/alerting/settings.ts';
import { createRulesKnown } from '../../src/commands/service-rules.ts';
import { createUpstream } from '../../src/drivers/upstream.ts';
import * as shapes from '../../src/http/rules-schema.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import { createHistory } from '../../src/policy/history.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { freePort } from '../ports.ts';
import { type Exporter, prometheusSkip, startExporter, startPrometheus, type TestPrometheus } from '../prometheus.ts';
import { bearer, type Running, startTestServer, TOKENS } from './running.ts';

const METADATA = { name: 'denywhy', namespace: 'monitoring', labels: {} };
const RULES = packFiles(DEFAULTS, METADATA).get('rules.yaml') ?? '';
const HOSTILE = '<img src=x onerror=1> {{ $labels.x }} "} or up{job="';
/** Its first rule fails: two series of equal labels are no answer to a join. */
const SICK = `groups:
- name: linkerd-policy
  rules:
  - alert: HighAuthorizationDenials
    expr: twin * on() twin
`;

interface Shown {
  readonly name: string;
  readonly state: string;
  readonly detail: string;
}

let running: Running | null = null;
afterEach(async () => {
  await running?.server.close(0);
  running = null;
});

async function ask(url: string | null, objects: string | null = null) {
  const upstream =
    url === null
      ? null
      : await createUpstream({
          name: 'Prometheus',
          url,
          credentials: { bearer: null, bearerFile: null, basic: null },
          headers: new Map(),
          tls: { ca: null, certificate: null, key: null, serverName: null, isVerified: true },
          timeout: 10_000,
          mostBytes: 2 ** 24,
        });
  const view =
    objects === null ? null : createHistory(mergeManifests([readManifests(objects, 'objects.yaml', {})]).changes, LINKERD_DEFAULTS);
  const current = () => (view === null ? null : { view, revision: '1' });
  running = await startTestServer({ tokens: TOKENS, rules: createRulesKnown(upstream, { current }) });
  const answer = await running.ask('GET', '/api/v1/rules', { headers: bearer('viewer') });
  upstream?.close();
  expect(answer.status).toBe(200);
  return shapes.ruleList.parse(answer.body);
}

const statesOf = ({ items }: { readonly items: readonly Shown[] }) => [...new Set(items.map(({ state }) => state))];

describe('without a Prometheus', () => {
  it('shows each rule with its expression, tests and runbook, and says what to configure', async () => {
    const answer = await ask(null);
    expect({ ...answer, items: 0 }).toEqual({
      prometheus: null,
      fault: {
        message: 'No Prometheus is configured, so that nobody can say whether the rules are loaded.',
        remedy: expect.stringContaining('prometheus.url (DENYWHY_PROMETHEUS_URL)'),
      },
      remarks: [],
      manifests: null,
      items: 0,
    });
    expect(statesOf(answer)).toEqual(['unknown']);
    const alerts = answer.items.filter(({ kind }) => kind === 'alert');
    expect(alerts.map(({ name }) => name).toSorted()).toEqual([...ALERT_NAMES].toSorted());
    for (const { name, summary, runbook, expressions, tests } of alerts) {
      expect([name, summary !== '', expressions.length > 0, tests.length > 1]).toEqual([name, true, true, true]);
      expect((await running?.ask('GET', runbook ?? ''))?.body).toContain(`# ${name}\n`);
    }
    const records = answer.items.filter(({ kind }) => kind === 'record');
    expect(records.filter(({ usedBy }) => usedBy.length === 0)).toEqual([]);
  });

  it('names the tests that promtool runs', async () => {
    const { items } = await ask(null);
    const files = packFiles(DEFAULTS, METADATA);
    const written = `${files.get('tests/first-denial.yaml')}${files.get('tests/alerts.yaml')}`;
    for (const name of items.flatMap(({ tests }) => tests)) expect(written).toContain(name);
  });

  it('tells from the objects of the cluster who takes a manifest', async () => {
    const objects = `
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: k8s, namespace: monitoring}
spec: {ruleSelector: {matchLabels: {release: kube}}, ruleNamespaceSelector: {}}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: denywhy, namespace: monitoring}
spec: {groups: [{name: linkerd-denials, rules: []}]}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: others, namespace: monitoring}
spec: {groups: [{name: others, rules: []}]}
`;
    expect((await ask(null, objects)).manifests).toEqual([
      {
        name: 'monitoring/denywhy',
        by: [
          {
            prometheus: 'monitoring/k8s',
            isTaken: false,
            reasons: ['its ruleSelector does not match the rule’s labels: add --label release=kube.'],
          },
        ],
      },
    ]);
  });
});

it('a Prometheus that is down is a fault with what to do, and the rules are shown', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const { prometheus, fault, items } = await ask(url);
  expect(prometheus).toContain(url);
  expect(fault?.message).toContain('Prometheus');
  expect(fault?.remedy).not.toBe('');
  expect([statesOf({ items }), items.length > 20]).toEqual([['unknown'], true]);
});

describe.skipIf(prometheusSkip !== null)(`a real Prometheus ${prometheusSkip === null ? '' : `(${prometheusSkip})`}`, () => {
  let exporter: Exporter;
  const started: TestPrometheus[] = [];
  const start = async (rules: string) => {
    const labels = { namespace: HOSTILE, pod: 'backend-1', deployment: 'backend' };
    const prometheus = await startPrometheus('linkerd-proxy', [{ exporter, labels }], rules);
    started.push(prometheus);
    return prometheus;
  };
  beforeAll(async () => {
    exporter = await startExporter(
      'proxy_build_info{version="2"} 1\nprocess_start_time_seconds 1700000000\ntwin{a="1"} 1\ntwin{a="2"} 1\n',
    );
  });
  afterAll(async () => {
    for (const one of started) await one.stop();
    await exporter.close();
  });

  it('with the pack says that each rule is loaded, healthy and evaluated, and what is alerted now', { timeout: 60_000 }, async () => {
    const prometheus = await start(RULES.replaceAll(/ for: 5m$/gm, ' for: 1h'));
    const evaluated = async () => {
      const { groups } = (await prometheus.ask('/api/v1/rules')) as { groups: { rules: { health: string; alerts?: unknown[] }[] }[] };
      const rules = groups.flatMap((group) => group.rules);
      return rules.every(({ health }) => health === 'ok') && rules.some(({ alerts = [] }) => alerts.length > 0);
    };
    await expect.poll(evaluated, { timeout: 40_000, interval: 300 }).toBe(true);
    const answer = await ask(prometheus.url);
    expect(answer.fault).toBeNull();
    expect(answer.remarks.join()).toContain('Prometheus does not scrape denywhy');
    // What waits longer than the pack's is another rule of that name.
    const other = answer.items.filter(({ wait }) => wait !== '').map(({ name }) => name);
    expect(answer.items.filter(({ state }) => state === 'other').map(({ name }) => name)).toEqual(other);
    expect(statesOf(answer).toSorted()).toEqual(['ok', 'other']);
    expect(answer.items.every(({ lastEvaluation }) => Date.parse(lastEvaluation ?? '') > 0)).toBe(true);
    expect(answer.items.find(({ name }) => name === 'DenywhyDown')).toMatchObject({
      firing: 0,
      pending: 1,
      alerts: [{ state: 'pending', labels: { severity: 'critical' }, value: expect.stringMatching(/^1/) }],
    });
  });

  it('without it says so of each rule; what fails says why in its words', { timeout: 60_000 }, async () => {
    const prometheus = await start(SICK);
    const failed = async () => JSON.stringify(await prometheus.ask('/api/v1/rules')).includes('"health":"err"');
    await expect.poll(failed, { timeout: 40_000, interval: 300 }).toBe(true);
    const answer = await ask(prometheus.url);
    expect(statesOf(answer)).toEqual(['missing', 'failing']);
    expect(answer.items.filter(({ state }) => state === 'failing').map(({ name, detail }) => [name, detail])).toEqual([
      ['HighAuthorizationDenials', expect.stringContaining('many-to-many matching not allowed')],
    ]);
  });
});

it('of many alerts all are counted and twenty are shown', async () => {
  const active = Array.from({ length: 30 }, (_, i) => ({
    state: i < 25 ? ('firing' as const) : ('pending' as const),
    labels: { namespace: HOSTILE },
    activeAt: null,
    value: '1',
  }));
  const known = await createRulesKnown(null, { current: () => null })();
  running = await startTestServer({ rules: async () => ({ ...known, rules: known.rules.map((rule) => ({ ...rule, active })) }) });
  const { items } = shapes.ruleList.parse((await running.ask('GET', '/api/v1/rules')).body);
  expect(items[0]).toMatchObject({ firing: 25, pending: 5, alerts: { length: 20, 0: { labels: { namespace: HOSTILE } } } });
});
