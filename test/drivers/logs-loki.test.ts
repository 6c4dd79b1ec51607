/** Loki's documented API, as a small server speaks it: what is asked, page by page, and that nothing of a name becomes LogQL. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLokiLogs } from '../../src/drivers/logs-loki.ts';
import { createUpstream } from '../../src/drivers/upstream.ts';
import { streamSelector } from '../../src/drivers/upstream-logql.ts';
import { Unavailable } from '../../src/errors.ts';
import type { LogBounds, Logs } from '../../src/ports.ts';

interface Entry {
  /** Nanoseconds. */
  readonly at: bigint;
  readonly line: string;
}

/** As Loki reads a selector of equalities: names, and Go's string literals. */
function readSelector(text: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  let rest = /^\{(.*)\}$/s.exec(text)?.[1] ?? '!';
  while (rest !== '') {
    const [whole = '', name, literal = ''] = /^([a-zA-Z_]\w*)=("(?:[^"\\\n]|\\.)*")(?:,(?=.)|$)/s.exec(rest) ?? [];
    if (name === undefined || labels.has(name)) throw new Error(`no selector: ${text}`);
    labels.set(name, unquote(literal));
    rest = rest.slice(whole.length);
  }
  return labels;
}

function unquote(literal: string): string {
  return literal.slice(1, -1).replace(/\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/gs, (_, short?: string, long?: string, one?: string) => {
    if (one !== undefined && !'"\\'.includes(one)) throw new Error(`no escape: ${one}`);
    return one ?? String.fromCodePoint(Number.parseInt(short ?? long ?? '', 16));
  });
}

const NOW = Date.parse('2026-11-23T09:30:00Z');
const POD = { namespace: 'shop', pod: 'backend-1' };
const ALL: LogBounds = { since: NOW - 3_600_000, lines: 20_000, bytes: 2 ** 24, previous: false };
const LIMIT = 5000;
const nano = (at: number, more = 0n) => BigInt(at) * 1_000_000n + more;

let server: Server;
let logs: Logs;
let streams: Map<string, Entry[]>;
let asked: { readonly query: URLSearchParams; readonly tenant: string | undefined }[];
let refusal: { readonly status: number; readonly body: string } | null;

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://loki');
    asked.push({ query: url.searchParams, tenant: request.headers['x-scope-orgid'] as string | undefined });
    if (refusal !== null) return void response.writeHead(refusal.status).end(refusal.body);
    if (url.pathname !== '/loki/api/v1/query_range') return void response.writeHead(404).end('404 page not found');
    const of = (name: string) => url.searchParams.get(name) ?? '';
    const labels = readSelector(of('query'));
    const [start, end, limit] = [BigInt(of('start')), BigInt(of('end')), Math.min(Number(of('limit')), LIMIT)];
    const all = (streams.get(JSON.stringify([...labels])) ?? []).filter(({ at }) => at >= start && at < end);
    const ordered = of('direction') === 'backward' ? all.toReversed() : all;
    const values = ordered.slice(0, limit).map(({ at, line }) => [String(at), line]);
    const result = values.length === 0 ? [] : [{ stream: Object.fromEntries(labels), values }];
    response
      .setHeader('Content-Type', 'application/json')
      .end(JSON.stringify({ status: 'success', data: { resultType: 'streams', result, stats: {} } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const upstream = await createUpstream({
    name: 'Loki',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { bearer: null, bearerFile: null, basic: null },
    headers: new Map([['X-Scope-OrgID', 'team-a']]),
    tls: { ca: null, certificate: null, key: null, serverName: null, isVerified: true },
    timeout: 5000,
    mostBytes: 2 ** 24,
  });
  logs = createLokiLogs({
    upstream,
    labels: { namespace: 'namespace', pod: 'pod', container: 'container' },
    now: () => NOW,
    every: 5,
  });
});
afterAll(() => {
  logs.close();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  [streams, asked, refusal] = [new Map(), [], null];
});

function put(entries: readonly Entry[]): void {
  const key = [
    ['namespace', POD.namespace],
    ['pod', POD.pod],
    ['container', 'linkerd-proxy'],
  ];
  streams.set(JSON.stringify(key), [...entries]);
}

async function linesOf(chunks: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
  let text = '';
  for await (const chunk of chunks) text += Buffer.from(chunk).toString();
  return text === '' ? [] : text.trimEnd().split('\n');
}

describe('reading', () => {
  it('asks with the tenant, the newest first, for the time that is wanted', async () => {
    put([{ at: nano(NOW - 1000, 123_456n), line: '[ 1.0s] INFO x' }]);
    expect(await linesOf(logs.read(POD, ALL))).toEqual(['2026-11-23T09:29:59.000123456Z [ 1.0s] INFO x']);
    const [{ query, tenant } = { query: new URLSearchParams(), tenant: undefined }] = asked;
    expect(tenant).toBe('team-a');
    expect(Object.fromEntries(query)).toEqual({
      query: '{namespace="shop",pod="backend-1",container="linkerd-proxy"}',
      start: String(nano(NOW - 3_600_000)),
      end: String(nano(NOW) + 1n),
      limit: '5000',
      direction: 'backward',
    });
  });

  it('pages through more than one answer holds, also where many entries share a nanosecond, each once and in order', async () => {
    const entries = Array.from({ length: 12_000 }, (_, i) => ({ at: nano(NOW - 60_000) + BigInt(Math.floor(i / 7)), line: `line ${i}` }));
    put(entries);
    const lines = await linesOf(logs.read(POD, ALL));
    expect(lines.map((line) => line.slice(line.indexOf(' ') + 1))).toEqual(entries.map(({ line }) => line));
    expect(asked.length).toBe(3);
  });

  it('of more than is wanted, gives the newest', async () => {
    put(Array.from({ length: 7000 }, (_, i) => ({ at: nano(NOW - 7000 + i), line: `line ${i}` })));
    const some = await linesOf(logs.read(POD, { ...ALL, lines: 6000 }));
    expect([some.length, some[0]?.slice(-9), some.at(-1)?.slice(-9)]).toEqual([6000, 'line 1000', 'line 6999']);
    expect((await linesOf(logs.read(POD, { ...ALL, bytes: 90 }))).length).toBe(10);
  });

  it('a page of one nanosecond alone is not asked for again and again', async () => {
    put(Array.from({ length: 6000 }, (_, i) => ({ at: nano(NOW - 1000), line: `line ${i}` })));
    expect((await linesOf(logs.read(POD, ALL))).length).toBe(5000);
    expect(asked.length).toBeLessThan(4);
  });

  it('an entry of several lines is several, of one time', async () => {
    put([{ at: nano(NOW - 1000), line: 'one\ntwo\n' }]);
    expect(await linesOf(logs.read(POD, ALL))).toEqual(['2026-11-23T09:29:59.000000000Z one', '2026-11-23T09:29:59.000000000Z two']);
  });

  it('runs before the present one are among what it has', async () => {
    put([{ at: nano(NOW - 1000), line: 'x' }]);
    expect(await linesOf(logs.read(POD, { ...ALL, previous: true }))).toEqual([]);
  });
});

describe('following', () => {
  it('gives each entry once, those that come late included', async () => {
    const [first, late, last] = [NOW - 3000, NOW - 4000, NOW - 2000].map((at, i) => ({ at: nano(at), line: `line ${i}` }));
    put([first as Entry]);
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const chunk of logs.follow(POD, NOW - 60_000, stop.signal)) {
      seen.push(
        ...Buffer.from(chunk)
          .toString()
          .trimEnd()
          .split('\n')
          .map((line) => line.slice(31)),
      );
      if (seen.length === 1) put([late as Entry, first as Entry]);
      if (seen.length === 2) put([late as Entry, first as Entry, last as Entry]);
      if (seen.length >= 3) stop.abort();
    }
    expect(seen).toEqual(['line 0', 'line 1', 'line 2']);
  });
});

