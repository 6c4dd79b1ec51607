import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBlockSplitter, OVERSIZED_MARK, readLines } from '../../src/evidence/log-lines.ts';

const utf8 = new TextEncoder();

function split(chunks: readonly Uint8Array[]): string[] {
  const splitter = createBlockSplitter();
  const blocks = [...chunks.flatMap((chunk) => [...splitter.push(chunk)]), ...splitter.flush()];
  return blocks.flatMap((block) => block.split('\n'));
}

describe('lines of a byte stream', () => {
  it('are those of the whole text, wherever it was cut', () => {
    const texts = fc.array(fc.constantFrom('', 'a', 'é', '漢字', '😀', '\r', '\ufeff'), { maxLength: 30 });
    fc.assert(
      fc.property(texts, fc.array(fc.nat(40), { maxLength: 6 }), fc.boolean(), (lines, cuts, ends) => {
        const text = lines.join('\n') + (ends ? '\n' : '');
        const bytes = utf8.encode(text);
        const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        const expected = text.endsWith('\n') ? text.slice(0, -1).split('\n') : text === '' ? [] : text.split('\n');
        expect(split(chunks)).toEqual(expected);
      }),
    );
  });

  it('survive the reuse of the buffer they came in', () => {
    const splitter = createBlockSplitter();
    const buffer = Buffer.from('one\ntw');
    expect(splitter.push(buffer)).toEqual(['one']);
    buffer.fill('x');
    expect(splitter.push(utf8.encode('o\n'))).toEqual(['two']);
  });

  it('with invalid UTF-8 carry replacement characters', () => {
    expect(split([Uint8Array.of(0x61, 0xff, 0xfe, 0x62, 10, 0xc3)])).toEqual(['a\ufffd\ufffdb', '\ufffd']);
  });

  it('longer than 8 MiB are cut to their marked head, and held in no more memory than that', () => {
    const splitter = createBlockSplitter();
    const chunk = new Uint8Array(1024 * 1024).fill(0x61);
    for (let i = 0; i < 64; i++) expect(splitter.push(chunk)).toEqual([]);
    const [line, next] = splitter.push(utf8.encode('end\nnext\nlast\n'));
    expect(line?.startsWith(`${OVERSIZED_MARK}aaa`)).toBe(true);
    expect(line?.length).toBeLessThan(1000);
    expect(next).toBe('next\nlast');
  });

  it('come in batches from a stream', async () => {
    async function* chunks() {
      yield utf8.encode('one\ntwo\nth');
      yield utf8.encode('ree');
    }
    const batches: (readonly string[])[] = [];
    for await (const batch of readLines(chunks())) batches.push(batch);
    expect(batches).toEqual([['one', 'two'], ['three']]);
  });
});
