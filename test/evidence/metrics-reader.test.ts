import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Denial, Fact, Reporter } from '../../src/evidence/facts.ts';
import { createMetricsInput } from '../../src/evidence/metrics.ts';
import { createMetricsReader } from '../../src/evidence/metrics-reader.ts';

const FIXTURES = new URL('../fixtures/metrics/', import.meta.url);
const fixture = (name: string) => readFileSync(new URL(name, FIXTURES), 'utf8');
const NOBODY: Reporter = { cluster: '', namespace: null, pod: null, workload: null };
const POD: Reporter = { cluster: '', namespace: 'shop', pod: 'web-1', workload: { kind: 'Deployment', namespace: 'shop', name: 'web' } };

const T = 'target_addr="10.42.0.23:8080",target_ip="10.42.0.23",target_port="8080"';
const S = 'srv_group="policy.linkerd.io",srv_kind="server",srv_name="web",srv_port="8080"';
const R = 'route_group="policy.linkerd.io",route_kind="HTTPRoute",route_name="read"';
const C = 'tls="true",client_id="a.shop.serviceaccount.identity.linkerd.cluster.local"';
const ADMIN =
  'target_addr="0.0.0.0:4191",target_ip="0.0.0.0",target_port="4191",srv_group="",srv_kind="default",srv_name="deny",srv_port="4191"';
const started = (seconds: number) => `process_start_time_seconds ${seconds}\n`;

/** Reads pages one after the other, taking the facts at the end. */
function factsOf(pages: readonly string[], reporter: Reporter = POD, times: readonly (number | null)[] = []): Fact[] {
  const reader = createMetricsReader();
  for (const [i, page] of pages.entries()) {
    const input = createMetricsInput(reader, { name: `page ${i + 1}`, reporter, at: times[i] ?? null });
    input.push(page);
    input.end();
  }
  return reader.take();
}

function denialsOf(pages: readonly string[], reporter?: Reporter, times?: readonly (number | null)[]): Denial[] {
  return factsOf(pages, reporter, times).filter((f) => f.type === 'denial');
}

