import { describe, expect, it } from 'vitest';
import type { Denial } from '../../src/evidence/facts.ts';
import { createLogParser } from '../../src/evidence/log.ts';
import { essence, LOGS, linesOf, readLines } from './log-corpus.ts';

let clock = 0;
const head = (level = 'INFO') => `[${(++clock / 1000).toFixed(6).padStart(13)}s] ${level.padStart(5)} ThreadId(01) `;
const denied = (ip: string, name = 'web', port = 4143) =>
  `${head()}inbound:server{port=${port}}: linkerd_app_inbound::policy::http: Request denied server.group=policy.linkerd.io server.kind=server server.name=${name} route.group= route.kind=default route.name=default client.tls=None(NoClientHello) client.ip=${ip}`;
const failed = (ip: string, port: number, path: string, tail = 'unauthorized request on route', version = 'HTTP/1.1') =>
  `${head()}inbound:server{port=4143}:rescue{client.addr=${ip}:${port}}: linkerd_app_core::errors::respond: ${version} request failed error=client ${ip}:${port}: server: 10.42.0.9:4143: ${tail} error.sources=[${tail}] path="${path}"`;
const tcp = (addr: string) =>
  `${head()}inbound:server{port=5432}: linkerd_app_inbound::policy::tcp: Connection denied server.group=policy.linkerd.io server.kind=server server.name=pg tls=None(PortSkipped) client=${addr}`;
const closed = (addr: string) =>
  `${head()}inbound: linkerd_app_core::serve: Connection closed error=unauthorized connection on server/pg client.addr=${addr} server.addr=10.42.0.9:5432`;
const noise = () => `${head()}outbound:proxy{addr=10.96.0.1:80}: linkerd_pool_p2c: Adding endpoint addr=10.42.0.${clock % 250}:80`;
const access = (addr: string, status: number, uri: string, bytes = '0', method = 'POST') =>
  JSON.stringify({
    'client.addr': addr,
    'client.id': '-',
    host: 'web',
    method,
    processing_ns: '1',
    request_bytes: '',
    response_bytes: bytes,
    status,
    timestamp: '2026-01-01T00:00:00Z',
    total_ns: '1',
    trace_id: '',
    uri,
    user_agent: '',
    version: 'HTTP/1.1',
  });

function requests(lines: readonly string[]) {
  return readLines(lines).facts.map((f) =>
    f.type === 'symptom'
      ? f.kind
      : [f.type === 'denial' ? f.kind : f.type, f.client.ip, f.client.port, f.request?.method ?? null, f.request?.path ?? null],
  );
}

describe('the error response', () => {
  it('joins its denial across the lines of other connections', () => {
    const lines = [
      denied('10.0.0.1'),
      denied('10.0.0.2'),
      noise(),
      failed('10.0.0.2', 2000, '/b'),
      tcp('10.0.0.3:3000'),
      failed('10.0.0.1', 1000, '/a'),
      closed('10.0.0.3:3000'),
    ];
    expect(requests(lines)).toEqual([
      ['http-denied', '10.0.0.1', 1000, null, '/a'],
      ['http-denied', '10.0.0.2', 2000, null, '/b'],
      ['tcp-denied', '10.0.0.3', 3000, null, null],
    ]);
  });

  it('joins the oldest denial of its client, one each', () => {
    const lines = [denied('10.0.0.1', 'one'), denied('10.0.0.1', 'two'), failed('10.0.0.1', 1, '/1'), failed('10.0.0.1', 2, '/2')];
    const facts = readLines(lines).facts as Denial[];
    expect(facts.map((d) => [d.server?.name, d.request?.path])).toEqual([
      ['one', '/1'],
      ['two', '/2'],
    ]);
  });

  it('never joins a denial of another kind or of the admin server', () => {
    const admin = `${head()}daemon:admin{listen.addr=0.0.0.0:4191}:rescue{client.addr=10.0.0.1:9}: linkerd_app_core::errors::respond: HTTP/1.1 request failed error=unauthorized request on route path="/metrics"`;
    expect(requests([denied('10.0.0.1'), admin, failed('10.0.0.1', 1, '/x', 'no route found for request')])).toEqual([
      ['http-denied', '10.0.0.1', null, null, null],
      ['http-denied', '10.0.0.1', 9, null, '/metrics'],
      ['route-not-found', '10.0.0.1', 1, null, '/x'],
    ]);
  });

  it('without a denial line is a denial of which no Server is known', () => {
    const [fact] = readLines([failed('10.0.0.1', 1, '/x')]).facts;
    expect(fact).toMatchObject({ kind: 'http-denied', server: null, route: null, client: { ip: '10.0.0.1', port: 1, tls: null } });
  });

  it('that comes after its denial was reported does not count twice', () => {
    const late = [denied('10.0.0.1'), ...Array.from({ length: 70 }, noise), failed('10.0.0.1', 1, '/x')];
    expect(requests(late)).toEqual([['http-denied', '10.0.0.1', null, null, null]]);
    const tcpLate = [tcp('10.0.0.1:5'), ...Array.from({ length: 70 }, noise), closed('10.0.0.1:5'), closed('10.0.0.1:6')];
    expect(requests(tcpLate)).toEqual([
      ['tcp-denied', '10.0.0.1', 5, null, null],
      ['tcp-denied', '10.0.0.1', 6, null, null],
    ]);
  });
});

