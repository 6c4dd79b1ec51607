/** A small HTTP server that answers as the API server once did, byte for byte, from test/fixtures/kubernetes-api. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';

const FIXTURES = join(import.meta.dirname, 'fixtures', 'kubernetes-api');

/** What is answered to one request. */
export type ReplayAnswer =
  /** A captured answer: status, headers and body. */
  | { readonly capture: string }
  /** A captured stream of watch events (null: none come); afterwards it stays open, or ends, or breaks off. */
  | { readonly stream: string | null; readonly afterwards: 'open' | 'end' | 'break' }
  /** What no capture shows. */
  | { readonly status: number; readonly body: string };

export interface Replay {
  readonly url: string;
  /** Paths with their queries, in order. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** `answers`: by path, `watch ` before it for a watch; one after another, the last for ever. Anything else is 404, as of a kind that is not served. */
export async function replayKubernetes(answers: Readonly<Record<string, readonly ReplayAnswer[]>>): Promise<Replay> {
  const requests: string[] = [];
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://replay');
    requests.push(request.url ?? '');
    const key = `${searchParams.has('watch') ? 'watch ' : ''}${pathname}`;
    const script = answers[key] ?? [];
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    give(response, script[Math.min(count, script.length - 1)] ?? { capture: 'not-found-kind.json' });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Capture {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: unknown;
}

function give(response: ServerResponse, answer: ReplayAnswer): void {
  if ('status' in answer) response.writeHead(answer.status).end(answer.body);
  else if ('capture' in answer) {
    const { status, headers, body } = JSON.parse(readFileSync(join(FIXTURES, answer.capture), 'utf8')) as Capture;
    // JSON was captured parsed; the API server writes it without spaces, and a line feed behind it: its own Content-Length tells.
    response.writeHead(status, headers.flat()).end(typeof body === 'string' ? body : `${JSON.stringify(body)}\n`);
  } else {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    response.write(answer.stream === null ? '' : readFileSync(join(FIXTURES, answer.stream)), () => {
      if (answer.afterwards === 'end') response.end();
      if (answer.afterwards === 'break') response.destroy();
    });
  }
}
