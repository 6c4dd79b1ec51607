/** RequestRedirect as the proxy carries it out (linkerd2-proxy `linkerd/http/route/src/http/filter/redirect.rs`). */
import type { HttpRequest } from './evaluation.ts';
import { hostOf, type RouteChoice, withoutTrailingSlashes } from './http-match.ts';
import type { RedirectFilter } from './inbound.ts';

/** null: the result equals the request, so the filter is passed over. */
export type RedirectResult = { readonly status: number; readonly location: string } | { readonly error: string } | null;

export function redirect(filter: RedirectFilter, request: HttpRequest, choice: RouteChoice): RedirectResult {
  const path = redirectedPath(filter, request, choice);
  if (path === null) return { error: 'invalid redirect: redirects may only replace the path prefix when a path prefix match applied' };
  const scheme = filter.scheme ?? 'http';
  const authority = redirectedAuthority(filter, request.authority ?? '', scheme);
  const sameHost = authority.toLowerCase() === (request.authority ?? '').toLowerCase();
  if (scheme === 'http' && sameHost && path === request.path) return null;
  return { status: filter.statusCode ?? 200, location: `${scheme}://${authority}${path}` };
}

/** Hostname and port are always printed; a port alone drops `:80` when the scheme is http; a hostname alone keeps the request's port. */
function redirectedAuthority(filter: RedirectFilter, own: string, scheme: string): string {
  const host = ownHost(own);
  const port = own.slice(host.length);
  if (filter.hostname !== null) return filter.hostname + (filter.port === null ? port : `:${filter.port}`);
  if (filter.port === null) return own;
  return filter.port === 80 && scheme === 'http' ? host : `${host}:${filter.port}`;
}

function ownHost(authority: string): string {
  return authority.slice(0, hostOf(`${authority.replace(/\.(?=:|$)/, '')}`).length + (/\.(?=:|$)/.test(authority) ? 1 : 0));
}

function redirectedPath(filter: RedirectFilter, request: HttpRequest, choice: RouteChoice): string | null {
  if (filter.path === null) return request.path;
  if (filter.path.type === 'ReplaceFullPath') return filter.path.value;
  if (choice.path !== null && choice.path.type !== 'prefix') return null;
  const cut = request.path.indexOf('?');
  const path = cut < 0 ? request.path : request.path.slice(0, cut);
  const query = cut < 0 ? '' : request.path.slice(cut);
  const matched = choice.path === null ? 1 : Math.max(1, withoutTrailingSlashes(choice.path.value).length);
  const rest = path.slice(matched);
  return filter.path.value + (rest === '' || rest.startsWith('/') ? rest : `/${rest}`) + query;
}
