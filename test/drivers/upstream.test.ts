/** What an upstream that is absent, slow, elsewhere or lying is said to be, and what it never gets to see. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUpstream, type UpstreamOptions } from '../../src/drivers/upstream.ts';
import { Unavailable } from '../../src/errors.ts';

const OPTIONS: Omit<UpstreamOptions, 'url'> = {
  name: 'Prometheus',
  credentials: { bearer: null, bearerFile: null, basic: null },
  headers: new Map(),
  tls: { ca: null, certificate: null, key: null, serverName: null, isVerified: true },
  timeout: 300,
  mostBytes: 64 * 1024,
};

const SECRET = 'page-of-somebody-else';
const ROUTES: Readonly<Record<string, RequestListener>> = {
  '/redirect': (_, response) => void response.writeHead(302, { Location: 'http://169.254.169.254/' }).end(),
  '/large': (_, response) => void response.end('x'.repeat(200_000)),
  '/never': (_, response) => void response.write('{'),
  '/cut': (_, response) => {
    response.writeHead(200, { 'Content-Length': '1000' }).write('{"status"');
    setTimeout(() => response.destroy(), 20);
  },
  '/gzip': (_, response) => void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end('no gzip'),
  '/mesh': (_, response) => void response.writeHead(403, { 'l5d-proxy-error': 'unauthorized' }).end(),
  '/html': (_, response) => void response.writeHead(500).end(`<html>${SECRET}</html>`),
  '/own': (_, response) => void response.writeHead(418).end(JSON.stringify({ error: 'tea\u0007\u202e only' })),
  ...Object.fromEntries([401, 403, 404, 429, 503].map((code) => [`/${code}`, (_, response) => void response.writeHead(code).end(SECRET)])),
};

let server: Server;
let url = '';
let seen: IncomingMessage[] = [];
let directory = '';

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'denywhy-upstream-'));
  server = createServer((request, response) => {
    seen.push(request);
    const path = (request.url ?? '').replace(/\?.*$/, '').replace(/^\/prefix/, '');
    const route = Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined;
    if (route === undefined) response.end('{}');
    else route(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});

async function faultOf(path: string, options: Partial<UpstreamOptions> = {}): Promise<Unavailable> {
  const upstream = await createUpstream({ ...OPTIONS, url, ...options });
  const error: unknown = await upstream.ask({ method: 'get', path }).then(
    () => new Error('it was answered'),
    (reason: unknown) => reason,
  );
  upstream.close();
  if (error instanceof Unavailable) return error;
  throw error;
}

describe('a fault says what is wrong and what to do', () => {
  it.each([
    ['/redirect', 'redirects elsewhere (302), which is not followed', 'Configure the address'],
    ['/large', 'answered with more than 0 MiB', 'Raise the limit'],
    ['/never', 'did not answer within 0.3 s', 'NetworkPolicy'],
    ['/cut', 'closed the connection before its answer was whole', 'Did it restart?'],
    ['/gzip', 'sent a body that cannot be unpacked', 'stands between'],
    ['/mesh', 'was not reached: a Linkerd proxy answered 403', 'Does a policy of its namespace allow denywhy?'],
    ['/401', 'wants credentials (401)', 'Set a token'],
    ['/403', 'refuses these credentials (403)', 'a user who may query'],
    ['/404', 'has no such API (404)', 'a path missing'],
    ['/429', 'is asked too often (429)', 'Poll less often'],
    ['/503', 'answered 503', 'overloaded'],
    ['/html', 'answered 500', 'Look at its log'],
    ['/own', 'answered 418: tea  only', 'what the configuration takes it for'],
  ])('%s', async (path, message, remedy) => {
    const fault = await faultOf(path);
    expect(fault.message).toMatch(/^Prometheus at http:\/\/127\.0\.0\.1:\d+ /);
    expect(fault.message).toContain(message);
    expect(fault.remedy).toContain(remedy);
    expect(`${fault.message}${fault.remedy}`).not.toContain(SECRET);
  });

  it.each([
    ['nothing that listens', 'http://127.0.0.1:1', 'is not reachable (ECONNREFUSED)'],
    ['a name that does not exist', 'http://prometheus.invalid:9090', 'has a name that nobody knows'],
  ])('%s', async (_, address, message) => {
    expect((await faultOf('/', { url: address, timeout: 5000 })).message).toContain(message);
  });

  it('TLS where none is spoken', async () => {
    expect(await faultOf('/', { url: url.replace('http:', 'https:') })).toMatchObject({ remedy: 'Is it http:// rather than https://?' });
  });

  it('a token file that is gone', async () => {
    const path = join(directory, 'gone');
    const fault = await faultOf('/', { credentials: { bearer: null, bearerFile: path, basic: null } });
    expect(fault.message).toBe(`The file of the token cannot be read (ENOENT). (${path})`);
  });
});

describe('what is sent', () => {
  const ask = async (path: string, options: Partial<UpstreamOptions>) => {
    seen = [];
    const upstream = await createUpstream({ ...OPTIONS, url, ...options });
    await upstream.ask({ method: 'get', path });
    upstream.close();
    return seen[0]?.headers ?? {};
  };

  it('are headers, and one kind of credentials', async () => {
    const headers = new Map([['X-Scope-OrgID', 'team-a']]);
    expect(await ask('/', { headers, credentials: { bearer: 'abc', bearerFile: null, basic: null } })).toMatchObject({
      'x-scope-orgid': 'team-a',
      authorization: 'Bearer abc',
    });
    const basic = { username: 'ann', password: 'p:w' };
    const { authorization } = await ask('/', { credentials: { bearer: null, bearerFile: null, basic } });
    expect(authorization).toBe(`Basic ${btoa('ann:p:w')}`);
  });

  it('is the token that stands in the file at that moment', async () => {
    const bearerFile = join(directory, 'token');
    const credentials = { bearer: null, bearerFile, basic: null };
    writeFileSync(bearerFile, 'first\n');
    expect(await ask('/', { credentials })).toMatchObject({ authorization: 'Bearer first' });
    writeFileSync(bearerFile, 'second\n');
    expect(await ask('/', { credentials })).toMatchObject({ authorization: 'Bearer second' });
  });

  it('goes below the prefix of the address, whatever the path looks like', async () => {
    await ask('/api', { url: `${url}/prefix/` });
    await ask('http://other.invalid/api', { url: `${url}/prefix` });
    expect(seen.map((request) => request.url)).toEqual(['/prefix/http://other.invalid/api']);
  });

  it('goes there directly, whatever proxy the environment names', async () => {
    process.env['HTTP_PROXY'] = 'http://127.0.0.1:1';
    await expect(ask('/', {}).finally(() => delete process.env['HTTP_PROXY'])).resolves.toHaveProperty('host');
  });
});

it.each([
  ['ftp://prometheus', 'no URL'],
  ['http://ann:pw@prometheus', 'no URL'],
  ['prometheus:9090', 'no URL'],
])('the address %s is refused', async (address, message) => {
  await expect(createUpstream({ ...OPTIONS, url: address })).rejects.toThrow(message);
});

it('a file that is no PEM is refused at the start', async () => {
  const path = join(directory, 'ca.pem');
  writeFileSync(path, 'not a certificate');
  const tls = { ...OPTIONS.tls, ca: path };
  await expect(createUpstream({ ...OPTIONS, url: 'https://prometheus', tls })).rejects.toThrow('is not PEM');
});

describe('a connection that was idle', () => {
  const answered = new WeakSet<Socket>();
  const asked: string[] = [];
  const closing = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (answered.has(request.socket) || request.url === '/always') return void request.socket.destroy();
    answered.add(request.socket);
    response.end('{}');
  });
  beforeAll(() => new Promise<void>((resolve) => closing.listen(0, '127.0.0.1', resolve)));
  afterAll(() => {
    closing.closeAllConnections();
    closing.close();
  });

  it('may be closed just as it is used again: it is asked once more, by another one', async () => {
    const upstream = await createUpstream({ ...OPTIONS, url: `http://127.0.0.1:${(closing.address() as AddressInfo).port}` });
    const ask = (path: string) => upstream.ask({ method: 'get', path });
    await ask('/first');
    expect(await ask('/second')).toEqual({ status: 200, text: '{}' });
    expect(asked).toEqual(['/first', '/second', '/second']);
    await expect(ask('/always')).rejects.toThrow(/closed the connection/);
    expect(asked.filter((path) => path === '/always')).toHaveLength(2);
    await expect(ask('/always')).rejects.toThrow(/closed the connection/);
    expect(asked.filter((path) => path === '/always')).toHaveLength(3);
    upstream.close();
  });
});
