/** The whole service and a real Prometheus that scrapes a proxy's page each second: what increase() misses, and what no rule can see. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Service, startService } from '../../src/commands/service.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/telemetry.ts';
import { prometheusSkip, startPrometheus, type TestPrometheus, waitFor } from '../prometheus.ts';

interface Shown {
  readonly kind: string;
  readonly counted: { readonly metrics: number };
  readonly workload: { readonly name: string };
}
interface Source {
  readonly state: string;
  readonly lagSeconds: number | null;
  readonly remarks: readonly string[];
}

const STARTED = 1_700_000_000;
const LABELS = { namespace: 'production', pod: 'backend-1', deployment: 'backend' };
const series = (client: string) =>
  `inbound_http_authz_deny_total{target_addr="10.42.0.16:8080",target_ip="10.42.0.16",target_port="8080",srv_group="policy.linkerd.io",srv_kind="server",srv_name="backend-http",srv_port="8080",route_group="",route_kind="default",route_name="default",tls="true",client_id="${client}.production.serviceaccount.identity.linkerd.cluster.local"}`;

describe.skipIf(prometheusSkip !== null)(`a real Prometheus${prometheusSkip === null ? '' : ` (${prometheusSkip})`}`, () => {
  const proxy = { status: 200, started: STARTED, counters: { old: 50 } as Record<string, number> };
  let directory = '';
  let server: Server;
  let prometheus: TestPrometheus;
  let service: Service | null = null;

  const start = async () => {
    await service?.close();
    const env = {
      DENYWHY_LISTEN_ADDRESS: '127.0.0.1:0',
      DENYWHY_STORE_DIRECTORY: directory,
      DENYWHY_PROMETHEUS_URL: prometheus.url,
      DENYWHY_PROMETHEUS_POLL: '1s',
    };
    const logger = createLogger(new Writable({ write: (_chunk, _encoding, done) => done() }), 'error');
    service = await startService(loadConfig(env, null).config, logger);
  };
  const get = async <T>(path: string) => ((await (await fetch(`${service?.url}${path}`)).json()) as { readonly items: readonly T[] }).items;
  const denied = async () => (await get<Shown>('/api/v1/incidents')).find(({ kind }) => kind === 'http-denied')?.counted.metrics ?? 0;
  const source = async () => (await get<Source>('/api/v1/status'))[0];
  const counts = (count: number) => waitFor(async () => (await denied()) === count, 25_000);
  /** Long enough for another scrape and another poll. */
  const meanwhile = () => new Promise((resolve) => setTimeout(resolve, 3500));

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'denywhy-polling-'));
    server = createServer((_, response) => {
      const lines = Object.entries(proxy.counters).map(([client, value]) => `${series(client)} ${value}\n`);
      const page = `process_start_time_seconds ${proxy.started}\nproxy_build_info{version="2.366.0"} 1\n${lines.join('')}`;
      response.writeHead(proxy.status, { 'Content-Type': 'text/plain; version=0.0.4' }).end(proxy.status === 200 ? page : '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const exporter = { address, text: '', close: async () => {} };
    prometheus = await startPrometheus('linkerd-proxy', [{ exporter, labels: LABELS }], '');
    await start();
    if (!(await waitFor(async () => (await source())?.lagSeconds != null, 25_000))) throw new Error('it is not polled');
  }, 90_000);
  afterAll(async () => {
    await service?.close();
    await prometheus?.stop();
    server?.closeAllConnections();
    server?.close();
    rmSync(directory, { recursive: true });
  });

  it('shows what was denied before: no incident', async () => {
    await meanwhile();
    expect(await denied()).toBe(0);
  });

  it('shows a first denial, once, of the workload that refused', { timeout: 60_000 }, async () => {
    proxy.counters['web'] = 1;
    expect(await counts(1)).toBe(true);
    await meanwhile();
    expect((await get<Shown>('/api/v1/incidents')).map(({ kind, counted, workload }) => [kind, counted.metrics, workload.name])).toEqual([
      ['http-denied', 1, 'backend'],
    ]);
  });

  it('cannot read a proxy that then answers again: a client that was first denied meanwhile is seen, and nobody else', {
    timeout: 60_000,
  }, async () => {
    proxy.status = 500;
    await meanwhile();
    proxy.counters['batch'] = 4;
    await meanwhile();
    expect(await denied()).toBe(1);
    proxy.status = 200;
    expect(await counts(5)).toBe(true);
  });

  it('reads a container that restarted: what the new one counted is added, though it is less', { timeout: 60_000 }, async () => {
    proxy.status = 500;
    await meanwhile();
    Object.assign(proxy, { status: 200, started: Math.floor(Date.now() / 1000), counters: { old: 2 } });
    expect(await counts(7)).toBe(true);
  });

  it('is read on from where it was left when denywhy was down', { timeout: 60_000 }, async () => {
    await service?.close();
    service = null;
    Object.assign(proxy.counters, { old: 5, night: 1 });
    await meanwhile();
    await start();
    expect(await counts(11)).toBe(true);
    await meanwhile();
    expect(await denied()).toBe(11);
  });

  it('is refused by policy: an incident of its own, and a line that says what to allow', { timeout: 90_000 }, async () => {
    proxy.status = 403;
    await meanwhile();
    await start();
    expect(
      await waitFor(async () => (await source())?.remarks[0]?.startsWith('1 proxy refuses Prometheus by policy') === true, 25_000),
    ).toBe(true);
    expect((await get<Shown>('/api/v1/incidents')).map(({ kind }) => kind).toSorted()).toEqual(['http-denied', 'scrape-refused']);
  });
});
