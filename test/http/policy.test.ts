import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { createAsking } from '../../src/commands/service-asking.ts';
import * as shapes from '../../src/http/policy-shapes.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import { clusterInfo } from '../../src/policy/cluster-settings.ts';
import { createHistory } from '../../src/policy/history.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { type Running, startTestServer, TOKENS } from './running.ts';

const HISTORY = readFileSync('demo/policy-history.jsonl', 'utf8');
const view = createHistory(mergeManifests([readManifests(HISTORY, 'history.jsonl', {})]).changes, LINKERD_DEFAULTS);
const ACCOUNT = (name: string) => `${name}.serviceaccount.identity.linkerd.cluster.local`;
const NOW = Date.UTC(2026, 10, 23, 9, 30);

let running: Running | null = null;
afterEach(() => running?.server.close(0));

async function start(isKnown = true): Promise<Running> {
  let started: Running | null = null;
  const own = () => (started as Running).store;
  const store = { list: (...args: Parameters<Running['store']['list']>) => own().list(...args) } as Running['store'];
  const settings = clusterInfo({ resources: [], flags: { defaultPolicy: 'all-unauthenticated' } });
  const policy = {
    current: () => (isKnown ? { view, revision: '1' } : null),
    settings: () => (isKnown ? settings : null),
    unread: () => new Map(),
    history: () => (isKnown ? view : null),
  };
  const alerting = async () => ({ prometheus: null, targets: null, rules: null, retention: null });
  started = await startTestServer({ asking: createAsking(policy, store, { alerting, now: () => NOW }), tokens: TOKENS });
  running = started;
  return started;
}
const READ = { headers: { authorization: `Bearer ${TOKENS[1].token}` } };

const linkerd = (kind: string, name: string) => ({ group: 'policy.linkerd.io', kind, name });
const BACKEND = { kind: 'Deployment', name: 'backend' };

interface Observed {
  readonly identity?: string;
  readonly ip?: string;
  readonly route?: string;
  readonly authorization?: string;
  readonly port?: number | null;
  readonly count: number;
  readonly last?: number;
}

async function observe({ store }: Running, observed: readonly Observed[]): Promise<void> {
  await store.commit({
    writes: observed.map(({ identity = null, ip = null, route, authorization, port = 8080, count, last = 1000 }, i) => ({
      collection: 'observations',
      id: `o${i}`,
      tags: ['namespace:production'],
      sort: last,
      expected: null,
      value: {
        ...{ id: `o${i}`, cluster: '', namespace: 'production', workload: BACKEND, client: { identity, ip }, port, count, first: 0, last },
        server: linkerd('server', 'backend-http'),
        route: route === undefined ? null : linkerd('HTTPRoute', route),
        authorization: authorization === undefined ? null : linkerd('authorizationpolicy', authorization),
      },
    })),
  });
}

/** Lines of a proxy of backend, as `POST /api/v1/logs` takes them. */
async function deny({ ask }: Running, ips: readonly string[], account: string): Promise<void> {
  const line = (ip: string) =>
    `2026-11-23T09:28:00.000Z [ 10.000000s]  INFO ThreadId(01) inbound:server{port=4143}: linkerd_app_inbound::policy::http: Request denied server.group=policy.linkerd.io server.kind=server server.name=backend-http route.group=policy.linkerd.io route.kind=HTTPRoute route.name=backend-routes client.tls=Some(Established { client_id: Some(ClientId(Dns(Name("${ACCOUNT(account)}")))), negotiated_protocol: None }) client.ip=${ip}\n`;
  const sent = await ask('POST', '/api/v1/logs', {
    headers: {
      ...{ 'Content-Type': 'text/plain', authorization: `Bearer ${TOKENS[0].token}` },
      ...{ 'X-Denywhy-Namespace': 'production', 'X-Denywhy-Pod': 'backend-x', 'X-Denywhy-Workload': 'deploy/backend' },
    },
    body: ips.map(line).join(''),
  });
  expect(sent.body).toMatchObject({ facts: ips.length });
}

