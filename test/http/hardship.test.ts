/** Bodies and senders that mean harm, or know no better: each gets one clear answer, and nothing of theirs is kept. */
import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { denials, FROM_CART, LIMITS, type Running, startTestServer, WEBHOOK } from './running.ts';

let running: Running;
beforeEach(async () => {
  running = await startTestServer({}, { bodyTime: 400, answerTime: 500 });
});
afterEach(() => running.server.close(100));

const HOOK = '/api/v1/webhooks/alertmanager';
const head = (more: string, path = '/api/v1/logs', host = '127.0.0.1') =>
  `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: text/plain\r\nX-Denywhy-Namespace: shop\r\nX-Denywhy-Pod: cart-1\r\n${more}\r\n`;
const statusOf = (text: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
const nothingKept = async () => {
  expect(await running.incidents()).toEqual([]);
  expect(running.memory.batches.size).toBe(0);
};

/** Sends as much as the server takes, and gives the answer and how much that was. */
function pour(bytes: number, length: boolean): Promise<{ readonly status: number; readonly text: string; readonly sent: number }> {
  return new Promise((resolve, reject) => {
    const chunk = Buffer.alloc(65_536, 'x\n');
    let sent = 0;
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port: running.port,
        method: 'POST',
        path: '/api/v1/logs',
        headers: { 'Content-Type': 'text/plain', ...FROM_CART, ...(length ? { 'Content-Length': bytes } : {}) },
      },
      (response) => {
        let text = '';
        response.on('data', (part) => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, sent }));
      },
    );
    request.on('error', reject);
    const write = () => {
      while (sent < bytes && !request.destroyed) {
        sent += chunk.length;
        if (!request.write(chunk)) {
          request.once('drain', write);
          return;
        }
      }
      request.end();
    };
    write();
  });
}

describe('a body', () => {
  it.each([
    ['that says so', true],
    ['that does not say how long it is', false],
  ])('of 200 MB %s is refused early, in words', async (_name, length) => {
    const before = process.memoryUsage().rss;
    const { status, text } = await pour(200 * 2 ** 20, length);
    expect([status, JSON.parse(text).detail]).toEqual([413, 'This body is larger than 1 MiB.']);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 2 ** 20);
    await nothingKept();
  });

  it('announced with Expect: 100-continue is refused before it is sent', async () => {
    const socket = await running.open();
    socket.write(head('Content-Length: 209715200\r\nExpect: 100-continue\r\n'));
    const text = await new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())));
    socket.destroy();
    expect([statusOf(text), text.includes('100 Continue')]).toEqual([413, false]);
  });

  it('announced with Expect: 100-continue is asked for where it is welcome', async () => {
    const body = denials('10.9.0.3');
    const socket = await running.open();
    socket.write(
      head(`Content-Length: ${body.length}\r\nExpect: 100-continue\r\nX-Denywhy-Workload: deploy/cart\r\nConnection: close\r\n`),
    );
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (text.endsWith('100 Continue\r\n\r\n')) socket.write(body);
    });
    await new Promise((resolve) => socket.once('close', resolve));
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  });

  it('that is a gzip bomb is cut off while it is unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 2 ** 20));
    expect(bomb.length).toBeLessThan(LIMITS.body);
    for (const path of ['/api/v1/logs', HOOK]) {
      const headers = { 'Content-Type': path === HOOK ? 'application/json' : 'text/plain', 'Content-Encoding': 'gzip', ...FROM_CART };
      const { status, body } = await running.ask('POST', path, { body: bomb, headers });
      expect([status, body.detail]).toEqual([413, expect.stringMatching(/unpacks to more than 4 MiB/)]);
    }
    await nothingKept();
  });

  it.each([
    ['broken', Buffer.from('this is no gzip'), 'is broken'],
    ['cut off', gzipSync(denials('10.9.0.3')).subarray(0, 60), 'ends too early'],
  ])('whose gzip is %s is refused', async (_name, body, detail) => {
    const answer = await running.ask('POST', '/api/v1/logs', {
      body,
      headers: { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip', ...FROM_CART },
    });
    expect([answer.status, answer.body.detail]).toEqual([400, expect.stringContaining(detail)]);
    await nothingKept();
  });

  it.each([['br'], ['deflate'], ['gzip, gzip'], ['zstd']])('in the encoding %s is refused, with the one that is read', async (encoding) => {
    const { status, headers } = await running.ask('POST', '/api/v1/logs', {
      body: 'x',
      headers: { 'Content-Type': 'text/plain', 'Content-Encoding': encoding },
    });
    expect([status, headers.get('accept-encoding')]).toEqual([415, 'gzip']);
  });

  it.each([
    [HOOK, 'text/plain'],
    [HOOK, 'application/x-www-form-urlencoded'],
    ['/api/v1/logs', 'application/msgpack'],
    ['/api/v1/logs', 'multipart/form-data; boundary=x'],
    ['/api/v1/metrics', 'application/vnd.google.protobuf'],
    ['/api/v1/mutes', 'text/plain'],
  ])('of the wrong type for %s (%s) is refused, with those that are read', async (path, type) => {
    const { status, body } = await running.ask('POST', path, { body: '{}', headers: { 'Content-Type': type } });
    expect([status, body.remedy]).toEqual([415, expect.stringContaining('application/json')]);
  });

  it('that trickles is given up in time, with 408', async () => {
    const socket = await running.open();
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(head('Content-Length: 100000\r\n'));
    const timer = setInterval(() => socket.write('x'), 20);
    const begin = performance.now();
    await closed;
    clearInterval(timer);
    expect([statusOf(text), text.includes('took longer than 0.4 s')]).toEqual([408, true]);
    expect(performance.now() - begin).toBeLessThan(4000);
    await nothingKept();
  });

  it('that is half sent when its sender goes away leaves nothing', async () => {
    const body = denials('10.9.0.3', '10.9.0.4');
    for (const framing of [`Content-Length: ${body.length * 2}\r\n`, 'Transfer-Encoding: chunked\r\n']) {
      const socket = await running.open();
      socket.write(head(framing) + (framing.startsWith('Transfer') ? `${body.length.toString(16)}\r\n${body}\r\n` : body));
      await sleep(100);
      socket.destroy();
    }
    await sleep(100);
    await nothingKept();
    expect((await running.ask('GET', '/readyz')).status).toBe(200);
  });

  it('finds no room while others fill the memory, and is asked for again', async () => {
    await running.server.close(100);
    running = await startTestServer({}, { held: 2000, bodyTime: 3000 });
    const socket = await running.open();
    const half = 'x'.repeat(1900);
    socket.write(`POST ${HOOK} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n${half}`);
    await sleep(100);
    const refused = await running.ask('POST', HOOK, { json: WEBHOOK });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    socket.destroy();
    await sleep(100);
    expect((await running.ask('POST', HOOK, { json: WEBHOOK })).status).toBe(200);
  });
});