describe('the window', () => {
  it('reports a completed denial at once, and one without its follow-up after 64 lines', () => {
    const parser = createLogParser({ name: 'x' });
    expect(parser.push(denied('10.0.0.1'), 1)).toEqual([]);
    expect(parser.push(failed('10.0.0.1', 1, '/'), 2)).toHaveLength(1);
    expect(parser.push(denied('10.0.0.2'), 3)).toEqual([]);
    for (let i = 0; i < 64; i++) expect(parser.push(noise(), 4 + i)).toEqual([]);
    expect(parser.push(noise(), 70)).toHaveLength(1);
    expect(parser.flush()).toEqual([]);
  });

  it('holds no more than its length, whatever comes', () => {
    const parser = createLogParser({ name: 'x' });
    let out = 0;
    for (let i = 0; i < 10_000; i++) {
      out += parser.push(i % 2 === 0 ? denied(`10.0.${i % 200}.1`) : tcp(`10.1.${i % 200}.1:${i}`), i).length;
      expect(i + 1 - out).toBeLessThanOrEqual(66);
    }
    expect(out + parser.flush().length).toBe(10_000);
  });

  it('ends with the process: what a restarted proxy logs belongs to no earlier denial', () => {
    const start = `${head()}linkerd2_proxy: release 2.366.0 (29637b6) by linkerd on 2026-11-23T08:36:48Z`;
    expect(requests([denied('10.0.0.1'), start, failed('10.0.0.1', 1, '/x')])).toHaveLength(2);
  });
});

describe('the access log', () => {
  const DENIED = ['http-denied', '10.0.0.1', 7, 'POST', '/a?q=1'];

  it('gives a denial its method and query, before or after the denial’s own lines', () => {
    const line = access('10.0.0.1:7', 403, '/a?q=1');
    const own = [denied('10.0.0.1'), failed('10.0.0.1', 7, '/a')];
    expect(requests([line, ...own])).toEqual([DENIED]);
    // Only once an access log was seen is it waited for.
    expect(requests([access('10.0.0.9:1', 200, '/'), ...own, line])).toEqual([['observation', '10.0.0.9', 1, 'POST', '/'], DENIED]);
    expect(requests([access('10.0.0.9:1', 200, '/'), own[0] ?? '', line, own[1] ?? ''])).toEqual([
      ['observation', '10.0.0.9', 1, 'POST', '/'],
      DENIED,
    ]);
  });

  it('reads the form of Apache as well, and absolute URIs', () => {
    const id = 'a.shop.serviceaccount.identity.linkerd.cluster.local';
    const line = `10.0.0.1:7 ${id} - [2026-11-23T09:04:47.795288181Z] "GET http://web.shop/a"b?q=1 HTTP/2.0" 200`;
    expect(readLines([line]).facts).toMatchObject([
      {
        type: 'observation',
        at: Date.parse('2026-11-23T09:04:47.795Z'),
        server: null,
        client: { ip: '10.0.0.1', port: 7, tls: { state: 'established', clientId: id } },
        request: { version: 'HTTP/2.0', method: 'GET', path: '/a"b?q=1', authority: 'web.shop', grpc: null },
      },
    ]);
  });

  it('a refused gRPC call is a success there, and no observation', () => {
    const lines = [access('10.0.0.1:7', 200, '/pkg.Svc/Do'), denied('10.0.0.1'), failed('10.0.0.1', 7, '/pkg.Svc/Do', undefined, 'gRPC')];
    expect(requests(lines)).toEqual([['http-denied', '10.0.0.1', 7, 'POST', '/pkg.Svc/Do']]);
  });

  it('another path or port of the same client is another request', () => {
    const own = [denied('10.0.0.1'), failed('10.0.0.1', 7, '/a')];
    expect(requests([access('10.0.0.1:8', 403, '/a'), ...own])).toEqual([
      'application-refused',
      ['http-denied', '10.0.0.1', 7, null, '/a'],
    ]);
    expect(requests([access('10.0.0.1:7', 403, '/b'), ...own])).toEqual([
      'application-refused',
      ['http-denied', '10.0.0.1', 7, null, '/a'],
    ]);
  });

  it('a 403 alone: the application’s where the proxy’s own lines are there, else anyone’s', () => {
    expect(requests([noise(), access('10.0.0.1:7', 403, '/a')])).toEqual(['application-refused']);
    expect(requests([access('10.0.0.1:7', 403, '/a')])).toEqual(['request-failed']);
    expect(requests([access('10.0.0.1:7', 403, '/a', '31')])).toEqual(['application-refused']);
    expect(requests([access('10.0.0.1:7', 404, '/a', '31')])).toEqual([['observation', '10.0.0.1', 7, 'POST', '/a']]);
    expect(requests([access('10.0.0.1:7', 502, '/a')])).toEqual([]);
  });
});