describe('GET /api/v1/workloads', () => {
  it('by namespace and name, page by page, with all namespaces', async () => {
    const one = await start();
    const { ask } = one;
    await deny(one, ['10.42.0.9', '10.42.0.9', '10.42.0.8'], 'reports.production');
    const { status, body } = await ask('GET', '/api/v1/workloads?limit=4', READ);
    expect(status).toBe(200);
    expect(shapes.workloadPage.parse(body).items.map(({ workload: { name } }) => name)).toEqual([
      'admin-panel',
      'backend',
      'database',
      'frontend',
    ]);
    expect(body.namespaces).toEqual([
      { namespace: 'production', workloads: 5 },
      { namespace: 'security', workloads: 1 },
    ]);
    expect(body.items[1]).toEqual({ namespace: 'production', workload: BACKEND, pods: 2, meshed: 2, denied: 3 });
    const { body: more } = await ask('GET', `/api/v1/workloads?limit=4&cursor=${body.next}`, READ);
    expect(more.items.map(({ workload: { name } }: { workload: { name: string } }) => name)).toEqual(['reports', 'scanner']);
    expect(more).toMatchObject({ next: null, items: [{}, { meshed: 0, denied: 0 }] });
  });

  it('q finds part of a name, and a namespace keeps its own', async () => {
    const { ask } = await start();
    const names = async (query: string) =>
      (await ask('GET', `/api/v1/workloads?${query}`, READ)).body.items.map(
        ({ workload }: { workload: { name: string } }) => workload.name,
      );
    expect(await names('q=END')).toEqual(['backend', 'frontend']);
    expect(await names('q=secur')).toEqual(['scanner']);
    expect(await names('namespace=security')).toEqual(['scanner']);
    expect(await names('namespace=nowhere')).toEqual([]);
  });
});

describe('GET /api/v1/policy', () => {
  it('what is enforced on each port, with what was counted there under it', async () => {
    const one = await start();
    await observe(one, [
      { identity: ACCOUNT('frontend.production'), route: 'backend-routes', authorization: 'backend-api-authz', count: 41 },
      { identity: ACCOUNT('admin-panel.production'), route: 'backend-admin', authorization: 'backend-admin-authz', count: 62 },
    ]);
    await deny(one, ['10.42.0.9', '10.42.0.9'], 'reports.production');
    const { status, body } = await one.ask('GET', '/api/v1/policy?namespace=production&workload=deploy/backend', READ);
    expect(status).toBe(200);
    const { workloads, next, isTrafficWhole } = shapes.policyAnswer.parse(body);
    expect([workloads.length, next, isTrafficWhole]).toEqual([1, null, true]);
    const [backend] = workloads;
    expect(backend).toMatchObject({ workload: { ...BACKEND, namespace: 'production' }, meshed: true, default: { policy: 'deny' } });
    expect(backend?.ports.map(({ port }) => port)).toEqual([4191, 8080]);
    const http = backend?.ports[1];
    expect(http?.server).toMatchObject({ name: 'backend-http' });
    expect(http?.may.map(({ route, who, allowed, denied }) => ({ route, who, allowed, denied }))).toEqual([
      { route: 'backend-admin', who: ['sa/admin-panel'], allowed: 62, denied: 0 },
      { route: 'backend-health', who: ['anyone'], allowed: 0, denied: 0 },
      { route: 'backend-routes', who: ['sa/frontend'], allowed: 41, denied: 2 },
      { route: 'other', who: [], allowed: 0, denied: 0 },
    ]);
    expect(http?.traffic.clients.map(({ client, allowed, denied }) => [client, allowed, denied])).toEqual([
      ['sa/reports', 0, 2],
      ['sa/admin-panel', 62, 0],
      ['sa/frontend', 41, 0],
    ]);
    expect(http?.traffic.clients[0]?.parts[0]?.incident).toMatch(/^i[0-9a-f]+$/);
  });

  it('of a whole namespace, page by page; of any moment', async () => {
    const { ask } = await start();
    const { body } = await ask('GET', '/api/v1/policy?namespace=production&limit=3&at=2026-11-23T09:25:00Z', READ);
    expect(body.workloads.map(({ workload }: { workload: { name: string } }) => workload.name)).toEqual([
      'admin-panel',
      'backend',
      'database',
    ]);
    const routes = body.workloads[1].ports[1].may.find(({ route }: { route: string }) => route === 'backend-routes');
    expect(routes.who).toEqual(['sa/frontend.prod']);
    const { body: more } = await ask('GET', `/api/v1/policy?namespace=production&limit=3&cursor=${body.next}`, READ);
    expect(more.workloads.map(({ workload }: { workload: { name: string } }) => workload.name)).toEqual(['frontend', 'reports']);
    const { body: unmeshed } = await ask('GET', '/api/v1/policy?namespace=security', READ);
    expect(unmeshed.workloads[0]).toMatchObject({ meshed: false, ports: [], default: null });
  });

  it.each([
    ['', 400, 'namespace'],
    ['?namespace=nowhere', 400, 'No pods are in namespace nowhere'],
    ['?namespace=production&workload=deploy/nobody', 400, 'There is no deploy/nobody in namespace production.'],
    ['?namespace=production&workload=secret/x', 400, 'names no kind of workload'],
    ['?namespace=production&limit=101', 400, 'limit'],
    ['?namespace=production&cursor=x', 400, 'This is no cursor.'],
    ['?namespace=production&at=yesterday', 400, 'at'],
  ])('%s: %i', async (query, status, detail) => {
    const { ask } = await start();
    const answer = await ask('GET', `/api/v1/policy${query}`, READ);
    expect({ status: answer.status, detail: answer.body.detail }).toEqual({ status, detail: expect.stringContaining(detail) });
  });
});