describe('one page', () => {
  it('says what each deny counter counted, and that nobody knows since when', () => {
    const page = [
      `inbound_http_authz_deny_total{${T},${S},${R},${C}} 3`,
      `inbound_tcp_authz_deny_total{${T},${S},tls="no_identity",no_tls_reason="port_skipped"} 4`,
      `inbound_tcp_authz_terminate_total{${T},${S},${C}} 5`,
      `inbound_http_route_not_found_total{${T},${S},${C}} 6`,
      `inbound_http_local_ratelimit_total{${T},${S},ratelimit_group="policy.linkerd.io",ratelimit_kind="HTTPLocalRateLimitPolicy",ratelimit_name="rl",ratelimit_scope="identity",${C}} 7`,
      `inbound_http_authz_allow_total{${T},${S},${R},authz_group="",authz_kind="default",authz_name="audit",${C}} 8`,
      started(100),
    ].join('\n');
    const facts = denialsOf([page], POD, [200_000]);
    const told = Object.fromEntries(facts.map((f) => [f.kind, [f.count, f.countedBefore, f.sinceBefore, f.at, f.route?.name]]));
    expect(told).toEqual({
      'http-denied': [0, 3, true, 200_000, 'read'],
      'tcp-denied': [0, 4, true, 200_000, undefined],
      terminated: [0, 5, true, 200_000, undefined],
      'route-not-found': [0, 6, true, 200_000, undefined],
      'rate-limited': [0, 7, true, 200_000, undefined],
      'audit-allowed': [0, 8, true, 200_000, 'read'],
    });
    expect(facts.find((f) => f.kind === 'rate-limited')?.rateLimit).toEqual({
      ref: { group: 'policy.linkerd.io', kind: 'HTTPLocalRateLimitPolicy', name: 'rl' },
      scope: 'identity',
    });
    expect(facts.find((f) => f.kind === 'http-denied')).toEqual({
      type: 'denial',
      kind: 'http-denied',
      at: 200_000,
      lastAt: 200_000,
      count: 0,
      countedBefore: 3,
      sinceBefore: true,
      reporter: POD,
      server: { group: 'policy.linkerd.io', kind: 'server', name: 'web' },
      route: { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'read' },
      port: 8080,
      admin: false,
      client: { ip: null, port: null, tls: { state: 'established', clientId: 'a.shop.serviceaccount.identity.linkerd.cluster.local' } },
      request: null,
      error: null,
      didNotApply: [],
      source: { kind: 'metrics', name: 'page 1', line: null, raw: `inbound_http_authz_deny_total{${T},${S},${R},${C}}` },
    });
  });

  it('tells the admin server’s denials apart', () => {
    expect(
      denialsOf([`inbound_http_authz_deny_total{${ADMIN},route_group="",route_kind="default",route_name="default",${C}} 1\n`]),
    ).toMatchObject([{ admin: true, port: 4191 }]);
  });

  it('takes an AuthorizationPolicy named audit for a permission', () => {
    const page = `inbound_http_authz_allow_total{${T},${S},${R},authz_group="policy.linkerd.io",authz_kind="authorizationpolicy",authz_name="audit",${C}} 8\n`;
    expect(factsOf([page])).toMatchObject([{ type: 'observation', authorization: { name: 'audit' }, count: 0, countedBefore: 8 }]);
  });

  it('makes symptoms of errors, and keeps the port that was dialled', () => {
    const page = [
      'inbound_tcp_errors_total{error="unexpected",target_addr="10.42.0.23:4143",target_ip="10.42.0.23",target_port="4143"} 1',
      'inbound_tcp_errors_total{error="i/o",target_addr="10.42.0.23:8080",target_ip="10.42.0.23",target_port="8080"} 2',
      `inbound_http_errors_total{error="unexpected",target_addr="10.42.0.23:4143",target_ip="10.42.0.23",target_port="4143",${S}} 3`,
      '',
    ].join('\n');
    expect(factsOf([page]).map((f) => f.type === 'symptom' && [f.kind, f.port, f.countedBefore, f.detail])).toEqual([
      ['request-failed', 8080, 3, 'inbound_http_errors_total: unexpected'],
      ['refused-before-policy', 4143, 1, 'inbound_tcp_errors_total: unexpected'],
      ['connect-failed', 8080, 2, 'inbound_tcp_errors_total: i/o'],
    ]);
  });

  it('of a 2.11 proxy names Servers and defaults', () => {
    const facts = factsOf([fixture('proxy-2.161.5.prom')]);
    const denied = facts.filter((f) => f.type === 'denial');
    expect(denied).toMatchObject([
      { server: { kind: 'server', name: 'backend-http' }, route: null, port: 8080, client: { tls: { state: 'none' } }, countedBefore: 1 },
    ]);
    expect(facts.filter((f) => f.type === 'observation').map((f) => f.server?.kind)).toEqual(['default', 'default', 'default']);
    expect(facts.filter((f) => f.type === 'symptom')).toMatchObject([{ kind: 'refused-before-policy', port: 4143, countedBefore: 3 }]);
  });
});

