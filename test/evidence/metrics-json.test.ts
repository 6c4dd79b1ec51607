import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInput } from '../../src/errors.ts';
import { readPrometheusAnswer } from '../../src/evidence/metrics-json.ts';

const FIXTURES = new URL('../fixtures/metrics/', import.meta.url);
const fixture = (name: string) => readFileSync(new URL(name, FIXTURES), 'utf8');
/** The captured answers stand in an envelope of request, status and body. */
const body = (name: string) => JSON.stringify(JSON.parse(fixture(name)).body);
const answer = (data: unknown) => JSON.stringify({ status: 'success', data });

describe('answers that hold series', () => {
  it('reads an instant vector', () => {
    const samples = [...readPrometheusAnswer(fixture('query_deny.json'), 'deny').samples];
    expect(samples.map((s) => s.value)).toEqual([7, 8, 276, 271, 1, 1, 2, 4, 3]);
    expect(samples[0]).toMatchObject({ metric: 'inbound_http_authz_deny_total', at: 1795426398949 });
    expect(samples[0]?.labels.get('__name__')).toBeUndefined();
    expect(samples[0]?.labels.get('pod')).toBe('backend-756f7c997f-2588f');
  });

  it('reads a matrix, each series in order of time', () => {
    const samples = [...readPrometheusAnswer(body('matrix.json'), 'matrix').samples];
    const first = samples.filter((s) => s.labels === samples[0]?.labels);
    expect(first.map((s) => [s.at, s.value]).slice(0, 2)).toEqual([
      [1795425419344, 8],
      [1795425429344, 8],
    ]);
    expect(new Set(samples.map((s) => s.labels)).size).toBeGreaterThan(1);
  });

  it('takes an empty answer for what it is', () => {
    expect([...readPrometheusAnswer(body('empty_vector.json'), 'empty').samples]).toEqual([]);
  });

  it('reads stale markers and infinities, and passes over what is no number', () => {
    const series = { metric: { __name__: 'm' }, values: [[1, 'NaN'], [2, '+Inf'], [3, 'x'], ['4', '4'], [5, 5], 6] };
    const { samples } = readPrometheusAnswer(answer({ resultType: 'matrix', result: [series] }), 'a');
    expect([...samples].map((s) => s.value)).toEqual([Number.NaN, Number.POSITIVE_INFINITY]);
  });

  it('keeps warnings, and counts series without a metric’s name', () => {
    const result = [{ metric: { __name__: 'm' }, value: [1, '1'] }, { metric: { namespace: 'a' }, value: [1, '1'] }, null];
    const text = JSON.stringify({ status: 'success', data: { resultType: 'vector', result }, warnings: ['w'], infos: ['i'] });
    expect(readPrometheusAnswer(text, 'a')).toMatchObject({ warnings: ['w', 'i'], skipped: 2 });
  });

  it('takes hostile label names for names', () => {
    const text =
      '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"m","__proto__":"x"},"value":[1,"1"]}]}}';
    const [sample] = readPrometheusAnswer(text, 'a').samples;
    expect([...(sample?.labels ?? [])]).toEqual([['__proto__', 'x']]);
  });
});

it('reads the health of scrape targets, with Prometheus’ reason', () => {
  const { targets } = readPrometheusAnswer(fixture('targets.json'), 'targets');
  const down = targets.filter((t) => t.health === 'down');
  expect(down.length).toBeGreaterThan(0);
  expect(down[0]?.lastError).toBe('server returned HTTP status 403 Forbidden');
  expect(down[0]?.labels.get('namespace')).toBe('production');
});

describe('answers that hold none', () => {
  it.each([
    ['a refused query', () => body('error_bad_query.json'), /refused the query, bad_data: invalid parameter "query"/],
    ['a scalar', () => body('scalar.json'), /is a scalar/],
    ['a string', () => body('string.json'), /is a string/],
    ['a sum without names', () => answer({ resultType: 'vector', result: [{ metric: {}, value: [1, '1'] }] }), /names its metric/],
    ['another endpoint', () => answer({ groups: [] }), /of another kind/],
    ['label values', () => answer(['a', 'b']), /of another kind/],
    ['no answer of Prometheus', () => '{"kind":"List","items":[]}', /it has no status/],
    ['a list', () => '[1]', /it has no status/],
    ['half an answer', () => fixture('query_deny.json').slice(0, 500), /cut off/],
    ['no JSON', () => '{"status": success}', /not valid JSON/],
  ])('are refused with what to do: %s', (_, text, message) => {
    expect(() => readPrometheusAnswer(text(), 'answer.json')).toThrow(message);
    try {
      readPrometheusAnswer(text(), 'answer.json');
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidInput);
      expect((error as InvalidInput).place).toEqual({ file: 'answer.json' });
      expect((error as InvalidInput).remedy).toContain('/api/v1/query');
    }
  });

  it('never fail with anything but InvalidInput', () => {
    const data = fc.record({ status: fc.constant('success'), data: fc.jsonValue() });
    const series = fc.record({
      status: fc.constantFrom('success', 'error'),
      data: fc.record({ resultType: fc.constantFrom('vector', 'matrix'), result: fc.array(fc.jsonValue()) }),
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          data.map((d) => JSON.stringify(d)),
          series.map((s) => JSON.stringify(s)),
        ),
        (text) => {
          try {
            for (const sample of readPrometheusAnswer(text, 'a').samples) expect(sample.metric).toBeTypeOf('string');
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidInput);
          }
        },
      ),
    );
  });
});