describe('GET /api/v1/traffic', () => {
  const rowsOf = async ({ ask }: Running, query = '') => {
    const { status, body } = await ask('GET', `/api/v1/traffic?namespace=production${query}`, READ);
    expect(status).toBe(200);
    return shapes.trafficPage.parse(body);
  };
  const short = ({ items }: Awaited<ReturnType<typeof rowsOf>>) =>
    items.map(({ client, port, allowed, denied }) => [client, port, allowed, denied]);

  it('those that were denied come first, then those seen last; filters and pages', async () => {
    const one = await start();
    await observe(one, [
      { identity: ACCOUNT('frontend.production'), route: 'backend-routes', authorization: 'backend-api-authz', count: 41, last: 5000 },
      { identity: ACCOUNT('admin-panel.production'), route: 'backend-admin', authorization: 'backend-admin-authz', count: 62, last: 9000 },
      { identity: ACCOUNT('nobody.elsewhere'), count: 0 },
    ]);
    await deny(one, ['10.42.0.9'], 'reports.production');
    const all = await rowsOf(one);
    expect(short(all)).toEqual([
      ['sa/reports', 8080, 0, 1],
      ['sa/admin-panel', 8080, 62, 0],
      ['sa/frontend', 8080, 41, 0],
    ]);
    expect(all.items[1]).toMatchObject({ workload: BACKEND, last: '1970-01-01T00:00:09.000Z', ip: null });
    expect(short(await rowsOf(one, '&outcome=denied'))).toHaveLength(1);
    expect(short(await rowsOf(one, '&outcome=allowed'))).toHaveLength(2);
    expect(short(await rowsOf(one, '&q=ADMIN'))).toHaveLength(1);
    expect(short(await rowsOf(one, '&workload=Deployment/database'))).toEqual([]);
    const first = await rowsOf(one, '&limit=2');
    expect(short(await rowsOf(one, `&limit=2&cursor=${first.next}`))).toEqual([['sa/frontend', 8080, 41, 0]]);
  });

  it('what counters and lines tell of one client is counted once; one without a port has the port of its Server', async () => {
    const one = await start();
    await observe(one, [
      { identity: ACCOUNT('frontend.production'), route: 'backend-routes', authorization: 'backend-api-authz', count: 10 },
      { identity: ACCOUNT('frontend.production'), ip: '10.42.0.1', route: 'backend-routes', authorization: 'backend-api-authz', count: 4 },
      { identity: ACCOUNT('frontend.production'), ip: '10.42.0.2', route: 'backend-routes', authorization: 'backend-api-authz', count: 3 },
      { route: 'backend-health', authorization: 'backend-health-authz', count: 5 },
      { ip: '192.168.77.10', route: 'backend-health', authorization: 'backend-health-authz', count: 3 },
      { identity: ACCOUNT('admin-panel.production'), route: 'backend-admin', authorization: 'backend-admin-authz', port: null, count: 2 },
    ]);
    expect(new Map((await rowsOf(one)).items.map(({ client, port, allowed }) => [client, [port, allowed]]))).toEqual(
      new Map([
        ['sa/frontend', [8080, 10]],
        ['a client without identity, address not observed', [8080, 2]],
        [expect.stringContaining('node') as unknown as string, [8080, 3]],
        ['sa/admin-panel', [8080, 2]],
      ]),
    );
  });

  it('names are text, whatever they are', async () => {
    const one = await start();
    const evil = '<img/src=x>.evil';
    await observe(one, [{ identity: evil, count: 1 }]);
    expect(short(await rowsOf(one, `&q=${encodeURIComponent('<IMG')}`))).toEqual([[evil, 8080, 1, 0]]);
  });

  it('needs no cluster; the other two do', async () => {
    const one = await start(false);
    await observe(one, [{ identity: ACCOUNT('frontend.production'), count: 1 }]);
    expect(short(await rowsOf(one))).toEqual([[ACCOUNT('frontend.production'), 8080, 1, 0]]);
    for (const path of ['/api/v1/workloads', '/api/v1/policy?namespace=production'])
      expect(await one.ask('GET', path, READ)).toMatchObject({
        status: 404,
        body: { remedy: expect.stringContaining('kubernetes.watch') },
      });
  });
});
