/** A proxy's own page of counters, by port-forward: it arrives as localhost, which the proxy always lets in, and so counts as no denial. */
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { Unavailable } from '../errors.ts';
import { ADMIN_PORT } from '../evidence/conventions.ts';
import type { ProxyPages, ProxyPod } from '../ports.ts';
import type { PortForward } from './kubernetes-port-forward.ts';

const MOST_BYTES = 64 * 2 ** 20;
const TIMEOUT = 20_000;

export function createProxyPages(forward: PortForward): ProxyPages {
  return {
    async page(pod) {
      const connection = await forward.open(pod, ADMIN_PORT);
      try {
        return await readPage(connection, pod);
      } finally {
        connection.destroy();
      }
    },
  };
}

function readPage(connection: Duplex, { namespace, pod }: ProxyPod): Promise<string> {
  const name = `The counters of ${namespace}/${pod}`;
  return new Promise((resolve, reject) => {
    const fail = (what: string, remedy: string) => reject(new Unavailable(`${name} ${what}.`, remedy));
    const outgoing = request({
      path: '/metrics',
      headers: { Host: `localhost:${ADMIN_PORT}`, Connection: 'close' },
      createConnection: () => connection,
      signal: AbortSignal.timeout(TIMEOUT),
    });
    outgoing.on('error', (error) => {
      if (error instanceof Unavailable) reject(error);
      else
        fail(
          `did not come: ${error.name === 'AbortError' ? `no answer within ${TIMEOUT / 1000} s` : 'the connection broke off'}`,
          'Try again.',
        );
    });
    outgoing.on('response', async (response) => {
      if (response.statusCode !== 200)
        return fail(`were refused (${response.statusCode})`, 'Is it a proxy of Linkerd that listens on port 4191?');
      const chunks: Buffer[] = [];
      let size = 0;
      try {
        for await (const chunk of response as AsyncIterable<Buffer>) {
          size += chunk.length;
          if (size > MOST_BYTES) return fail('are more than 64 MiB', 'Give Prometheus: --prometheus URL.');
          chunks.push(chunk);
        }
        resolve(Buffer.concat(chunks).toString('utf8'));
      } catch {
        fail('broke off', 'Try again.');
      }
    });
    outgoing.end();
  });
}
