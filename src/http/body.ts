/** Request bodies as streams: unpacked, bounded in bytes and in time. */

import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Request, Response } from 'express';
import { Problem, unavailable } from './problem.ts';

export interface BodyLimits {
  /** Most bytes as sent. */
  readonly body: number;
  /** Most bytes once unpacked. */
  readonly unpacked: number;
  /** Milliseconds from the first byte to the last. */
  readonly bodyTime: number;
}

/** How much of all bodies together may be in memory. */
export interface Budget {
  /** Errors: Problem 503, when there is no room now. */
  take(bytes: number): void;
  give(bytes: number): void;
}

export function createBudget(most: number): Budget {
  let held = 0;
  return {
    take(bytes) {
      if (held + bytes > most) throw unavailable('Too many bodies are being read at this moment.', 'Send it again after a pause.');
      held += bytes;
    },
    give(bytes) {
      held -= bytes;
    },
  };
}

/** Requests whose sender waits for `100 Continue`. */
const expecting = new WeakSet<object>();

/** The sender of this request sends the body when it is told to. */
export function expectContinue(request: object): void {
  expecting.add(request);
}

/**
 * The body, unpacked. Errors: Problem 400 (broken gzip), 408, 413, 415 (another encoding); the request's own when its sender went away.
 */
export async function* readBody(request: Request, response: Response, limits: BodyLimits): AsyncGenerator<Uint8Array> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const isPacked = encoding === 'gzip' || encoding === 'x-gzip';
  if (!isPacked && encoding !== 'identity')
    throw new Problem(415, 'This encoding of the body is not read here.', 'Send it plain, or with Content-Encoding: gzip.', {
      'Accept-Encoding': 'gzip',
    });
  if (Number(request.headers['content-length'] ?? 0) > limits.body) throw tooLarge(limits.body, 'sent');
  if (expecting.has(request)) response.writeContinue();
  const sent = bounded(request.iterator({ destroyOnReturn: false }), limits.body, 'sent');
  if (isPacked) yield* inTime(bounded(unpack(sent), limits.unpacked, 'unpacked'), limits.bodyTime);
  else yield* inTime(sent, limits.bodyTime);
}

async function* bounded(chunks: AsyncIterable<Uint8Array>, most: number, what: 'sent' | 'unpacked'): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    if (size > most) throw tooLarge(most, what);
    yield chunk;
  }
}

function tooLarge(most: number, what: 'sent' | 'unpacked'): Problem {
  const size = most >= 2 ** 20 ? `${Math.floor(most / 2 ** 20)} MiB` : `${most} bytes`;
  const limit = what === 'sent' ? 'limits.body' : 'limits.unpacked';
  const message = what === 'sent' ? `This body is larger than ${size}.` : `This body unpacks to more than ${size}.`;
  return new Problem(413, message, `Send it in smaller parts, or raise ${limit}.`);
}

async function* unpack(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = Readable.from(packed, { objectMode: false });
  const gunzip = source.pipe(createGunzip());
  source.on('error', (error) => gunzip.destroy(error));
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!code.startsWith('Z_')) throw error;
    const what = code === 'Z_BUF_ERROR' ? 'ends too early' : 'is broken';
    throw new Problem(400, `The gzip of this body ${what}.`, 'Pack it again and send it whole.');
  } finally {
    source.destroy();
  }
}

/** The same chunks, if all of them come in time. */
async function* inTime(chunks: AsyncGenerator<Uint8Array>, milliseconds: number): AsyncGenerator<Uint8Array> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooSlow(milliseconds)), milliseconds);
  });
  late.catch(() => {});
  try {
    for (let next = await Promise.race([chunks.next(), late]); next.done !== true; next = await Promise.race([chunks.next(), late]))
      yield next.value;
  } finally {
    clearTimeout(timer);
  }
}

function tooSlow(milliseconds: number): Problem {
  const message = `This body took longer than ${milliseconds / 1000} s.`;
  return new Problem(408, message, 'Send it faster or in smaller parts, or raise limits.bodyTime.');
}

/** Hands the whole body to `use`, and keeps it in the budget until that is done. */
export async function withWholeBody<T>(
  chunks: AsyncIterable<Uint8Array>,
  budget: Budget,
  use: (body: Buffer) => T | Promise<T>,
): Promise<T> {
  const held: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of chunks) {
      budget.take(chunk.byteLength);
      size += chunk.byteLength;
      held.push(chunk);
    }
    return await use(Buffer.concat(held));
  } finally {
    budget.give(size);
  }
}

/** Errors: Problem 400. */
export function parseJson(body: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new Problem(400, 'This body is not UTF-8.', 'Send JSON as UTF-8.');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(
      400,
      text.trim() === '' ? 'This body is empty.' : 'This body is not JSON.',
      'Send one JSON value; it may have been cut off.',
    );
  }
}

/** The media type without its parameters, in lower case; empty where there is none. */
function mediaType(request: Request): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Errors: Problem 415. */
export function requireMediaType(request: Request, accepted: readonly string[]): void {
  const type = mediaType(request);
  if (accepted.includes(type)) return;
  const what = type === '' ? 'This body does not say what it is.' : 'A body of this type is not read here.';
  throw new Problem(415, what, `Send Content-Type: ${accepted.join(', or ')}.`, { Accept: accepted.join(', ') });
}
