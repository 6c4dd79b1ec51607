/** Sends requests to a service that may be killed at any moment. */
import { Agent, request as httpRequest } from 'node:http';
import type { Sent } from './ledger.ts';

/** `accepted`: the whole answer came and it was a 2xx. `refused`: 503. `cut`: no answer, or half of one. `absent`: nobody listens. */
export type Outcome = 'accepted' | 'refused' | 'cut' | 'absent';

export interface Sender {
  /** Rejects for any other answer: the test, or the service, is wrong. */
  send(request: Sent['request']): Promise<Outcome>;
  close(): void;
}

export function createSender(url: string): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  return {
    send: ({ path, headers, body }) =>
      new Promise((resolve, reject) => {
        const request = httpRequest(`${url}${path}`, {
          method: 'POST',
          agent,
          headers: { ...headers, 'Content-Length': Buffer.byteLength(body) },
        });
        request.on('response', (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', () => resolve('cut'));
          response.on('end', () => {
            const status = response.statusCode ?? 0;
            if (!response.complete) resolve('cut');
            else if (status === 200) resolve('accepted');
            else if (status === 503) resolve('refused');
            else reject(new Error(`${path} answered ${status}: ${Buffer.concat(chunks)}`));
          });
        });
        request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? 'absent' : 'cut'));
        request.end(body);
      }),
    close: () => agent.destroy(),
  };
}