describe('a request', () => {
  it.each([
    ['with headers that are too large', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`, 431],
    ['that is no HTTP', 'hello\r\n\r\n', 400],
    ['that speaks TLS', Buffer.from('16030100a5010000a1', 'hex'), 400],
    ['with two lengths', `${head('Content-Length: 5\r\nContent-Length: 6\r\n')}hello`, 400],
    ['with a length and in chunks', `${head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}0\r\n\r\n`, 400],
  ])('%s is refused', async (_name, bytes, status) => {
    const text = await running.raw(bytes);
    expect(statusOf(text)).toBe(status);
    expect(text).toContain('application/problem+json');
  });

  it('too many at once is told to come again; health is still answered', async () => {
    const sockets = await Promise.all(
      Array.from({ length: LIMITS.requests }, async () => {
        const socket = await running.open();
        socket.write(head('Content-Length: 10\r\n'));
        return socket;
      }),
    );
    await sleep(50);
    const { status, headers } = await running.ask('POST', HOOK, { json: WEBHOOK });
    expect([status, headers.get('retry-after')]).toEqual([503, '5']);
    expect((await running.ask('GET', '/healthz')).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    await sleep(600);
    expect((await running.ask('POST', HOOK, { json: WEBHOOK })).status).toBe(200);
  });

  it.each([
    ['GET', '/nowhere', 404],
    ['PUT', HOOK, 405],
    ['GET', HOOK, 405],
    ['DELETE', '/api/v1/incidents/x', 405],
    ['GET', '/api/v1/incidents/%E0%A4%A', 400],
    ['GET', `/api/v1/incidents/${'x'.repeat(400)}`, 404],
    ['GET', '/api/v1/incidents?limit=0', 400],
    ['GET', '/api/v1/incidents?limt=5', 400],
    ['GET', '/api/v1/incidents?limit=5&limit=6', 400],
    ['GET', '/api/v1/incidents?__proto__=1', 400],
    ['GET', '/api/v1/incidents?cursor=%FF%00', 400],
    ['GET', '/api/v1/events?after=-1', 400],
  ])('%s %s gets %i and a remedy', async (method, path, status) => {
    const answer = await running.ask(method, path);
    expect([answer.status, typeof answer.body.remedy]).toEqual([status, 'string']);
  });
});

describe('a shutdown', () => {
  it('lets the requests at work end, and refuses others', async () => {
    const body = denials('10.9.0.3');
    const socket = await running.open();
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.write(head(`Content-Length: ${body.length}\r\nX-Denywhy-Workload: deploy/cart\r\n`) + body.slice(0, 50));
    await sleep(50);
    const closed = running.server.close(5000);
    socket.write(body.slice(50));
    await closed;
    expect(statusOf(text)).toBe(200);
    expect((await running.incidents()).map((i) => i.counted.logs)).toEqual([1]);
    await expect(running.ask('GET', '/healthz')).rejects.toThrow();
  });

  it('cuts off at its deadline who does not end', async () => {
    const socket = await running.open();
    socket.write(head('Content-Length: 100000\r\n'));
    await sleep(50);
    const begin = performance.now();
    await running.server.close(150);
    expect(performance.now() - begin).toBeLessThan(1500);
  });
});
