/**
 * What a node answers about its pods, from recorded logs and pages: as a kubelet behind a real API server (`/containerLogs/…`, `/portForward/…`),
 * or at the API's own paths (`/api/v1/namespaces/…/pods/…/log`), where no API server is wanted.
 * https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/kubelet/server/server.go
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

/** The log of one container. Lines have their times in front, `2026-11-23T09:26:35.84453983Z …`. */
export interface PodLog {
  lines: string[];
  /** Of the run before. */
  previous?: readonly string[];
  /** Answered instead: what a kubelet or an API server says. */
  refusal?: { readonly status: number; readonly body: string };
}

export interface Kubelet {
  readonly url: string;
  readonly port: number;
  /** By `NAMESPACE/POD`. Containers other than linkerd-proxy are not there. */
  readonly logs: Map<string, PodLog>;
  /** Local ports that stand for those of a pod, by `NAMESPACE/POD:PORT`. */
  readonly ports: Map<string, number>;
  /** Paths with their queries, as they came. */
  readonly requests: string[];
  /** Writes a line to a log, and to those who follow it. */
  write(pod: string, line: string): void;
  /** Ends what is followed, as a container that ends does. */
  endFollowers(): void;
  close(): Promise<void>;
}

/** `tls`: PEM; null: plain HTTP. */
export async function startKubelet(tls: { readonly key: string; readonly cert: string } | null = null): Promise<Kubelet> {
  const logs: Kubelet['logs'] = new Map();
  const ports: Kubelet['ports'] = new Map();
  const requests: string[] = [];
  const followers = new Set<{ readonly pod: string; readonly response: ServerResponse }>();
  const sockets = new Set<Duplex>();

  const listener: RequestListener = (request, response) => {
    const { url = '' } = request;
    requests.push(url);
    const asked = askedOf(url, /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/?]+)/, /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/log/);
    const log = asked === null ? undefined : logs.get(asked.pod);
    if (asked === null || log === undefined) return void refuse(response, 404, 'NotFound', `pods "${asked?.pod ?? ''}" not found`);
    if (log.refusal !== undefined)
      return void response.writeHead(log.refusal.status, { 'Content-Type': 'application/json' }).end(log.refusal.body);
    if (asked.container !== 'linkerd-proxy')
      return void refuse(response, 400, 'BadRequest', `container ${asked.container} is not valid for pod ${asked.pod}`);
    if (asked.query.get('previous') === 'true' && log.previous === undefined)
      return void refuse(response, 400, 'BadRequest', `previous terminated container "linkerd-proxy" in pod "${asked.pod}" not found`);
    const lines = asked.query.get('previous') === 'true' ? (log.previous ?? []) : log.lines;
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    response.write(selected(lines, asked.query));
    if (asked.query.get('follow') !== 'true') return void response.end();
    const follower = { pod: asked.pod, response };
    followers.add(follower);
    response.on('close', () => followers.delete(follower));
  };
  const server = tls === null ? createServer(listener) : createTlsServer(tls, listener);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const { url = '' } = request;
    requests.push(url);
    const asked = askedOf(url, /^\/portForward\/([^/]+)\/([^/?]+)/, /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/portforward/);
    const port = Number(asked?.query.get('ports') ?? asked?.query.get('port') ?? 0);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    if (asked === null || !logs.has(asked.pod)) socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    else forward(request, socket, port, ports.get(`${asked.pod}:${port}`) ?? null);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === null ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    logs,
    ports,
    requests,
    write(pod, line) {
      logs.get(pod)?.lines.push(line);
      for (const follower of followers) if (follower.pod === pod) follower.response.write(`${line}\n`);
    },
    endFollowers() {
      for (const { response } of followers) response.end();
      followers.clear();
    },
    async close() {
      for (const { response } of followers) response.destroy();
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A kubeconfig that leads there, as `directory/kubeconfig`. */
export function writeKubeconfigFor({ url }: Kubelet, directory: string): string {
  const file = join(directory, 'kubeconfig');
  const config = {
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server: url } }],
    users: [{ name: 'test', user: { token: 'secret' } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

interface Asked {
  readonly pod: string;
  readonly container: string;
  readonly query: URLSearchParams;
}

function askedOf(url: string, ...paths: readonly RegExp[]): Asked | null {
  const parts = paths.map((path) => path.exec(url)).find((found) => found !== null);
  if (parts === undefined) return null;
  const query = new URL(url, 'http://127.0.0.1').searchParams;
  return { pod: `${parts[1]}/${parts[2]}`, container: parts[3] ?? query.get('container') ?? '', query };
}

function refuse(response: ServerResponse, code: number, reason: string, message: string): void {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  response.writeHead(code, { 'Content-Type': 'application/json' }).end(JSON.stringify(status));
}

/** The last lines first, then those since a time, then so many bytes: pkg/kubelet/kuberuntime/logs. */
function selected(lines: readonly string[], query: URLSearchParams): string {
  const [tail, since, limit] = ['tailLines', 'sinceTime', 'limitBytes'].map((name) => query.get(name));
  const last = tail == null ? lines : lines.slice(-Number(tail));
  const recent = since == null ? last : last.filter((line) => Date.parse(line.slice(0, line.indexOf(' '))) >= Date.parse(since));
  const timed = query.get('timestamps') === 'true' ? recent : recent.map((line) => line.slice(line.indexOf(' ') + 1));
  const text = timed.map((line) => `${line}\n`).join('');
  return limit == null ? text : text.slice(0, Number(limit));
}

const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Channels over a WebSocket: pkg/kubelet/cri/streaming/portforward/websocket.go. */
function forward(request: IncomingMessage, socket: Duplex, port: number, local: number | null): void {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${MAGIC}`).digest('base64');
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
  socket.write(`${[...head, 'Sec-WebSocket-Protocol: v4.channel.k8s.io'].join('\r\n')}\r\n\r\n`);
  const send = (channel: number, data: Uint8Array) => socket.write(frame(Buffer.concat([Buffer.of(channel), data])));
  const number = Buffer.of(port & 0xff, port >> 8);
  send(0, number);
  send(1, number);
  if (local === null) {
    send(1, Buffer.from(`failed to connect to localhost:${port}: connection refused`));
    return;
  }
  const target = connect(local, '127.0.0.1');
  target.on('data', (data: Buffer) => send(0, data));
  target.on('end', () => socket.end());
  target.on('error', () => socket.destroy());
  socket.on('close', () => target.destroy());
  const read = createFrameReader((data) => target.write(data.subarray(1)));
  socket.on('data', read);
}

/** One binary message, not masked (RFC 6455 §5.2). */
function frame(data: Buffer): Buffer {
  if (data.length < 126) return Buffer.concat([Buffer.of(0x82, data.length), data]);
  const long = data.length > 0xffff;
  const head = Buffer.alloc(long ? 10 : 4);
  head[0] = 0x82;
  head[1] = long ? 127 : 126;
  if (long) head.writeBigUInt64BE(BigInt(data.length), 2);
  else head.writeUInt16BE(data.length, 2);
  return Buffer.concat([head, data]);
}

function createFrameReader(take: (data: Buffer) => void): (chunk: Buffer) => void {
  let held = Buffer.alloc(0);
  return (chunk) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 2) {
      const short = (held[1] ?? 0) & 0x7f;
      const begin = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (held.length < begin + 4) return;
      const length = short === 126 ? held.readUInt16BE(2) : short === 127 ? Number(held.readBigUInt64BE(2)) : short;
      if (held.length < begin + 4 + length) return;
      const mask = held.subarray(begin, begin + 4);
      const data = Buffer.from(held.subarray(begin + 4, begin + 4 + length)).map((byte, i) => byte ^ (mask[i % 4] ?? 0));
      if (((held[0] ?? 0) & 0x0f) === 2) take(Buffer.from(data));
      held = held.subarray(begin + 4 + length);
    }
  };
}
