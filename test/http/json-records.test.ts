import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OVERSIZED_MARK } from '../../src/evidence/log-lines.ts';
import { createRecordSplitter } from '../../src/http/json-records.ts';

function split(text: string, cuts: readonly number[] = []): readonly string[] {
  const bytes = Buffer.from(text);
  const splitter = createRecordSplitter();
  const out: string[] = [];
  const ends = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  let from = 0;
  for (const end of ends) {
    out.push(...splitter.push(bytes.subarray(from, end)));
    from = end;
  }
  return [...out, ...splitter.flush()].flatMap((block) => block.split('\n'));
}

describe('records of a body', () => {
  it('are the elements of an array of any objects, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue())),
        fc.array(fc.nat(2000), { maxLength: 20 }),
        fc.constantFrom(0, 2),
        (objects, cuts, indent) => {
          expect(split(JSON.stringify(objects, null, indent), cuts).map((text) => JSON.parse(text))).toEqual(
            JSON.parse(JSON.stringify(objects)),
          );
        },
      ),
    );
  });

  it('are the lines of anything else, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ unit: 'grapheme' }).filter((s) => !/[\n\ufeff]/.test(s)),
          { minLength: 1 },
        ),
        fc.array(fc.nat(2000), { maxLength: 20 }),
        (lines, cuts) => {
          const text = `x${lines.join('\n')}`;
          expect(split(text, cuts)).toEqual(text.replace(/\n$/, '').split('\n'));
        },
      ),
    );
  });

  it.each([
    ['[     0.1s] INFO a plain line', ['[     0.1s] INFO a plain line']],
    ['[pod/a/linkerd-proxy] x\n[pod/b/linkerd-proxy] y\n', ['[pod/a/linkerd-proxy] x', '[pod/b/linkerd-proxy] y']],
    ['{"a":1}\n{"b":2}', ['{"a":1}', '{"b":2}']],
    ['', []],
    ['[]', []],
    ['[', ['[']],
    ['[{"a":"}]\\"{"},{"b":[{}]}', ['{"a":"}]\\"{"}', '{"b":[{}]}']],
    ['[{"a":1},{"cut', ['{"a":1}', '{"cut']],
    ['\ufeff[{"a":1}]', ['{"a":1}']],
  ])('%j', (text, expected) => {
    expect(split(text)).toEqual(expected);
  });

  it('that are too long keep their head alone', () => {
    const [record, ...more] = split(`[{"a":"${'x'.repeat(9 * 2 ** 20)}"},{"b":1}]`, [100, 5_000_000]);
    expect([record?.startsWith(`${OVERSIZED_MARK}{"a":"xxx`), (record?.length ?? 0) < 500, more]).toEqual([true, true, ['{"b":1}']]);
  });
});
