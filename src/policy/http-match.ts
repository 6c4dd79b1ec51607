/** Which route takes an HTTP request (linkerd2-proxy `linkerd/http/route/src/{lib,http}.rs`). */
import type { HttpRequest } from './evaluation.ts';
import type { GrpcRouteMatch, HostMatch, HttpRouteMatch, InboundRoute, PathMatch, RouteRule, ValueMatch } from './inbound.ts';
import { coversWhole } from './regex.ts';
import { formOf, hostOf, pathOf, queryOf } from './uri.ts';

export interface RouteChoice {
  readonly route: InboundRoute;
  /** Index of the rule that won. */
  readonly rule: number;
  /** The path match that won; null: none is asked for, which counts as the prefix `/`. */
  readonly path: PathMatch | null;
}

/** The request taken apart once, for all matches. */
interface Parts {
  readonly request: HttpRequest;
  readonly path: string;
  host: string | null;
  query: URLSearchParams | null;
  headers: Map<string, string[]> | null;
}

/**
 * How well the best match so far did, more is better: host; then for HTTP path length, headers, query parameters, method,
 * for gRPC service length, method length, headers. Kept in place: this runs once per decision.
 */
interface Best {
  route: InboundRoute | null;
  rule: number;
  path: PathMatch | null;
  host: number;
  first: number;
  second: number;
  third: number;
  fourth: number;
}

/** The best route, the first of equals; null when none matches. */
export function findRoute(routes: readonly InboundRoute[], request: HttpRequest): RouteChoice | null {
  const parts = takeApart(request);
  const best: Best = { route: null, rule: 0, path: null, host: -1, first: -1, second: -1, third: -1, fourth: -1 };
  for (const route of routes) {
    const host = route.hosts.length === 0 ? 0 : bestHost(route.hosts, parts);
    if (host < 0 || host < best.host) continue;
    if (route.rules.type === 'http') tryHttpRules(route, route.rules.rules, parts, host, best);
    else tryGrpcRules(route, route.rules.rules, parts, host, best);
  }
  return isFound(best) ? best : null;
}

function isFound(best: Best): best is Best & RouteChoice {
  return best.route !== null;
}

function tryHttpRules(route: InboundRoute, rules: readonly RouteRule<HttpRouteMatch>[], parts: Parts, host: number, best: Best): void {
  for (let rule = 0; rule < rules.length; rule++) {
    const { matches } = rules[rule] as RouteRule<HttpRouteMatch>;
    if (matches.length === 0) keep(best, route, rule, null, host, 1, 0, 0, 0);
    for (const match of matches) {
      if (match.method !== null && match.method !== parts.request.method) continue;
      const length = match.path === null ? 1 : pathLength(match.path, parts.path);
      if (length < 0 || !headersMatch(match.headers, parts) || !queryMatches(match.queryParams, parts)) continue;
      keep(best, route, rule, match.path, host, length, match.headers.length, match.queryParams.length, match.method === null ? 0 : 1);
    }
  }
}

/** POST `/<service>/<method>`; further segments are not looked at, unset parts take anything. A rule without matches takes any request. */
function tryGrpcRules(route: InboundRoute, rules: readonly RouteRule<GrpcRouteMatch>[], parts: Parts, host: number, best: Best): void {
  const [empty, service, method] = parts.path.split('/', 3);
  const isRpc = parts.request.method === 'POST' && empty === '' && service !== undefined && method !== undefined;
  for (let rule = 0; rule < rules.length; rule++) {
    const { matches } = rules[rule] as RouteRule<GrpcRouteMatch>;
    if (matches.length === 0) keep(best, route, rule, null, host, 0, 0, 0, 0);
    for (const { rpc, headers } of matches) {
      if (!isRpc || rpc === null) continue;
      if ((rpc.service !== '' && rpc.service !== service) || (rpc.method !== '' && rpc.method !== method)) continue;
      if (headersMatch(headers, parts)) keep(best, route, rule, null, host, rpc.service.length, rpc.method.length, headers.length, 0);
    }
  }
}

