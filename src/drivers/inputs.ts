/** Files and stdin, unpacked and bounded. */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { InvalidInput } from '../errors.ts';
import type { Inputs } from '../ports.ts';

export interface InputLimits {
  /** Bytes of one text, unpacked. */
  readonly maxTextBytes: number;
  /** Gzip that unpacks to more than `suspectBytes` must not grow more than `maxRatio` times. */
  readonly suspectBytes: number;
  readonly maxRatio: number;
}

/** A dump of 20,000 pods has 150 MB. Logs of one repeated line pack 1:250; gzip cannot exceed 1:1032. */
const LIMITS: InputLimits = { maxTextBytes: 384 * 2 ** 20, suspectBytes: 64 * 2 ** 20, maxRatio: 500 };

export function createInputs(options: { readonly stdin: Readable; readonly limits?: InputLimits }): Inputs {
  const { stdin, limits = LIMITS } = options;
  let isStdinTaken = false;
  const bytes = (path: string): AsyncIterable<Uint8Array> => {
    if (path !== '-') return unpacked(fileBytes(path), path, limits);
    if (isStdinTaken)
      throw new InvalidInput('stdin can be read only once.', 'Give - to one option, and a file to the other.', { file: 'stdin' });
    isStdinTaken = true;
    return unpacked(bytesOf(stdin), 'stdin', limits);
  };
  return {
    open: bytes,
    text: async (path) => {
      const file = path === '-' ? 'stdin' : path;
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of bytes(path)) {
        size += chunk.byteLength;
        if (size > limits.maxTextBytes) throw tooLarge(file, limits.maxTextBytes);
        chunks.push(chunk);
      }
      return decode(Buffer.concat(chunks), file);
    },
  };
}

/** A stream with an encoding set gives text. */
async function* bytesOf(stream: AsyncIterable<string | Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 64 * 1024 }) as AsyncIterable<Buffer>;
  } catch (error) {
    throw fileFault(error, path);
  }
}

function fileFault(error: unknown, file: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : null;
  if (code === null) return error;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new InvalidInput('There is no such file.', 'Look for a slip in the name; it is taken from the current directory.', { file });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new InvalidInput('This file may not be read.', 'Give yourself the permission, or run as someone who has it.', { file });
  }
  if (code === 'EISDIR') return new InvalidInput('This is a directory.', 'Name a file in it.', { file });
  return new InvalidInput(`This file cannot be read (${code}).`, 'See whether cat FILE can read it.', { file });
}

async function* unpacked(source: AsyncIterable<Uint8Array>, file: string, limits: InputLimits): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  let head = new Uint8Array();
  let isDone = false;
  while (head.byteLength < 2 && !isDone) {
    const next = await chunks.next();
    isDone = next.done === true;
    if (next.done !== true) head = head.byteLength === 0 ? new Uint8Array(next.value) : Buffer.concat([head, next.value]);
  }
  const rest = async function* () {
    try {
      if (head.byteLength > 0) yield head;
      for (let next = isDone ? null : await chunks.next(); next !== null && next.done !== true; next = await chunks.next())
        yield next.value;
    } finally {
      await chunks.return?.();
    }
  };
  if (head[0] === 0x1f && head[1] === 0x8b) yield* gunzip(rest(), file, limits);
  else yield* rest();
}

async function* gunzip(source: AsyncIterable<Uint8Array>, file: string, limits: InputLimits): AsyncGenerator<Uint8Array> {
  let packed = 0;
  const counted = async function* () {
    for await (const chunk of source) {
      packed += chunk.byteLength;
      yield chunk;
    }
  };
  const packedStream = Readable.from(counted(), { objectMode: false });
  const stream = packedStream.pipe(createGunzip());
  packedStream.on('error', (error) => stream.destroy(error));
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > limits.suspectBytes && size > packed * limits.maxRatio) {
        throw new InvalidInput(
          `This gzip file unpacks to more than ${limits.maxRatio} times its size: it is made to exhaust its reader.`,
          'If it is meant to be so, unpack it first and give the file.',
          { file },
        );
      }
      yield chunk;
    }
  } catch (error) {
    throw gzipFault(error, file);
  } finally {
    packedStream.destroy();
  }
}

function gzipFault(error: unknown, file: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!code.startsWith('Z_')) return error;
  const what = code === 'Z_BUF_ERROR' ? 'This gzip file ends too early.' : 'This gzip file is broken.';
  return new InvalidInput(what, 'Copy or pack it again; gzip -t FILE tells whether it is whole.', { file });
}

function tooLarge(file: string, maxBytes: number): InvalidInput {
  return new InvalidInput(
    `This is more than ${Math.floor(maxBytes / 2 ** 20)} MB.`,
    'Write down less of the cluster: single namespaces (-n), or fewer kinds.',
    { file },
  );
}

function decode(bytes: Buffer, file: string): string {
  const [a, b] = bytes;
  // What `>` writes in Windows PowerShell.
  if (a === 0xff && b === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (a === 0xfe && b === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  const text = new TextDecoder().decode(bytes);
  if (isUtf8(bytes)) return text;
  const before = text.slice(0, text.indexOf('\ufffd')).split('\n');
  throw new InvalidInput('This is not UTF-8 text.', 'Write it again as UTF-8; a log, a picture or a packed file has no place here.', {
    file,
    line: before.length,
    column: (before.at(-1)?.length ?? 0) + 1,
  });
}
