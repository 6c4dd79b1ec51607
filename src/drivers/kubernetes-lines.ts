/** Lines of a body as they come, and whole bodies, both bounded. */
import type { Readable } from 'node:stream';
import { Unavailable } from '../errors.ts';

/** Errors: Unavailable (a line of more than `most` bytes), and what the stream fails with. What stands behind the last line feed is no line. */
export async function* linesOf(body: Readable, most: number, place: string): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let held = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...parts, chunk.subarray(from, end)]).toString('utf8');
      [parts, held, from] = [[], 0, end + 1];
      if (line !== '') yield line;
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    held += chunk.length - from;
    if (held > most) throw tooLarge(place, most);
  }
}

/** Errors: Unavailable (more than `most` bytes), and what the stream fails with. */
export async function textOf(body: Readable, most: number, place: string): Promise<string> {
  const chunks: Buffer[] = [];
  let held = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    held += chunk.length;
    if (held > most) throw tooLarge(place, most);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLarge(place: string, most: number): Unavailable {
  return new Unavailable(
    `${place} sent more than ${Math.floor(most / 2 ** 20)} MiB at once.`,
    'Is it an API server? Objects there are much smaller.',
  );
}