function keep(
  best: Best,
  route: InboundRoute,
  rule: number,
  path: PathMatch | null,
  host: number,
  first: number,
  second: number,
  third: number,
  fourth: number,
): void {
  const more = host - best.host || first - best.first || second - best.second || third - best.third || fourth - best.fourth;
  if (more <= 0) return;
  best.route = route;
  best.rule = rule;
  best.path = path;
  best.host = host;
  best.first = first;
  best.second = second;
  best.third = third;
  best.fourth = fourth;
}

/** Length that a path match counts, whatever its type; -1: no match. A prefix takes whole segments. */
function pathLength(match: PathMatch, path: string): number {
  if (match.type === 'exact') return match.value === path ? path.length : -1;
  if (match.type === 'regex') return coversWhole(match.value, path) ? path.length : -1;
  if (match.value === '/') return 1;
  const prefix = withoutTrailingSlashes(match.value);
  const own = withoutTrailingSlashes(path);
  if (!own.startsWith(prefix) || (own.length > prefix.length && own[prefix.length] !== '/')) return -1;
  return prefix.length;
}

/** How much of the path a prefix match took: without its trailing slashes, but `/` (and no path at all) counts 1, and `//` nothing. */
export function prefixLength(prefix: string | null): number {
  return prefix === null || prefix === '/' ? 1 : withoutTrailingSlashes(prefix).length;
}

function withoutTrailingSlashes(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 47) end--;
  return end === text.length ? text : text.slice(0, end);
}

/** Exact beats suffix and longer beats shorter; -1: none of the hosts is the request's. */
function bestHost(hosts: readonly HostMatch[], parts: Parts): number {
  const { authority } = parts.request;
  if (authority === null) return -1;
  parts.host ??= hostOf(authority).toLowerCase();
  const withDot = parts.host;
  const host = withDot.endsWith('.') ? withDot.slice(0, -1) : withDot;
  let best = -1;
  for (const { type, value } of hosts) {
    const own = value.toLowerCase();
    const asked = own.endsWith('.') ? withDot : host;
    const matches = type === 'exact' ? own === asked : asked.endsWith(`.${own}`);
    if (matches) best = Math.max(best, own.length + (type === 'exact' ? 100_000 : 1));
  }
  return best;
}

function takeApart(request: HttpRequest): Parts {
  return { request, path: pathOf(request.path), host: null, query: null, headers: null };
}

/** Any one of several lines with the name may match; lists inside a line are not taken apart. */
function headersMatch(matches: readonly ValueMatch[], parts: Parts): boolean {
  if (matches.length === 0) return true;
  parts.headers ??= headerMap(parts.request);
  const { headers } = parts;
  return matches.every(
    (match) => headers.get(match.name)?.some((value) => isReadable(match, value) && valueMatches(match, value)) ?? false,
  );
}

function headerMap(request: HttpRequest): Map<string, string[]> {
  const map = new Map<string, string[]>();
  const all = request.grpc ? [...request.headers, ['content-type', 'application/grpc'] as const] : request.headers;
  for (const [name, value] of all) {
    const key = name.toLowerCase();
    const values = map.get(key);
    if (values === undefined) map.set(key, [value]);
    else values.push(value);
  }
  return map;
}

/** A regular expression is asked only of values in visible ASCII. */
function isReadable(match: ValueMatch, value: string): boolean {
  return match.type === 'exact' || /^[\t -~]*$/.test(value);
}

function queryMatches(matches: readonly ValueMatch[], parts: Parts): boolean {
  if (matches.length === 0) return true;
  parts.query ??= formOf(queryOf(parts.request.path) ?? '');
  const { query } = parts;
  return matches.every((match) => query.getAll(match.name).some((value) => valueMatches(match, value)));
}

function valueMatches(match: ValueMatch, value: string): boolean {
  return match.type === 'exact' ? match.value === value : coversWhole(match.value, value);
}