describe('two pages of one proxy', () => {
  const before = `inbound_http_authz_deny_total{${T},${S},${R},${C}} 3\n${started(100)}`;

  it('count what came between them, and say what was there before', () => {
    const after = `inbound_http_authz_deny_total{${T},${S},${R},${C}} 8\n${started(100)}`;
    expect(denialsOf([before, after], POD, [200_000, 300_000])).toMatchObject([
      { count: 0, countedBefore: 3, sinceBefore: true, at: 200_000 },
      { count: 5, sinceBefore: true, at: 300_000, lastAt: 300_000 },
    ]);
  });

  it('take a counter that the first did not have for new, with and without times', () => {
    const after = `inbound_tcp_authz_deny_total{${T},${S},${C}} 2\n${started(100)}`;
    for (const times of [
      [200_000, 300_000],
      [null, null],
    ]) {
      const denials = denialsOf([before, after], POD, times);
      expect(denials.find((d) => d.kind === 'tcp-denied')).toMatchObject({ count: 2, sinceBefore: false, at: times[1] });
    }
  });

  it('are known for one pod’s by its address when nobody names the pod', () => {
    const after = `inbound_tcp_authz_deny_total{${T},${S},${C}} 2\n${started(100)}`;
    expect(denialsOf([before, after], NOBODY).map((d) => [d.kind, d.count, d.countedBefore ?? 0])).toEqual([
      ['http-denied', 0, 3],
      ['tcp-denied', 2, 0],
    ]);
  });

  it('of different pods are never compared, named or not', () => {
    const admin = (count: number) =>
      `inbound_http_authz_deny_total{${ADMIN},route_group="",route_kind="default",route_name="default",${C}} ${count}\n`;
    const other = `inbound_tcp_authz_deny_total{${T.replaceAll('.23', '.24')},${S},${C}} 2\n${admin(1)}${started(100)}`;
    const denials = denialsOf([before + admin(9), other], NOBODY);
    expect(denials.map((d) => d.count)).toEqual([0, 0, 0, 0]);
    expect(denials.map((d) => d.countedBefore).sort()).toEqual([1, 2, 3, 9]);
  });
});

describe('Prometheus’ samples', () => {
  const scrape = 'namespace="shop",pod="web-1",deployment="web",instance="10.42.0.23:4191",job="linkerd-proxy"';
  const deny = `inbound_http_authz_deny_total{${scrape},srv_kind="default",srv_name="deny",route_kind="default",route_name="default",tls="true",target_port="8080"}`;
  const dump = (...lines: string[]) => `${lines.join('\n')}\n# EOF\n`;

  it('of a failed scrape do not prove that the series was not there', () => {
    const failed = dump(`up{${scrape}} 0 10`, `${deny} 5 20`, `up{${scrape}} 1 20`);
    expect(denialsOf([failed], NOBODY)).toMatchObject([{ count: 0, countedBefore: 5 }]);
    const read = dump(`up{${scrape}} 1 10`, `${deny} 5 20`, `up{${scrape}} 1 20`);
    expect(denialsOf([read], NOBODY)).toMatchObject([{ count: 5, sinceBefore: false, at: 20_000 }]);
  });

  it('of a proxy that started within the recording are all new', () => {
    const young = (start: number) => dump('up{instance="x:1"} 1 10', `${deny} 5 20`, `process_start_time_seconds{${scrape}} ${start} 20`);
    expect(denialsOf([young(15)], NOBODY)).toMatchObject([{ count: 5 }]);
    expect(denialsOf([young(9)], NOBODY)).toMatchObject([{ count: 0, countedBefore: 5 }]);
  });

  it('name the reporter by their scrape labels', () => {
    const [denial] = denialsOf([dump(`${deny} 5 20`)], NOBODY);
    expect(denial?.reporter).toEqual(POD);
    expect(denial?.server).toEqual({ group: '', kind: 'default', name: 'deny' });
    expect(denial?.port).toBe(8080);
  });

  it('say which scrapes of proxies failed, and nothing of other targets', () => {
    const facts = factsOf(
      [dump(`up{${scrape}} 0 10`, `up{${scrape}} 0 20`, `up{${scrape}} 1 30`, 'up{job="node",instance="n:9100"} 0 10')],
      NOBODY,
    );
    expect(facts).toMatchObject([
      { type: 'symptom', kind: 'scrape-failed', count: 2, at: 10_000, lastAt: 20_000, reporter: POD, port: 4191 },
    ]);
  });

  it('of stale series end nothing and count nothing', () => {
    const stale = dump(`up{${scrape}} 1 5`, `${deny} 5 10`, `${deny} NaN 20`, `${deny} 5 30`, `${deny} 7 40`);
    expect(denialsOf([stale], NOBODY)).toMatchObject([{ count: 7, at: 10_000, lastAt: 40_000 }]);
  });
});

