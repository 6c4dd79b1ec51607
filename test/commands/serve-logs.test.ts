/** The whole service with logs from an API server, and with logs from Loki: an alert comes in, and the incident knows who it was. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FakePrometheus, startFakePrometheus } from '../fake-prometheus.ts';
import { type Kubelet, startKubelet, writeKubeconfigFor } from '../kubelet.ts';
import { type Served, serve, serveRefused } from './served.ts';

const POD = 'backend-c5d669876-hwvr7';
/** Times as if it were just now: the service has a clock of its own. */
const AGO = 20_000;

let directory = '';
let kubelet: Kubelet;
let service: Served | null = null;
let lines: readonly string[] = [];

beforeAll(async () => {
  kubelet = await startKubelet();
});
afterAll(() => kubelet.close());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'denywhy-serve-logs-'));
  const captured = JSON.parse(readFileSync(new URL('../fixtures/kubernetes-api/logs-timestamps.json', import.meta.url), 'utf8')).body;
  lines = String(captured)
    .trimEnd()
    .split('\n')
    .map((line, i) => new Date(Date.now() - AGO + i).toISOString() + line.slice(line.indexOf(' ')));
  kubelet.logs.set(`shop/${POD}`, { lines: [...lines] });
  kubelet.requests.length = 0;
  writeFileSync(join(directory, 'cluster.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [POD_OBJECT] }));
});
afterEach(async () => {
  await service?.stop('SIGTERM');
  service = null;
  rmSync(directory, { recursive: true });
});

const POD_OBJECT = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: POD,
    namespace: 'shop',
    labels: { 'linkerd.io/control-plane-ns': 'linkerd', 'linkerd.io/proxy-deployment': 'backend' },
    annotations: {},
  },
  spec: {
    containers: [{ name: 'backend', ports: [{ containerPort: 8080 }] }],
    initContainers: [{ name: 'linkerd-proxy', restartPolicy: 'Always' }],
  },
  status: { podIP: '10.42.0.41' },
};

const env = () => ({
  DENYWHY_STORE_DIRECTORY: join(directory, 'data'),
  DENYWHY_CLUSTER_MANIFESTS: join(directory, 'cluster.json'),
  DENYWHY_LOGS_NAMESPACES: 'shop',
});

async function fire(url: string): Promise<void> {
  const labels = { alertname: 'LinkerdHTTPDenied', namespace: 'shop', deployment: 'backend' };
  const alerts = [{ status: 'firing', labels, annotations: {}, startsAt: new Date().toISOString(), endsAt: '0001-01-01T00:00:00Z' }];
  const body = JSON.stringify({ version: '4', status: 'firing', receiver: 'denywhy', groupKey: 'x', alerts });
  const answer = await fetch(`${url}/api/v1/webhooks/alertmanager`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  });
  expect(answer.status).toBe(200);
}

async function get<T>(path: string): Promise<T> {
  return (await fetch(`${service?.url}${path}`)).json() as Promise<T>;
}

async function clientsByAddress(): Promise<readonly string[]> {
  const { items } = await get<{ items: { id: string }[] }>('/api/v1/incidents');
  const all = await Promise.all(items.map(({ id }) => get<Detail>(`/api/v1/incidents/${id}`)));
  return all.flatMap(({ clients }) => clients.items.map(({ ip, count }) => `${ip} ${count}`)).sort();
}

interface Detail {
  readonly clients: { readonly items: readonly { readonly ip: string | null; readonly count: number }[] };
}

const ALL = ['10.42.0.32 1', '192.168.77.10 1', '198.51.100.20 1'];
const soon = { timeout: 30_000 };

