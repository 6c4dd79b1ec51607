/** Serves the pages of a recording's proxies, and the list of them that Prometheus discovers. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { configSchema } from '../config-schema.ts';
import { InvalidInput, Unavailable } from '../errors.ts';
import type { Pages } from './demo-pages.ts';

export interface Exporter {
  /** `http://127.0.0.1:4191`. */
  readonly url: string;
  close(): Promise<void>;
}

const FAULTS: ReadonlyMap<string, readonly [string, string]> = new Map([
  [
    'EADDRINUSE',
    ['is in use', 'Stop what listens there (ss -ltnp shows it), or give another port: --expose 127.0.0.1:0 takes a free one.'],
  ],
  ['EACCES', ['may not be used by this user', 'Give a port above 1023: --expose 127.0.0.1:4191.']],
  ['EADDRNOTAVAIL', ['is not an address of this machine', 'Give one of its own, or --expose 0.0.0.0:4191 for all.']],
]);

/** `address`: HOST:PORT. Errors: InvalidInput (no address), Unavailable (cannot listen there). */
export async function startExporter(address: string, pages: Pages): Promise<Exporter> {
  const parsed = configSchema.shape.listen.safeParse({ address });
  if (!parsed.success) throw new InvalidInput(`--expose ${address}: this is no address.`, 'Give HOST:PORT, such as 127.0.0.1:4191.');
  const server = createServer({ headersTimeout: 5000, requestTimeout: 10_000 }, (request, response) => answer(pages, request, response));
  server.maxConnections = 256;
  await listen(server, parsed.data.address);
  const { address: host, family, port } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${host}]` : host}:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

function listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const [what, remedy] = FAULTS.get(error.code ?? '') ?? [`cannot be listened on (${error.code})`, 'Give another one to --expose.'];
      reject(new Unavailable(`${host}:${port} ${what}.`, remedy, { cause: error }));
    });
    server.listen(port, host, resolve);
  });
}

/** Prometheus finds the pages where it found the list. */
function answer(pages: Pages, request: IncomingMessage, response: ServerResponse): void {
  const [path = ''] = (request.url ?? '').split('?');
  const send = (status: number, type: string, body: string) =>
    response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }).end(body);
  if (request.method !== 'GET' && request.method !== 'HEAD') send(405, 'text/plain', 'These are pages to GET.\n');
  else if (path === '/targets') {
    const { host = '' } = request.headers;
    if (/^(?:[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(?::\d{1,5})?$/.test(host))
      send(200, 'application/json', JSON.stringify(pages.targets(host)));
    else send(400, 'text/plain', 'The header Host names no host and port.\n');
  } else {
    const { status, text } = pages.page(path);
    send(status, status === 200 ? 'text/plain; version=0.0.4; charset=utf-8' : 'text/plain', text);
  }
}
