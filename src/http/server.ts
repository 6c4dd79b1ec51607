/** The HTTP server: slow and oversized senders are cut off, and a shutdown lets the requests at work end. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Unavailable } from '../errors.ts';
import { createApp } from './app.ts';
import { expectContinue } from './body.ts';
import type { HttpOptions } from './options.ts';
import { bodyOf, Problem, type Status } from './problem.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Most bytes of headers. */
  readonly headers: number;
  readonly connections: number;
}

export interface RunningServer {
  /** `http://127.0.0.1:8417`. */
  readonly url: string;
  /** Takes no more requests, ends streams, and waits for the requests at work; cuts off what is left at the deadline. */
  close(deadlineMilliseconds: number): Promise<void>;
}

const HEADERS_TIME = 10_000;

/** Errors: Unavailable (port in use, address not of this machine, no permission). */
export async function startServer(options: HttpOptions, listen: ListenOptions): Promise<RunningServer> {
  const closing = new AbortController();
  const app = createApp(options, closing.signal);
  const server = createServer({
    maxHeaderSize: listen.headers,
    headersTimeout: HEADERS_TIME,
    // The body has a limit of its own that answers in words; this one is behind it.
    requestTimeout: HEADERS_TIME + 2 * options.limits.bodyTime,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 1000,
  });
  server.maxConnections = listen.connections;
  server.on('request', app);
  server.on('checkContinue', (request, response) => {
    expectContinue(request);
    app(request as never, response as never);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuse(error, socket));
  await start(server, listen);
  server.on('error', (error) => options.logger.error({ error }, 'the server has a fault'));
  const { address, family, port } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    async close(deadlineMilliseconds) {
      closing.abort();
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeIdleConnections();
      const idle = setInterval(() => server.closeIdleConnections(), 50);
      const timer = setTimeout(() => server.closeAllConnections(), deadlineMilliseconds);
      await closed;
      clearInterval(idle);
      clearTimeout(timer);
    },
  };
}

const LISTEN_FAULTS: ReadonlyMap<string, readonly [string, string]> = new Map([
  ['EADDRINUSE', ['is in use', 'Stop what listens there (ss -ltnp shows it), or set listen.address to another port.']],
  ['EACCES', ['may not be used by this user', 'Set listen.address to a port above 1023.']],
  ['EADDRNOTAVAIL', ['is not an address of this machine', 'Set listen.address to one of its own, or to 0.0.0.0 for all.']],
  ['ENOTFOUND', ['is not a name that can be resolved', 'Set listen.address to an address of this machine.']],
]);

function start(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const [what, remedy] = LISTEN_FAULTS.get(error.code ?? '') ?? [
        `cannot be listened on (${error.code})`,
        'Set listen.address to another one.',
      ];
      reject(new Unavailable(`${host}:${port} ${what}.`, remedy, { cause: error }));
    });
    server.listen({ host, port, backlog: 511 }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

const REFUSALS: ReadonlyMap<string, readonly [status: number, title: string, detail: string, remedy: string]> = new Map([
  [
    'HPE_HEADER_OVERFLOW',
    [431, 'Request Header Fields Too Large', 'The headers of this request are too large.', 'Send fewer, or raise limits.headers.'],
  ],
  ['ERR_HTTP_REQUEST_TIMEOUT', [408, 'Request Timeout', 'This request took too long.', 'Send it faster or in smaller parts.']],
]);

/** What never became a request. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, title, detail, remedy] = REFUSALS.get(error.code ?? '') ?? [
    400,
    'Bad Request',
    'This is no HTTP request.',
    'Speak HTTP/1.1, without TLS.',
  ];
  const known = bodyOf(new Problem(400 satisfies Status, detail, remedy));
  const body = JSON.stringify({ ...known, title, status });
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
