/** The real server on a free loopback port, over a store in memory. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import type { HttpLimits, HttpOptions } from '../../src/http/options.ts';
import { type RunningServer, startServer } from '../../src/http/server.ts';
import { createLogger, createMetrics } from '../../src/telemetry.ts';
import { BOUNDS } from '../../src/triage/incident.ts';
import { createDesk, type Desk } from '../triage/desk.ts';

export const LIMITS: HttpLimits = {
  body: 2 ** 20,
  unpacked: 4 * 2 ** 20,
  held: 4 * 2 ** 20,
  // As on a loaded machine; tests of slowness bring times of their own.
  bodyTime: 20_000,
  requests: 20,
  streams: 2,
  alerts: 100,
  facts: 1000,
  answerTime: 20_000,
};

export const TOKENS = [
  { name: 'collector', scopes: ['intake'], token: 'collector-token-0001' },
  { name: 'viewer', scopes: ['read'], token: 'viewer-token-00000002' },
  { name: 'ann', scopes: ['read', 'triage'], token: 'ann-token-000000000003' },
] as const;

export interface Running extends Desk {
  readonly server: RunningServer;
  readonly url: string;
  readonly port: number;
  readonly log: () => string;
  ask(method: string, path: string, more?: Ask): Promise<Answer>;
  /** Writes raw bytes and gives what comes back until the connection is closed. */
  raw(...pieces: readonly (string | Buffer)[]): Promise<string>;
  open(): Promise<Socket>;
}

export interface Ask {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly json?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes are looked at
  readonly body: any;
}

export async function startTestServer(options: Partial<HttpOptions> = {}, limits: Partial<HttpLimits> = {}): Promise<Running> {
  const desk = createDesk();
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const context = { cluster: '', workload: () => null, namespace: () => null };
  const server = await startServer(
    {
      store: desk.store,
      queue: desk.queue,
      intake: desk.intake,
      context,
      mutes: desk.mutes,
      bounds: BOUNDS,
      tokens: [],
      limits: { ...LIMITS, ...limits },
      isMetricsOpen: false,
      now: () => desk.clock.now,
      version: '0.0.0',
      logger: createLogger(sink, 'debug'),
      metrics: createMetrics('0.0.0'),
      eventPoll: 20,
      ...options,
    },
    { host: '127.0.0.1', port: 0, headers: 8192, connections: 1000 },
  );
  const port = Number(new URL(server.url).port);
  const open = async () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };
  return {
    ...desk,
    server,
    url: server.url,
    port,
    open,
    log: () => lines.join(''),
    async ask(method, path, { headers = {}, body, json } = {}) {
      const response = await fetch(`${server.url}${path}`, {
        method,
        headers: { ...(json === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
        ...(json !== undefined ? { body: JSON.stringify(json) } : body === undefined ? {} : { body }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') === true;
      return { status: response.status, headers: response.headers, body: isJson && text !== '' ? JSON.parse(text) : text };
    },
    async raw(...pieces) {
      const socket = await open();
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      for (const piece of pieces) socket.write(piece);
      await once(socket, 'close');
      return text;
    },
  };
}

export const bearer = (name: (typeof TOKENS)[number]['name']) => ({
  Authorization: `Bearer ${TOKENS.find((t) => t.name === name)?.token}`,
});

export const WEBHOOK = {
  version: '4',
  status: 'firing',
  receiver: 'denywhy',
  groupKey: '{}:{alertname="CartDenies"}',
  alerts: [
    {
      status: 'firing',
      labels: { alertname: 'CartDenies', namespace: 'shop', deployment: 'cart' },
      annotations: {},
      startsAt: '2026-03-01T11:59:00Z',
      endsAt: '0001-01-01T00:00:00Z',
      fingerprint: 'a1b2c3d4e5f60718',
    },
  ],
};

const LINE =
  '[ 10.000000s]  INFO ThreadId(01) inbound:server{port=4143}: linkerd_app_inbound::policy::http: Request denied server.group=policy.linkerd.io server.kind=server server.name=cart-api route.group= route.kind=default route.name=default client.tls=Some(Established { client_id: Some(ClientId(Dns(Name("checkout.till.serviceaccount.identity.linkerd.cluster.local")))), negotiated_protocol: None }) client.ip=';

/** Denials of one proxy, one line for each client address. */
export const denials = (...ips: readonly string[]) => ips.map((ip, i) => `2026-03-01T12:00:0${i % 10}.000Z ${LINE}${ip}\n`).join('');

export const FROM_CART = { 'X-Denywhy-Namespace': 'shop', 'X-Denywhy-Pod': 'cart-1', 'X-Denywhy-Workload': 'deploy/cart' };
