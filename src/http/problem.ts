/** Errors as people and programs read them: RFC 9457 problem details, with what to do. */
import type { Response } from 'express';
import { InvalidInput, Unavailable } from '../errors.ts';

export interface ProblemBody {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  /** What is wrong. */
  readonly detail: string;
  /** What to do about it. */
  readonly remedy: string;
  /** Where, in a text that was sent; absent where it is not in one place. */
  readonly place?: { readonly line: number; readonly column: number | null };
}

/** `retryAfter`: seconds. `headers`: further ones of the answer. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: Status;
  readonly remedy: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly place: NonNullable<ProblemBody['place']> | null;

  constructor(
    status: Status,
    message: string,
    remedy: string,
    headers: Readonly<Record<string, string>> = {},
    place: NonNullable<ProblemBody['place']> | null = null,
  ) {
    super(message);
    this.place = place;
    this.status = status;
    this.remedy = remedy;
    this.headers = headers;
  }
}

const TITLES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const;

export type Status = keyof typeof TITLES;

/** Seconds after which a refused sender may come again. */
const RETRY_AFTER = 5;

/** What went wrong as an answer. Never 429: Alertmanager does not retry any 4xx. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof InvalidInput) return new Problem(400, error.message, error.remedy, {}, placeOf(error));
  if (error instanceof Unavailable) return unavailable(error.message, error.remedy);
  // Express refuses what it cannot decode.
  if (error instanceof Error && 'status' in error && error.status === 400)
    return new Problem(400, 'The address of this request cannot be decoded.', 'Percent-encode it as UTF-8.');
  return new Problem(500, 'This is a bug in denywhy; nothing was saved.', 'Send it again; its log says more.', {
    'Retry-After': String(RETRY_AFTER),
  });
}

function placeOf({ place }: InvalidInput): NonNullable<ProblemBody['place']> | null {
  return place?.line === undefined ? null : { line: place.line, column: place.column ?? null };
}

export function unavailable(message: string, remedy: string): Problem {
  return new Problem(503, message, remedy, { 'Retry-After': String(RETRY_AFTER) });
}

export function bodyOf({ status, message, remedy, place }: Problem): ProblemBody {
  return { type: 'about:blank', title: TITLES[status], status, detail: message, remedy, ...(place === null ? {} : { place }) };
}

/** How long the rest of a body that nobody wants is read, so that its sender gets to read the answer. */
const LINGER_MS = 1000;

/** Answers with the problem; the connection of a body that was not read to its end is closed. */
export function sendProblem(response: Response, problem: Problem): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify(bodyOf(problem)));
  const request = response.req;
  response.writeHead(problem.status, {
    'Content-Type': 'application/problem+json',
    'Content-Length': body.length,
    ...problem.headers,
    ...(request.complete ? {} : { Connection: 'close' }),
  });
  if (request.complete) {
    response.end(body);
    return;
  }
  response.write(body);
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  request.once('end', end).once('close', end).resume();
}
