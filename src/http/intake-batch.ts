/** What all kinds of intake share: idempotency, and an answer only for what is on disk. */
import type { Request } from 'express';
import { hashId } from '../triage/incident.ts';
import type { Accepted, Batch } from '../triage/intake.ts';
import type { Sender } from './auth.ts';
import type { Shared } from './options.ts';
import { Problem, unavailable } from './problem.ts';

export const IDEMPOTENCY_HEADER = { 'Idempotency-Key': 'A body sent again with the same key, by the same sender, counts once.' } as const;

const LONGEST_KEY = 255;

/** The key that the sender gives, made the sender's own; null: none. Errors: Problem 400. */
export function batchKey(request: Request, sender: Sender, source: string): string | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || key === '' || key.length > LONGEST_KEY)
    throw new Problem(400, 'This Idempotency-Key is empty or too long.', `Give one of at most ${LONGEST_KEY} characters.`);
  return hashId('b', [source, sender.key, 'key', key]);
}

/** Resolves when the batch is on disk. Errors: Problem 503 when that takes too long: it may be there then, and may be sent again. */
export async function accept(shared: Shared, source: string, batch: Batch): Promise<Accepted> {
  const { intake, limits, metrics } = shared;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(unavailable('The store does not answer.', 'Send it again; GET /readyz says when it is back.')),
      limits.answerTime,
    );
  });
  late.catch(() => {});
  try {
    const accepted = await Promise.race([intake.accept(batch), late]);
    metrics.batches.inc({ source, result: accepted });
    return accepted;
  } catch (error) {
    metrics.batches.inc({ source, result: 'failed' });
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
