/** Browsers carry requests for pages that their users did not mean to give them to. What a page of another origin sends is refused. */
import type { IncomingMessage } from 'node:http';
import { Problem } from './problem.ts';

/**
 * `anyHost` false: nothing but the address protects this server, so a name that somebody else makes point at it (DNS rebinding) is refused too.
 * Errors: Problem 403, 421.
 */
export function refuseForeign(request: IncomingMessage, anyHost: boolean): void {
  const { host } = request.headers;
  if (host === undefined || (!anyHost && !isLoopbackHost(host)))
    throw new Problem(421, 'This name is not one of this server.', 'Ask for 127.0.0.1, [::1] or localhost, or set tokens in auth.tokens.');
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const isForeign =
    (origin !== undefined && !isSameOrigin(origin, host)) || (site !== undefined && site !== 'same-origin' && site !== 'none');
  if (isForeign)
    throw new Problem(403, 'A page of another origin may not send this.', 'Send it from a program, or from a page of this server.');
}

function isSameOrigin(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}

/** Loopback by any port: port-forwards change it. */
function isLoopbackHost(host: string): boolean {
  const [, name = ''] = /^(\[[0-9a-fA-F:.]+\]|[^:]+)(?::\d{1,5})?$/.exec(host) ?? [];
  return name.toLowerCase() === 'localhost' || name === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** Sent with every answer. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};
