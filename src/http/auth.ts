/** Who asks, and whether they may. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Problem } from './problem.ts';

export type Scope = 'intake' | 'read' | 'triage';

export interface Token {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly token: string;
}

/** A token without its secret. */
export type Known = Omit<Token, 'token'>;

/** Of the window: set by `POST /api/v1/session`, sent by browsers to the API below the same path only. */
export const SESSION_COOKIE = 'denywhy-session';

/** Who sent a request. */
export interface Sender {
  /** The token's name; `local` where none is needed. */
  readonly name: string;
  /** What tells this sender from others, for idempotency: the token, or the address. */
  readonly key: string;
}

export interface Guard {
  /** Whether a token is needed at all. */
  readonly needsToken: boolean;
  /** Whose token this is; null: nobody's. */
  find(token: string): Known | null;
  /** Whose token the request bears; null: none, or nobody's. */
  who(request: IncomingMessage): Known | null;
  /** Errors: Problem 401 (no token or an unknown one), 403 (not for this). `scope` null: open to all. */
  admit(request: IncomingMessage, scope: Scope | null): Sender;
}

/** Without tokens everyone who reaches the address is admitted: configuration allows that on loopback only. */
export function createGuard(tokens: readonly Token[]): Guard {
  const known = tokens.map(({ name, scopes, token }) => ({ name, scopes, digest: digestOf(token) }));

  function find(given: string): Known | null {
    const digest = digestOf(given);
    let found: (typeof known)[number] | null = null;
    // All are compared, so that time tells nothing about which one was near.
    for (const token of known) if (timingSafeEqual(token.digest, digest)) found = token;
    return found === null ? null : { name: found.name, scopes: found.scopes };
  }

  return {
    needsToken: known.length > 0,
    find,
    who(request) {
      const given = tokenOf(request);
      return given === null ? null : find(given);
    },
    admit(request, scope) {
      if (known.length === 0 || scope === null) return { name: 'local', key: `address ${request.socket.remoteAddress ?? ''}` };
      const given = tokenOf(request);
      if (given === null)
        throw unauthorized('This needs a token.', 'Send the header Authorization: Bearer TOKEN, with a token of auth.tokens.', '');
      const token = find(given);
      if (token === null)
        throw unauthorized('This token is not known.', 'Use a token of auth.tokens; it may have been replaced.', ', error="invalid_token"');
      if (!token.scopes.includes(scope))
        throw new Problem(403, `This token has not the scope ${scope}.`, `Use a token with the scope ${scope}, or add it in auth.tokens.`);
      return { name: token.name, key: `token ${token.name}` };
    },
  };
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The header counts more: whoever writes one means it. */
function tokenOf(request: IncomingMessage): string | null {
  return bearerOf(request) ?? cookieOf(request);
}

function cookieOf({ headers }: IncomingMessage): string | null {
  const [, value = ''] =
    (headers.cookie ?? '')
      .split(/; */)
      .map((pair) => pair.split('=', 2))
      .find(([name]) => name === SESSION_COOKIE) ?? [];
  return value === '' ? null : Buffer.from(value, 'base64url').toString();
}

function bearerOf({ headers }: IncomingMessage): string | null {
  const [scheme, token, ...rest] = (headers.authorization ?? '').trim().split(/ +/);
  return scheme?.toLowerCase() === 'bearer' && token !== undefined && rest.length === 0 ? token : null;
}

function unauthorized(message: string, remedy: string, error: string): Problem {
  return new Problem(401, message, remedy, { 'WWW-Authenticate': `Bearer realm="denywhy"${error}` });
}
