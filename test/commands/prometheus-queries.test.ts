/** What Prometheus is asked: always PromQL, always whole proxies, never more than can be held, and each proxy once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertPromql, type Matcher } from '../../src/alerting/promql.ts';
import { jobsQuery, queriesOf, type Slice, sizeQuery, sliceOf, slicesFor } from '../../src/commands/prometheus-queries.ts';

const size = (namespace: string, value: number) => ({ labels: new Map(namespace === '' ? [] : [['namespace', namespace]]), value });
const LIMITS = { each: 1000, all: 100_000 };

/** As Prometheus matches: whole values. */
const matches = (slice: Slice, labels: Readonly<Record<string, string>>) =>
  slice.every(({ label, operator, value }: Matcher) => {
    const own = labels[label] ?? '';
    const isMatch = operator === '=' || operator === '!=' ? own === value : new RegExp(`^(?:${value})$`).test(own);
    return isMatch === (operator === '=' || operator === '=~');
  });

const hostile = fc.string({ unit: 'binary', maxLength: 20 });

describe('every query', () => {
  it('parses as PromQL, whatever the labels of an alert or the names of namespaces and jobs are', () => {
    fc.assert(
      fc.property(hostile, hostile, fc.array(hostile, { maxLength: 3 }), fc.constantFrom(null, 75), (namespace, name, jobs, window) => {
        const slice = sliceOf({ namespace, workload: { kind: 'Deployment', name } });
        const sliced = slicesFor([size(namespace, 5000), size(name, 10)], LIMITS).slices;
        for (const one of [slice ?? [], ...sliced])
          for (const scope of ['denied', 'allowed'] as const) for (const query of queriesOf(scope, one, jobs, window)) assertPromql(query);
      }),
      { numRuns: 50 },
    );
    for (const query of [jobsQuery(), sizeQuery('denied'), sizeQuery('allowed')]) assertPromql(query);
  });

  it('of the deny counters asks for all of them, audit hits and the proxies themselves', () => {
    expect(queriesOf('denied', [], ['my/job+1'], 75)).toMatchInlineSnapshot(`
      [
        "{__name__=~"inbound_http_authz_deny_total|inbound_tcp_authz_deny_total|inbound_tcp_authz_terminate_total|inbound_http_route_not_found_total|inbound_http_local_ratelimit_total|inbound_tcp_errors_total|inbound_http_errors_total"}[75s]",
        "{__name__=~"inbound_http_authz_allow_total|inbound_tcp_authz_allow_total",authz_kind="default",authz_name="audit"}[75s]",
        "{__name__=~"up|process_start_time_seconds",job=~"(.+/)?linkerd-proxy|my/job\\\\+1"}[75s]",
      ]
    `);
  });

  it('of the allow counters asks for the last sample only', () => {
    expect(queriesOf('allowed', [], [], null)).toMatchInlineSnapshot(`
      [
        "{__name__=~"inbound_http_authz_allow_total|inbound_tcp_authz_allow_total"}",
        "{__name__=~"up|process_start_time_seconds",job=~"(.+/)?linkerd-proxy"}",
      ]
    `);
  });
});

describe('slices', () => {
  it('hold each pod exactly once, and no more series than one answer may have', () => {
    const pods = fc.record({
      namespace: fc.constantFrom('', 'shop', 'pay', 'a.b', 'x|y', 'ops'),
      pod: fc.string({ unit: fc.constantFrom(...'abz09-'), minLength: 1, maxLength: 8 }),
      series: fc.integer({ min: 0, max: 700 }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(pods, { selector: ({ namespace, pod }) => `${namespace}/${pod}`, maxLength: 40 }), (all) => {
        const sizes = [...Map.groupBy(all, ({ namespace }) => namespace)].map(([name, some]) =>
          size(
            name,
            some.reduce((sum, { series }) => sum + series, 0),
          ),
        );
        const { slices, left } = slicesFor(sizes, LIMITS);
        expect(left).toEqual([]);
        for (const { namespace, pod } of all) {
          const labels: Readonly<Record<string, string>> = { ...(namespace === '' ? {} : { namespace }), pod };
          expect(slices.filter((slice) => matches(slice, labels))).toHaveLength(1);
        }
      }),
    );
  });

  it('are as many as it takes', () => {
    const endings = slicesFor([size('big', 10_000)], LIMITS).slices;
    expect(endings).toHaveLength(13);
    expect(endings.at(-1)).toEqual([
      { label: 'namespace', operator: '=', value: 'big' },
      { label: 'pod', operator: '!~', value: '.*[0123456789abcdefghijklmnopqrstuvwxyz]' },
    ]);
    expect(slicesFor([size('a', 400), size('b', 400), size('c', 400)], LIMITS).slices).toHaveLength(2);
  });

  it('leave out whole namespaces beyond the limit, the largest first', () => {
    const { slices, left } = slicesFor([size('big', 99_500), size('a', 400), size('b', 200)], LIMITS);
    expect(left).toEqual(['big']);
    expect(slices).toEqual([[{ label: 'namespace', operator: '=~', value: 'b|a' }]]);
  });

  it('are none where nothing is', () => {
    expect(slicesFor([], LIMITS)).toEqual({ slices: [], left: [] });
  });
});

it.each([
  [
    { namespace: 'shop', workload: { kind: 'StatefulSet', name: 'db' }, server: { group: '', kind: 'server', name: 's' } },
    { namespace: 'shop', statefulset: 'db' },
  ],
  [{ namespace: 'shop', workload: { kind: 'Rollout', name: 'db' } }, { namespace: 'shop' }],
  [{ workload: { kind: 'Deployment', name: 'db' } }, null],
])('an alert that selects %j is about whole targets', (selection, expected) => {
  const slice = sliceOf(selection);
  expect(slice === null ? null : Object.fromEntries(slice.map(({ label, value }) => [label, value]))).toEqual(expected);
});
