import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { createInputs } from '../../src/drivers/inputs.ts';
import { InvalidInput } from '../../src/errors.ts';

const directory = mkdtempSync(join(tmpdir(), 'denywhy-inputs-'));
afterAll(() => rmSync(directory, { recursive: true }));

const nothing = () => Readable.from([]);
const inputsOf = (stdin: Readable = nothing()) => createInputs({ stdin });

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

async function faultOf(work: Promise<unknown>) {
  const error = await work.then(
    () => new Error('was read without a complaint'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof InvalidInput)) throw error;
  return { message: error.message, place: error.place };
}

describe('text', () => {
  const TEXT = 'kind: Pod # ä 漢字 🙂\n';
  const utf16 = (mark: number[], bytes: Buffer) => Buffer.concat([Buffer.from(mark), bytes]);
  test.each([
    ['UTF-8', Buffer.from(TEXT)],
    ['UTF-8 with its mark', Buffer.from(`\ufeff${TEXT}`)],
    ['UTF-16 as Windows PowerShell writes it', utf16([0xff, 0xfe], Buffer.from(TEXT, 'utf16le'))],
    ['UTF-16 of the other order', utf16([0xfe, 0xff], Buffer.from(TEXT, 'utf16le').swap16())],
    ['gzip', gzipSync(TEXT)],
    ['gzip in several members', Buffer.concat([gzipSync('kind: '), gzipSync(TEXT.slice(6))])],
  ])('of a file in %s', async (name, bytes) => {
    expect(await inputsOf().text(file(name.replaceAll(' ', '-'), bytes))).toBe(TEXT);
  });

  test.each(['', 'x', 'xy'])('of stdin that holds %j, whatever its chunks', async (content) => {
    expect(await inputsOf(Readable.from([...content].map((c) => Buffer.from(c)))).text('-')).toBe(content);
    const packed = [...gzipSync(content)].map((byte) => Buffer.from([byte]));
    expect(await inputsOf(Readable.from(packed)).text('-')).toBe(content);
  });

  test('of bytes that are no UTF-8 is refused, and says where', async () => {
    const path = file('latin1.yaml', Buffer.from('kind: Pod\nname: b\xe4r\n', 'latin1'));
    expect(await faultOf(inputsOf().text(path))).toEqual({ message: 'This is not UTF-8 text.', place: { file: path, line: 2, column: 8 } });
  });

  test('of a file that is too large is refused', async () => {
    const limits = { maxTextBytes: 2 ** 20, suspectBytes: 2 ** 30, maxRatio: 500 };
    const path = file('large.yaml', 'x'.repeat(2 ** 20 + 1));
    expect(await faultOf(createInputs({ stdin: nothing(), limits }).text(path))).toEqual({
      message: 'This is more than 1 MB.',
      place: { file: path },
    });
  });
});

describe('files', () => {
  test('that are absent', async () => {
    const path = join(directory, 'absent.yaml');
    expect(await faultOf(inputsOf().text(path))).toEqual({ message: 'There is no such file.', place: { file: path } });
  });

  test('below what is no directory, and of names that cannot be', async () => {
    const path = join(file('plain.yaml', 'x'), 'below');
    expect(await faultOf(inputsOf().text(path))).toEqual({ message: 'There is no such file.', place: { file: path } });
    expect(await faultOf(inputsOf().text('a\0b'))).toMatchObject({ message: 'This file cannot be read (ERR_INVALID_ARG_VALUE).' });
  });

  test('that are directories', async () => {
    expect(await faultOf(inputsOf().text(directory))).toEqual({ message: 'This is a directory.', place: { file: directory } });
  });

  test.skipIf(process.getuid?.() === 0)('that may not be read (skipped: root may read everything)', async () => {
    const path = file('secret.yaml', 'x');
    chmodSync(path, 0);
    expect(await faultOf(inputsOf().text(path))).toEqual({ message: 'This file may not be read.', place: { file: path } });
  });

  test('stdin can be read once', async () => {
    const inputs = inputsOf(Readable.from(['x']));
    await inputs.text('-');
    expect(await faultOf(inputs.text('-'))).toEqual({ message: 'stdin can be read only once.', place: { file: 'stdin' } });
  });
});

describe('gzip', () => {
  test('that is cut off', async () => {
    const packed = gzipSync(Array.from({ length: 5000 }, (_, i) => `line ${i * 7919}\n`).join(''));
    const path = file('cut.gz', packed.subarray(0, packed.length / 2));
    expect(await faultOf(inputsOf().text(path))).toEqual({ message: 'This gzip file ends too early.', place: { file: path } });
  });

  test('that is broken', async () => {
    const path = file('broken.gz', Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 255, 255, 255, 255]));
    expect(await faultOf(inputsOf().text(path))).toEqual({ message: 'This gzip file is broken.', place: { file: path } });
  });

  test('that is a bomb is refused long before it is unpacked, as a stream too', async () => {
    const path = file('bomb.gz', gzipSync(Buffer.alloc(200 * 2 ** 20)));
    const message = 'This gzip file unpacks to more than 500 times its size: it is made to exhaust its reader.';
    expect(await faultOf(inputsOf().text(path))).toEqual({ message, place: { file: path } });
    let size = 0;
    const read = async () => {
      for await (const chunk of inputsOf().open(path)) size += chunk.byteLength;
    };
    expect(await faultOf(read())).toEqual({ message, place: { file: path } });
    expect(size).toBeLessThan(66 * 2 ** 20);
  });

  test('of repeated log lines is no bomb', async () => {
    const lines = 'WARN ThreadId(01) inbound: Request denied client.ip=10.42.0.14\n'.repeat(200_000);
    expect((await inputsOf().text(file('log.gz', gzipSync(lines)))).length).toBe(lines.length);
  });
});

test('a stream may be left early', async () => {
  const path = file('long.log.gz', gzipSync(Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`).join('')));
  for await (const chunk of inputsOf().open(path)) {
    expect(chunk.byteLength).toBeGreaterThan(0);
    break;
  }
});