describe('LogQL', () => {
  it('takes every value literally', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 3 }), (values) => {
        const labels = values.map((value, i) => [`label_${i}`, value] as const);
        expect([...readSelector(streamSelector(labels))]).toEqual(labels.map(([name, value]) => [name, value.toWellFormed()]));
      }),
    );
  });

  it.each([['x"} |= "secret'], ['x",container=~".+'], ['x\\"}'], ['`'], ['\n}']])('%j stays a value', async (pod) => {
    await linesOf(logs.read({ namespace: 'shop', pod }, ALL));
    // What an earlier test followed may ask once more before it ends.
    expect(asked.map(({ query }) => readSelector(query.get('query') ?? '').get('pod'))).toContain(pod);
  });

  it.each([['a-b'], ['a="x",b'], ['']])('%j is no name of a label', (name) => {
    expect(() => streamSelector([[name, 'x']])).toThrow(/no name of a label/);
  });

  it('selects something', () => {
    expect(() => streamSelector([['namespace', '']])).toThrow(/every stream/);
  });
});

describe('what it refuses is said', () => {
  it.each([
    ['a query of several tenants', 401, 'no org id\n', /wants credentials \(401\)/],
    ['a tenant that is missing, in Loki’s words', 400, 'no org id\n', /refuses the query \(400\): no org id/],
    [
      'a time that is too long',
      400,
      'the query time range exceeds the limit (query length: 8760h0m0s, limit: 30d1h)\n',
      /time range exceeds the limit/,
    ],
    ['a page of something else', 200, '<html>', /a page instead of JSON/],
    ['metrics instead of lines', 200, '{"status":"success","data":{"resultType":"matrix","result":[]}}', /something else than log lines/],
    ['nothing there', 404, 'x', /no such API \(404\)/],
  ])('%s', async (_, status, body, message) => {
    refusal = { status, body };
    const error = await linesOf(logs.read(POD, ALL)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Unavailable);
    expect(String((error as Unavailable).message)).toMatch(message);
    if (body === 'no org id\n' && status === 400) expect((error as Unavailable).remedy).toMatch(/loki\.tenant/);
  });
});