it('takes a refused scrape from the targets page', () => {
  const facts = factsOf([fixture('targets.json')], NOBODY);
  expect(facts.length).toBeGreaterThan(0);
  for (const fact of facts) {
    expect(fact).toMatchObject({
      type: 'symptom',
      kind: 'scrape-refused',
      port: 4191,
      detail: 'server returned HTTP status 403 Forbidden',
    });
    expect(fact.reporter).toMatchObject({ namespace: 'production', workload: { kind: 'Deployment' } });
  }
});

it('makes nothing of an answer about other metrics', () => {
  const metric = { __name__: 'response_total', srv_name: 'web', tls: 'true', client_id: 'a', pod: 'web-1' };
  const answer = { status: 'success', data: { resultType: 'vector', result: [{ metric, value: [1, '5'] }] } };
  expect(factsOf([JSON.stringify(answer)], NOBODY)).toEqual([]);
});

it('names the lines it passed over', () => {
  const reader = createMetricsReader();
  const input = createMetricsInput(reader, { name: 'x.prom', reporter: POD, at: null });
  input.push(`inbound_tcp_authz_deny_total{${T},${S},${C}} 2\n???\n`);
  expect(input.end()).toEqual(['x.prom: 1 line is no metric and was passed over (2)']);
});

it.each([
  ['another page than a proxy’s', 'go_goroutines 3\nprocess_start_time_seconds 100\n', ['x.prom: no counter of a proxy']],
  ['a page of a proxy', `inbound_tcp_authz_allow_total{${T},${S},authz_name="a",${C}} 2\n`, []],
  ['an answer without series', '{"status":"success","data":{"resultType":"vector","result":[]}}', []],
])('says of %s whether it tells anything', (_, text, expected) => {
  const input = createMetricsInput(createMetricsReader(), { name: 'x.prom', reporter: POD, at: null });
  input.push(text);
  expect(input.end()).toEqual(expected.map((start) => expect.stringContaining(start)));
});

it('counts the samples of series beyond its limit instead of holding them', () => {
  const reader = createMetricsReader({ maxSeries: 2 });
  const input = createMetricsInput(reader, { name: 'x.prom', reporter: POD, at: null });
  for (let i = 0; i < 5; i++) input.push(`inbound_tcp_authz_deny_total{${T},${S},tls="opaque",sni="host-${i}"} 1\n`);
  input.end();
  expect(reader.take()).toHaveLength(2);
  expect(reader.stats).toMatchObject({ samples: 5, overLimit: 3 });
});

it('does not care for the order of lines within a page', () => {
  const lines = [
    `inbound_http_authz_deny_total{${T},${S},${R},${C}} 3`,
    `inbound_tcp_authz_deny_total{${T},${S},${C}} 2`,
    `inbound_http_authz_allow_total{${T},${S},${R},authz_group="",authz_kind="default",authz_name="audit",${C}} 8`,
    'process_start_time_seconds 100',
  ];
  const later = lines.map((l) => l.replace(/\d+$/, (n) => String(Number(n) + 1)));
  const page = (ls: readonly string[]) => `${ls.join('\n')}\n`;
  const expected = factsOf([page(lines), page(later)], NOBODY, [200_000, 300_000]);
  fc.assert(
    fc.property(fc.shuffledSubarray(lines, { minLength: 4 }), fc.shuffledSubarray(later, { minLength: 4 }), (a, b) => {
      expect(factsOf([page(a), page(b)], NOBODY, [200_000, 300_000])).toEqual(expected);
    }),
  );
});

it('gives the complaints about any number of targets', () => {
  const reader = createMetricsReader();
  reader.begin({ name: 'targets.json', reporter: NOBODY, at: null });
  const target = { health: 'down', lastError: 'server returned HTTP status 403 Forbidden', lastScrape: null };
  for (let i = 0; i < 150_000; i++)
    reader.addTarget({ ...target, labels: new Map(Object.entries({ job: 'linkerd-proxy', namespace: 'shop', pod: `web-${i}` })) });
  expect(reader.take()).toHaveLength(150_000);
});
