/** A proxy's page through the channels that a kubelet speaks, in whatever pieces they come; and Prometheus' API the same way. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type KubernetesClient, openKubernetes } from '../../src/drivers/kubernetes-client.ts';
import { createPortForward, type PortForward } from '../../src/drivers/kubernetes-port-forward.ts';
import { createProxyPages } from '../../src/drivers/metrics-port-forward.ts';
import { createUpstream } from '../../src/drivers/upstream.ts';
import { Unavailable } from '../../src/errors.ts';
import type { ProxyPages } from '../../src/ports.ts';
import { type Kubelet, startKubelet, writeKubeconfigFor } from '../kubelet.ts';

const POD = { namespace: 'shop', pod: 'backend-1' };
const PAGE = Array.from({ length: 20_000 }, (_, i) => `inbound_http_authz_deny_total{n="${i}"} ${i}\n`).join('');

let directory = '';
let kubelet: Kubelet;
let client: KubernetesClient;
let forward: PortForward;
let pages: ProxyPages;
let proxy: Server;
let listener: RequestListener;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'denywhy-forward-'));
  kubelet = await startKubelet();
  proxy = createServer((request, response) => listener(request, response));
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const kubeconfig = writeKubeconfigFor(kubelet, directory);
  client = openKubernetes({ kubeconfig, context: null, env: {} });
  forward = createPortForward(client);
  pages = createProxyPages(forward);
});
afterAll(async () => {
  client.close();
  await kubelet.close();
  proxy.closeAllConnections();
  proxy.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  kubelet.requests.length = 0;
  kubelet.logs.set('shop/backend-1', { lines: [] });
  for (const port of [4191, 9090]) kubelet.ports.set(`shop/backend-1:${port}`, (proxy.address() as AddressInfo).port);
});

describe('a page', () => {
  it('comes whole, asked as localhost of port 4191', async () => {
    let host: string | undefined;
    listener = (request, response) => {
      host = request.headers.host;
      if (request.url === '/metrics') response.end(PAGE);
    };
    expect(await pages.page(POD)).toBe(PAGE);
    expect(host).toBe('localhost:4191');
    expect(kubelet.requests).toEqual(['/api/v1/namespaces/shop/pods/backend-1/portforward?ports=4191']);
  });

  it('of many at once comes to each that asked', async () => {
    listener = (_, response) => response.end(PAGE);
    expect(new Set(await Promise.all([1, 2, 3].map(() => pages.page(POD))))).toEqual(new Set([PAGE]));
  });
});

describe('what goes wrong', () => {
  async function faultOf(work: Promise<unknown>): Promise<Unavailable> {
    const error = await work.catch((thrown: unknown) => thrown);
    if (!(error instanceof Unavailable)) throw new Error(`no Unavailable: ${String(error)}`);
    return error;
  }

  it('a pod that is gone', async () => {
    expect((await faultOf(pages.page({ namespace: 'shop', pod: 'gone' }))).message).toBe('Pod shop/gone is gone (404).');
  });

  it('a port on which nobody listens', async () => {
    kubelet.ports.delete('shop/backend-1:4191');
    expect((await faultOf(pages.page(POD))).message).toMatch(/^Port 4191 of shop\/backend-1 cannot be reached: .*connection refused/);
  });

  it('something else than a proxy', async () => {
    listener = (_, response) => response.writeHead(404).end('no');
    expect((await faultOf(pages.page(POD))).message).toBe('The counters of shop/backend-1 were refused (404).');
  });

  it('a page that breaks off', async () => {
    listener = (_, response) => {
      response.writeHead(200, { 'Content-Length': '1000' }).write('half');
      setTimeout(() => response.destroy(), 20);
    };
    expect((await faultOf(pages.page(POD))).message).toBe('The counters of shop/backend-1 broke off.');
  });
});

describe('another API over the same way', () => {
  const upstreamOf = () =>
    createUpstream({
      name: 'Prometheus',
      url: 'http://prometheus.linkerd-viz',
      credentials: { bearer: null, bearerFile: null, basic: null },
      headers: new Map(),
      tls: { ca: null, certificate: null, key: null, serverName: null, isVerified: true },
      timeout: 5000,
      mostBytes: 2 ** 20,
      connect: () => forward.open(POD, 9090),
    });

  it('is asked once for each connection', async () => {
    listener = (request, response) => response.end(`{"host":"${request.headers.host}","url":"${request.url}"}`);
    const upstream = await upstreamOf();
    for (const path of ['/a', '/b'])
      expect(JSON.parse((await upstream.ask({ method: 'get', path })).text)).toEqual({ host: 'prometheus.linkerd-viz', url: path });
    upstream.close();
  });

  it('says what stands in the way', async () => {
    kubelet.logs.delete('shop/backend-1');
    const upstream = await upstreamOf();
    await expect(upstream.ask({ method: 'get', path: '/a' })).rejects.toThrow('Pod shop/backend-1 is gone (404).');
    upstream.close();
  });
});
