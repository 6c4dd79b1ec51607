/** RequestRedirect as the proxy carries it out (linkerd2-proxy `linkerd/http/route/src/http/filter/redirect.rs`). */
import type { HttpRequest } from './evaluation.ts';
import { prefixLength, type RouteChoice } from './http-match.ts';
import type { RedirectFilter } from './inbound.ts';
import { hostOf, isPathAndQuery, pathOf, portOf, queryOf } from './uri.ts';

/** null: the result equals the request, so the filter is passed over. */
export type RedirectResult = { readonly status: number; readonly location: string } | { readonly error: string } | null;

const NO_AUTHORITY = { error: 'invalid redirect: no authority to redirect to' };
const NO_PREFIX = { error: 'invalid redirect: redirects may only replace the path prefix when a path prefix match applied' };
/** Paths share the words of authorities. */
const NO_URI = { error: 'invalid redirect: redirect produced an invalid authority: invalid uri character' };

export function redirect(filter: RedirectFilter, request: HttpRequest, choice: Pick<RouteChoice, 'path'>): RedirectResult {
  const scheme = filter.scheme ?? 'http';
  const authority = redirectedAuthority(filter, request.authority, scheme);
  if (authority === null) return NO_AUTHORITY;
  const own = ownTarget(request);
  const target = redirectedTarget(filter, request, own, choice);
  if (target === null) return NO_PREFIX;
  if (!isPathAndQuery(target)) return NO_URI;
  const isSameHost = authority.toLowerCase() === request.authority?.toLowerCase();
  if (scheme === 'http' && isSameHost && target === own) return null;
  return { status: filter.statusCode ?? 200, location: `${scheme}://${authority}${target}` };
}

/** Hostname and port together are always printed; otherwise the scheme's own port is left out. A hostname alone keeps the request's port. */
function redirectedAuthority({ hostname, port }: RedirectFilter, own: string | null, scheme: string): string | null {
  if (hostname !== null && port !== null) return `${hostname}:${port}`;
  if (hostname !== null) return withPort(hostname, own === null ? null : portOf(own), scheme);
  if (own === null || port === null) return own;
  return withPort(hostOf(own), port, scheme);
}

function withPort(host: string, port: number | null, scheme: string): string {
  const isDefault = port === (scheme === 'https' ? 443 : 80);
  return port === null || isDefault ? host : `${host}:${port}`;
}

function ownTarget({ path }: HttpRequest): string {
  const query = queryOf(path);
  return query === null ? pathOf(path) : `${pathOf(path)}?${query}`;
}

/** Path and query; null when a prefix is to be replaced and none matched. */
function redirectedTarget({ path }: RedirectFilter, request: HttpRequest, own: string, choice: Pick<RouteChoice, 'path'>): string | null {
  if (path === null) return own;
  if (path.type === 'ReplaceFullPath') return withoutFragment(path.value);
  if (choice.path !== null && choice.path.type !== 'prefix') return null;
  const rest = pathOf(request.path).slice(prefixLength(choice.path?.value ?? null));
  const query = queryOf(request.path);
  const joined = path.value + (rest === '' || rest.startsWith('/') ? rest : `/${rest}`);
  return withoutFragment(query === null ? joined : `${joined}?${query}`);
}

function withoutFragment(target: string): string {
  return target.split('#', 1)[0] as string;
}
