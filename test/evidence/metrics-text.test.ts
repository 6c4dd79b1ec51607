import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInput } from '../../src/errors.ts';
import type { Sample } from '../../src/evidence/metrics-sample.ts';
import { createMetricsText, readMetricsLine } from '../../src/evidence/metrics-text.ts';

const WANTED = new Set(['a_total']);

function sampleOf(line: string): Sample {
  const read = readMetricsLine(line, WANTED);
  if (typeof read === 'string') throw new Error(`${read}: ${line}`);
  return read;
}

function readAll(chunks: readonly string[]): { samples: Sample[]; stats: ReturnType<typeof createMetricsText>['stats'] } {
  const samples: Sample[] = [];
  const text = createMetricsText('page', WANTED, (s) => samples.push(s));
  for (const chunk of chunks) text.push(chunk);
  text.end();
  return { samples, stats: text.stats };
}

describe('one line', () => {
  const good: [what: string, line: string, labels: Record<string, string>, value: number, at: number | null][] = [
    ['no labels', 'a_total 3', {}, 3, null],
    ['an empty label list', 'a_total{} 3', {}, 3, null],
    ['labels, one of them empty', 'a_total{x="1",y=""} 3', { x: '1', y: '' }, 3, null],
    ['a comma after the last label', 'a_total{x="1",} 3', { x: '1' }, 3, null],
    ['spaces and tabs where the format allows them', '  a_total { x = "1" } 3'.replace(' = ', '='), { x: '1' }, 3, null],
    ['an exponent', 'a_total 1.7e+09', {}, 1.7e9, null],
    ['OpenMetrics seconds', 'a_total 3 1795425608.492', {}, 3, 1795425608492],
    ['exposition milliseconds', 'a_total 3 1795425608492', {}, 3, 1795425608492],
    ['an exemplar', 'a_total{x="1"} 3 1795425608 # {trace="} 9"} 0.5 1795425607', { x: '1' }, 3, 1795425608000],
    ['escapes', String.raw`a_total{x="a\"b\\c\nd\q"} 3`, { x: 'a"b\\c\nd\\q' }, 3, null],
    ['a quote the proxy left unescaped', 'a_total{x="a"b",y="2"} 3', { x: 'a"b', y: '2' }, 3, null],
    ['braces and spaces in a value', 'a_total{x="} 9 {",y="2"} 3', { x: '} 9 {', y: '2' }, 3, null],
    ['a carriage return before the line feed', 'a_total{x="1"} 3\r', { x: '1' }, 3, null],
  ];
  it.each(good)('reads %s', (_, line, labels, value, at) => {
    const sample = sampleOf(line);
    expect({ ...sample, labels: Object.fromEntries(sample.labels) }).toEqual({ metric: 'a_total', labels, value, at });
  });

  it('reads the values that are no numbers', () => {
    expect(sampleOf('a_total NaN').value).toBeNaN();
    expect(sampleOf('a_total +Inf').value).toBe(Number.POSITIVE_INFINITY);
    expect(sampleOf('a_total -Inf').value).toBe(Number.NEGATIVE_INFINITY);
  });

  it.each([
    ['nothing', ''],
    ['nothing', '   '],
    ['nothing', '# HELP a_total Anything at all'],
    ['eof', '# EOF'],
    ['unwanted', 'b_total{x="1"} 3'],
    ['unwanted', 'b_total 3'],
    ['malformed', 'a_total'],
    ['malformed', 'a_total{x="1"}'],
    ['malformed', 'a_total{x="1" 3'],
    ['malformed', 'a_total{x=1} 3'],
    ['malformed', 'a_total{x="1"} three'],
    ['malformed', 'a_total{x="1"} 3 4 5'],
    ['malformed', '<html><body>403 Forbidden</body></html>'],
    ['malformed', 'upstream connect error'],
    ['malformed', '{"status":"success"}'],
  ] as const)('calls it %s: %s', (outcome, line) => {
    expect(readMetricsLine(line, WANTED)).toBe(outcome);
  });

  it('refuses a line whose SNI forges a label that stands before it', () => {
    const sni = 'x",tls="true",client_id="admin';
    expect(readMetricsLine(`a_total{tls="opaque",sni="${sni}"} 1`, WANTED)).toBe('malformed');
  });
});

describe('a whole text', () => {
  it('is the same however it is cut into chunks', () => {
    const text = '# TYPE a counter\na_total{x="1"} 3 100\na_total{x="2"} 4 100\nb 1\n# EOF\n';
    const whole = readAll([text]);
    expect(whole.samples).toHaveLength(2);
    expect(whole.stats).toEqual({ samples: 3, malformed: 0, malformedLines: [], complete: true });
    for (let cut = 0; cut <= text.length; cut++) expect(readAll([text.slice(0, cut), text.slice(cut)])).toEqual(whole);
    expect(readAll([...text])).toEqual(whole);
  });

  it('does not believe a last line that was cut off, since its value may be', () => {
    const { samples, stats } = readAll(['a_total 3\na_total{x="1"} 54']);
    expect(samples.map((s) => s.value)).toEqual([3]);
    expect(stats).toMatchObject({ malformed: 1, malformedLines: [2], complete: false });
  });

  it('passes over a line of megabytes without holding it', () => {
    const { samples, stats } = readAll(['a_total{x="', ...new Array<string>(200).fill('y'.repeat(50_000)), '"} 1\n', 'a_total 2\n']);
    expect(samples.map((s) => s.value)).toEqual([2]);
    expect(stats).toMatchObject({ samples: 1, malformed: 1, malformedLines: [1] });
  });

  it.each([
    ['an empty text', ''],
    ['a page of HTML', '<html>\n<body>403 Forbidden</body>\n</html>\n'],
    ['comments alone', '# HELP a b\n# EOF\n'],
  ])('says that %s holds no metrics, and what to do', (_, text) => {
    expect(() => readAll([text])).toThrow(InvalidInput);
    expect(() => readAll([text])).toThrow(/^page (is empty|holds no metrics)/);
  });

  it('never throws anything but InvalidInput, whatever the bytes', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((s) => `a_total{x="${s}"} 1`),
      fc.constantFrom('a_total{', 'a_total{x="', 'a_total{x="1",,} 3', '# EOF', 'a_total 1', '\\', '"', '{}'),
    );
    fc.assert(
      fc.property(fc.array(line), fc.nat(40), (lines, cut) => {
        const text = lines.join('\n');
        try {
          readAll([text.slice(0, cut), text.slice(cut)]);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInput);
        }
      }),
    );
  });

  it('reads back any label value that was escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (x, y) => {
        const quoted = (v: string) => v.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
        const { labels } = sampleOf(`a_total{x="${quoted(x)}",y="${quoted(y)}"} 1`);
        expect([labels.get('x'), labels.get('y')]).toEqual([x, y]);
      }),
    );
  });

  it('takes time in proportion to the text', () => {
    const hostile = [
      `a_total{x="${'"'.repeat(60_000)}`,
      `a_total{x="${'\\'.repeat(60_000)}`,
      `a_total{x="${'\\"'.repeat(30_000)}`,
      `a_total{x="${'" '.repeat(30_000)}`,
      `a_total ${' '.repeat(60_000)}x`,
      `a_total{${'x="1",'.repeat(10_000)}`,
    ];
    for (const line of hostile) {
      const started = performance.now();
      expect(readMetricsLine(line, WANTED)).toBe('malformed');
      expect(performance.now() - started).toBeLessThan(500);
    }
  });
});