describe('an alert makes the service read logs', { timeout: 120_000 }, () => {
  it('from the API server, with the kubeconfig’s rights; status says where from', async () => {
    service = await serve({ ...env(), DENYWHY_KUBERNETES_KUBECONFIG: writeKubeconfigFor(kubelet, directory) });
    await fire(service.url);
    await expect.poll(clientsByAddress, soon).toEqual(ALL);
    const status = () => get<{ items: { id: string; place: string; state: string }[] }>('/api/v1/status');
    await expect
      .poll(async () => (await status()).items.find(({ id }) => id === 'logs'), soon)
      .toMatchObject({ place: `The API server at ${kubelet.url}`, state: 'well' });
    expect(service.output()).not.toContain('secret');
  });

  it('from Loki, with its tenant', async () => {
    const seen: { tenant: string | undefined; query: string | null }[] = [];
    const loki: Server = createServer((request, response) => {
      const query = new URL(request.url ?? '', 'http://loki').searchParams;
      seen.push({ tenant: request.headers['x-scope-orgid'] as string | undefined, query: query.get('query') });
      const values = lines.map((line) => [`${BigInt(Date.parse(line.slice(0, 24))) * 1_000_000n}`, line.slice(25)]).reverse();
      response.end(JSON.stringify({ status: 'success', data: { resultType: 'streams', result: [{ stream: {}, values }] } }));
    });
    await new Promise<void>((resolve) => loki.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(loki.address() as AddressInfo).port}`;
    service = await serve({ ...env(), DENYWHY_LOKI_URL: url, DENYWHY_LOKI_TENANT: 'team-a', DENYWHY_LOKI_POD_LABEL: 'pod_name' });
    await fire(service.url);
    await expect.poll(clientsByAddress, soon).toEqual(ALL);
    expect(seen[0]).toEqual({ tenant: 'team-a', query: `{namespace="shop",pod_name="${POD}",container="linkerd-proxy"}` });
    expect(kubelet.requests).toEqual([]);
    loki.close();
  });

  it('follows a namespace that is named so', async () => {
    const kubeconfig = writeKubeconfigFor(kubelet, directory);
    service = await serve({
      ...env(),
      DENYWHY_LOGS_NAMESPACES: '',
      DENYWHY_LOGS_FOLLOW: 'shop',
      DENYWHY_KUBERNETES_KUBECONFIG: kubeconfig,
    });
    await expect.poll(clientsByAddress, soon).toEqual(ALL);
    kubelet.write(`shop/${POD}`, (lines[4] ?? '').replace(/^\S+/, new Date().toISOString()).replace('10.42.0.32', '10.42.0.33'));
    await expect.poll(clientsByAddress, soon).toEqual(['10.42.0.32 1', '10.42.0.33 1', ...ALL.slice(1)]);
  });
});

describe('counters, logs and the policy together', { timeout: 120_000 }, () => {
  let fake: FakePrometheus;
  /** Logs that had been asked for when the counters of the alert were. */
  let logsBefore: number[] = [];
  let answers = true;

  beforeEach(async () => {
    const now = Date.now();
    fake = await startFakePrometheus(now);
    const proxy = { namespace: 'shop', pod: POD, job: 'linkerd-proxy', instance: '10.42.0.41:4191', deployment: 'backend' };
    const denied = {
      srv_group: 'policy.linkerd.io',
      srv_kind: 'server',
      srv_name: 'backend-http',
      route_kind: 'default',
      route_name: 'default',
    };
    const since = (value: number) => Array.from({ length: 6 }, (_, i) => [now - 50_000 + i * 10_000, value] as const);
    const started = Math.floor(now / 1000) - 3600;
    fake.series = [
      { labels: { __name__: 'up', ...proxy }, points: since(1) },
      { labels: { __name__: 'process_start_time_seconds', ...proxy }, points: since(started) },
      { labels: { __name__: 'inbound_http_authz_deny_total', ...proxy, ...denied, tls: 'no_identity' }, points: since(7) },
    ];
    logsBefore = [];
    answers = true;
    fake.hardship = ({ query }, response) => {
      if (/deny_total.*deployment="backend"/s.test(query)) logsBefore.push(kubelet.requests.length);
      if (!answers) response.writeHead(503).end('overloaded');
      return !answers;
    };
  });
  afterEach(() => fake.close());

  const start = async () => {
    const kubeconfig = writeKubeconfigFor(kubelet, directory);
    service = await serve({ ...env(), DENYWHY_KUBERNETES_KUBECONFIG: kubeconfig, DENYWHY_PROMETHEUS_URL: fake.url });
    await expect.poll(async () => Object.keys(await sources()), soon).toEqual(['logs', 'prometheus']);
    return service.url;
  };
  interface Source {
    readonly id: string;
    readonly state: string;
    readonly answeredAt: string | null;
    readonly lagSeconds: number | null;
    readonly fault: { readonly message: string; readonly remedy: string } | null;
    readonly remarks: readonly string[];
  }
  const sources = async () => {
    const { items } = await get<{ items: readonly Source[] }>('/api/v1/status');
    return Object.fromEntries(items.map((item) => [item.id, item]));
  };
  const incidents = async () => (await get<{ items: readonly { readonly count: number }[] }>('/api/v1/incidents')).items;

  it('an alert has the counters read that it selects, then the logs of their pods', async () => {
    await fire(await start());
    await expect.poll(clientsByAddress, soon).toEqual(expect.arrayContaining(ALL));
    expect(logsBefore[0]).toBe(0);
    expect(kubelet.requests.length).toBeGreaterThan(0);
    expect(await sources()).toMatchObject({ prometheus: { fault: null }, logs: { state: 'well', fault: null } });
    expect((await sources())['prometheus']?.lagSeconds).toBeGreaterThanOrEqual(0);
  });

  it('without Prometheus the logs are read all the same, and status says what is missing', async () => {
    answers = false;
    await fire(await start());
    await expect.poll(clientsByAddress, soon).toEqual(ALL);
    await expect.poll(async () => (await sources())['prometheus']?.state, soon).toBe('failing');
    const { prometheus, logs } = await sources();
    expect(prometheus).toMatchObject({ fault: { message: expect.stringContaining('503'), remedy: expect.stringMatching(/./) } });
    expect(logs).toMatchObject({ state: 'well' });
  });

  it('without the right to read logs the counters are read all the same, and status says what is missing', async () => {
    const body = JSON.stringify({ kind: 'Status', status: 'Failure', reason: 'Forbidden', message: 'pods "x" is forbidden', code: 403 });
    kubelet.logs.set(`shop/${POD}`, { lines: [], refusal: { status: 403, body } });
    await fire(await start());
    await expect.poll(async () => (await incidents()).length, soon).toBeGreaterThan(0);
    await expect.poll(async () => (await sources())['logs']?.state, soon).not.toBe('well');
    const { prometheus, logs } = await sources();
    expect(prometheus).toMatchObject({ fault: null });
    expect(JSON.stringify(logs)).toContain('no right to get pods/log in namespace shop');
  });
});

describe('configuration that cannot be meant', { timeout: 60_000 }, () => {
  it.each([
    ['Loki for no namespace', { DENYWHY_LOKI_URL: 'http://127.0.0.1:1' }, /nothing would be read/],
    ['a namespace that is none', { DENYWHY_LOGS_NAMESPACES: 'shop,*' }, /a namespace is named by lower-case letters/],
    ['a label that is none', { DENYWHY_LOKI_POD_LABEL: 'pod-name' }, /a label is named by letters, digits and _/],
  ])('%s', async (_, more, message) => {
    const { code, text } = await serveRefused({ DENYWHY_STORE_DIRECTORY: join(directory, 'data'), ...more });
    expect(code).toBe(2);
    expect(text).toMatch(message);
  });
});