describe('authorizations that did not apply', () => {
  const notApplied = (name: string, thread = '01') =>
    head('DEBUG').replace('(01)', `(${thread})`) +
    `inbound:server{port=4143}: linkerd_app_inbound::policy::http: Authorization did not apply authz.group=policy.linkerd.io authz.kind=authorizationpolicy authz.name=${name}`;

  it('belong to the denial before them on their thread', () => {
    const lines = [
      denied('10.0.0.1'),
      notApplied('a'),
      notApplied('b'),
      notApplied('other', '02'),
      failed('10.0.0.1', 1, '/'),
      notApplied('late'),
    ];
    expect((readLines(lines).facts as Denial[]).map((d) => d.didNotApply.map((a) => a.name))).toEqual([['a', 'b']]);
  });

  it('alone are no fact, and understood', () => {
    expect(readLines([notApplied('a')])).toMatchObject({ facts: [], stats: { parsed: 1, unparsed: 0 } });
  });
});

describe('order', () => {
  it('is that of the lines the facts began with', () => {
    const lines = [
      denied('10.0.0.1'),
      tcp('10.0.0.2:2'),
      denied('10.0.0.3'),
      failed('10.0.0.3', 3, '/'),
      failed('10.0.0.1', 1, '/'),
      closed('10.0.0.2:2'),
    ];
    const { facts } = readLines(lines);
    expect(facts.map((f) => f.source.line)).toEqual([1, 2, 3]);
    expect(facts.map(essence).map((f) => f.type)).toEqual(['denial', 'denial', 'denial']);
  });
});

describe('a log that is printed newest first', () => {
  /** A rate limit has a line of its own at most at DEBUG, of a request that was allowed. */
  const denials = (lines: readonly string[]) =>
    readLines(lines)
      .facts.filter((fact) => fact.type === 'denial')
      .filter(({ kind }) => kind !== 'rate-limited')
      .map(({ kind, client, server, port }) => JSON.stringify([kind, client.ip, client.port, server?.name ?? null, port]))
      .sort();
  const isDated = (name: string) => linesOf(name).every((line) => /^(?:\{"timestamp":")?\d{4}-/.test(line));

  it.each(LOGS.filter((name) => isDated(name) && denials(linesOf(name)).length > 0))('%s tells of the same denials', (name) => {
    expect(denials(linesOf(name).toReversed())).toEqual(denials(linesOf(name)));
  });

  it('takes no error response for that of a later refusal', () => {
    const lines = linesOf('wrong-service-account.log').filter((line) => /denied|unauthorized/.test(line));
    expect(lines).toHaveLength(4);
    expect(denials(lines.slice(1))).toHaveLength(2);
  });
});
