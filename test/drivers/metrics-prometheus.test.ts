/** Prometheus' API, replayed from recorded answers, and what else may answer in its place. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPrometheus } from '../../src/drivers/metrics-prometheus.ts';
import { createUpstream } from '../../src/drivers/upstream.ts';
import { Unavailable } from '../../src/errors.ts';
import type { Prometheus } from '../../src/ports.ts';

const recorded = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, '../fixtures/prometheus', `${name}.json`), 'utf8'));

let server: Server;
let prometheus: Prometheus;
let answer: { readonly status: number; readonly body: string } = { status: 200, body: '' };
let asked = { url: '', method: '', body: '' };

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    asked = { url: request.url ?? '', method: request.method ?? '', body };
    response.writeHead(answer.status).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const upstream = await createUpstream({
    name: 'Prometheus',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { bearer: null, bearerFile: null, basic: null },
    headers: new Map(),
    tls: { ca: null, certificate: null, key: null, serverName: null, isVerified: true },
    timeout: 1000,
    mostBytes: 2 ** 20,
  });
  prometheus = createPrometheus(upstream);
});
afterAll(() => {
  prometheus.close();
  server.close();
});

const answering = (body: unknown, status = 200) => {
  answer = { status, body: typeof body === 'string' ? body : JSON.stringify(body) };
};
async function faultOf(act: () => Promise<unknown>): Promise<Unavailable> {
  const error: unknown = await act().then(
    (value) => new Error(`answered: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof Unavailable) return error;
  throw error;
}

describe('recorded answers', () => {
  it('an instant query is a form in the body, and gives the series with their times', async () => {
    answering(recorded('query_deny'));
    const { samples, warnings } = await prometheus.query('inbound_http_authz_deny_total{a="b&c"}', 1_795_425_607_241);
    expect(asked).toEqual({
      method: 'POST',
      url: '/api/v1/query',
      body: 'query=inbound_http_authz_deny_total%7Ba%3D%22b%26c%22%7D&time=1795425607.241',
    });
    expect([...samples].every(({ metric }) => metric === 'inbound_http_authz_deny_total')).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('a window gives every sample', async () => {
    const { body } = recorded('matrix');
    answering(body);
    const points = (body.data.result as { values: unknown[] }[]).reduce((sum, { values }) => sum + values.length, 0);
    expect([...(await prometheus.query('x[1m]', 0)).samples]).toHaveLength(points);
  });

  it('a range query says its ends and its step in seconds', async () => {
    answering(recorded('query_range_tcp_deny'));
    expect([...(await prometheus.queryRange('x', { start: 1500, end: 61_500, step: 15_000 })).samples].length).toBeGreaterThan(0);
    expect(asked.body).toBe('query=x&start=1.500&end=61.500&step=15.000');
  });

  it('targets that refuse to be read are told with the reason', async () => {
    answering(recorded('targets-denied'));
    const down = (await prometheus.targets())?.filter(({ health }) => health === 'down');
    expect(down?.map(({ lastError }) => lastError)).toEqual(Array(3).fill('server returned HTTP status 403 Forbidden'));
  });

  it('a program that scrapes nothing has no targets and no configuration', async () => {
    answering('404 page not found', 404);
    expect([await prometheus.targets(), await prometheus.externalLabels()]).toEqual([null, null]);
  });

  it('external labels come from its configuration', async () => {
    answering({
      status: 'success',
      data: { yaml: 'global:\n  external_labels:\n    cluster: north\n    replica: 1\nscrape_configs: []\n' },
    });
    expect(await prometheus.externalLabels()).toEqual(
      new Map([
        ['cluster', 'north'],
        ['replica', '1'],
      ]),
    );
    answering({ status: 'success', data: { yaml: 'a: &a [*a' } });
    expect(await prometheus.externalLabels()).toBeNull();
  });

  it('numbers by labels need no name of a metric', async () => {
    answering({ status: 'success', data: { resultType: 'vector', result: [{ metric: { namespace: 'shop' }, value: [1, '12'] }] } });
    expect(await prometheus.numbers('count by (namespace) (x)', null)).toEqual([{ labels: new Map([['namespace', 'shop']]), value: 12 }]);
    expect(asked.body).not.toContain('time=');
  });

  it('warnings of Thanos and Mimir are handed on', async () => {
    answering({ ...recorded('query_deny'), warnings: ['receive series from store-1: unavailable'] });
    expect((await prometheus.query('x', 0)).warnings).toEqual(['receive series from store-1: unavailable']);
  });
});

describe('what is no answer of Prometheus is a fault with a remedy', () => {
  const vector = (value: unknown) => ({ status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value }] } });
  it.each<readonly [string, unknown, number, string]>([
    ['a login page', '<!DOCTYPE html><html>Sign in</html>', 200, 'answered with a page instead of JSON'],
    ['nothing', '', 200, 'answered with something else than JSON'],
    ['an answer that is cut off', JSON.stringify(recorded('query_deny')).slice(0, 900), 200, 'JSON that is cut off'],
    ['JSON of another API', { items: [] }, 200, 'it has no status'],
    ['a scalar', recorded('scalar').body, 200, 'a scalar'],
    ['a string', recorded('string').body, 200, 'a string'],
    ['a query that it does not understand', recorded('error_bad_query').body, 400, 'refuses the query (400): invalid parameter'],
    [
      'too many samples',
      { status: 'error', errorType: 'execution', error: 'query processing would load too many samples into memory' },
      422,
      'too many samples',
    ],
    [
      '11,000 points',
      { status: 'error', errorType: 'bad_data', error: 'exceeded maximum resolution of 11,000 points per timeseries.' },
      400,
      '11,000 points',
    ],
    [
      'a query that took too long',
      { status: 'error', errorType: 'timeout', error: 'query timed out in expression evaluation' },
      503,
      'timed out',
    ],
    ['a prefix that is missing', '404 page not found', 404, 'has no such API (404)'],
  ])('%s', async (_, body, status, message) => {
    answering(body, status);
    const fault = await faultOf(async () => [...(await prometheus.query('x', 0)).samples]);
    expect(fault.message).toContain(message);
    expect(fault.message).toMatch(/^Prometheus at http:\/\/127\.0\.0\.1:\d+ /);
    expect(fault.remedy).not.toBe('');
  });

  it.each<readonly [string, unknown]>([
    ['no time', vector([1, 'NaN'])],
    ['a time that is none', vector([1, 'soon'])],
    ['an empty answer', { status: 'success', data: { resultType: 'vector', result: [] } }],
  ])('%s', async (_, body) => {
    answering(body);
    expect((await faultOf(() => prometheus.now())).message).toContain('does not know what time it is');
  });

  it('values and times that are none are left out', async () => {
    const metric = { __name__: 'up', instance: 'a' };
    const values = [[1, '1'], ['x', '1'], [2, 1], [3, 'NaN'], null, [4, 'one'], [5, '-Inf']];
    answering({ status: 'success', data: { resultType: 'matrix', result: [{ metric, values }, null, { metric: { __name__: 'up' } }] } });
    expect([...(await prometheus.query('up[1m]', 0)).samples].map(({ at, value }) => [at, value])).toEqual([
      [1000, 1],
      [3000, Number.NaN],
      [5000, Number.NEGATIVE_INFINITY],
    ]);
  });
});
