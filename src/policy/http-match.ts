/** Which route takes an HTTP request (linkerd2-proxy `linkerd/http/route/src/{lib,http}.rs`). */
import type { HttpRequest } from './evaluation.ts';
import type { GrpcRouteMatch, HostMatch, HttpRouteMatch, InboundRoute, PathMatch, RouteRule, ValueMatch } from './inbound.ts';
import { coversWhole } from './regex.ts';

/** How well something matched; compared field by field, more is better. */
interface Rank {
  readonly host: number;
  readonly first: number;
  readonly second: number;
  readonly third: number;
  readonly fourth: number;
}

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
  readonly host: string | null;
  query: URLSearchParams | null;
  headers: Map<string, string[]> | null;
}

/** The best route, the first of equals; null when none matches. */
export function findRoute(routes: readonly InboundRoute[], request: HttpRequest): RouteChoice | null {
  const parts = takeApart(request);
  let best: { choice: RouteChoice; rank: Rank } | null = null;
  for (const route of routes) {
    const host = bestHost(route.hosts, parts.host);
    if (host === null) continue;
    const found = route.rules.type === 'http' ? bestHttpRule(route.rules.rules, parts, host) : bestGrpcRule(route.rules.rules, parts, host);
    if (found !== null && (best === null || compare(found.rank, best.rank) > 0)) {
      best = { choice: { route, rule: found.rule, path: found.path }, rank: found.rank };
    }
  }
  return best?.choice ?? null;
}

interface Found {
  readonly rank: Rank;
  readonly rule: number;
  readonly path: PathMatch | null;
}

function bestHttpRule(rules: readonly RouteRule<HttpRouteMatch>[], parts: Parts, host: number): Found | null {
  let best: Found | null = null;
  for (let rule = 0; rule < rules.length; rule++) {
    const matches = (rules[rule] as RouteRule<HttpRouteMatch>).matches;
    if (matches.length === 0) best = better(best, { rank: { host, first: 1, second: 0, third: 0, fourth: 0 }, rule, path: null });
    for (const match of matches) {
      const rank = rankHttp(match, parts, host);
      if (rank !== null) best = better(best, { rank, rule, path: match.path });
    }
  }
  return best;
}

function better(best: Found | null, found: Found): Found {
  return best === null || compare(found.rank, best.rank) > 0 ? found : best;
}

function rankHttp(match: HttpRouteMatch, parts: Parts, host: number): Rank | null {
  if (match.method !== null && match.method !== parts.request.method) return null;
  const length = match.path === null ? 1 : pathLength(match.path, parts.path);
  if (length === null) return null;
  if (match.headers.length > 0 && !match.headers.every((h) => headerMatches(h, parts))) return null;
  if (match.queryParams.length > 0 && !match.queryParams.every((q) => queryMatches(q, parts))) return null;
  return { host, first: length, second: match.headers.length, third: match.queryParams.length, fourth: match.method === null ? 0 : 1 };
}

/** Length that a path match counts, whatever its type; null: no match. A prefix takes whole segments. */
function pathLength(match: PathMatch, path: string): number | null {
  if (match.type === 'exact') return match.value === path ? path.length : null;
  if (match.type === 'regex') return coversWhole(match.value, path) ? path.length : null;
  const prefix = withoutTrailingSlashes(match.value);
  if (prefix === '') return 1;
  const own = withoutTrailingSlashes(path);
  if (!own.startsWith(prefix) || (own.length > prefix.length && own[prefix.length] !== '/')) return null;
  return prefix.length;
}

export function withoutTrailingSlashes(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 47) end--;
  return end === text.length ? text : text.slice(0, end);
}

function bestGrpcRule(rules: readonly RouteRule<GrpcRouteMatch>[], parts: Parts, host: number): Found | null {
  let best: Found | null = null;
  for (let rule = 0; rule < rules.length; rule++) {
    const matches = rules[rule]?.matches ?? [];
    if (matches.length === 0) best = better(best, { rank: { host, first: 0, second: 0, third: 0, fourth: 0 }, rule, path: null });
    for (const match of matches) {
      const rank = rankGrpc(match, parts, host);
      if (rank !== null) best = better(best, { rank, rule, path: null });
    }
  }
  return best;
}

/** POST `/<service>/<method>`; further segments are not looked at, unset parts take anything. */
function rankGrpc(match: GrpcRouteMatch, parts: Parts, host: number): Rank | null {
  if (match.rpc === null || parts.request.method !== 'POST') return null;
  const [empty, service, method] = parts.path.split('/', 3);
  if (empty !== '' || service === undefined || method === undefined) return null;
  if (match.rpc.service !== '' && match.rpc.service !== service) return null;
  if (match.rpc.method !== '' && match.rpc.method !== method) return null;
  if (!match.headers.every((h) => headerMatches(h, parts))) return null;
  return { host, first: match.rpc.service.length, second: match.rpc.method.length, third: match.headers.length, fourth: 0 };
}

function compare(a: Rank, b: Rank): number {
  return a.host - b.host || a.first - b.first || a.second - b.second || a.third - b.third || a.fourth - b.fourth;
}

/** 0: any host; else exact beats suffix and longer beats shorter; null: none of the hosts is the request's. */
function bestHost(hosts: readonly HostMatch[], host: string | null): number | null {
  if (hosts.length === 0) return 0;
  if (host === null) return null;
  let best: number | null = null;
  for (const { type, value } of hosts) {
    const own = value.toLowerCase();
    const matches = type === 'exact' ? own === host : host.length > own.length + 1 && host.endsWith(`.${own}`);
    if (matches) best = Math.max(best ?? 0, own.length + (type === 'exact' ? 100_000 : 1));
  }
  return best;
}

function takeApart(request: HttpRequest): Parts {
  const cut = request.path.indexOf('?');
  const path = cut < 0 ? request.path : request.path.slice(0, cut);
  return { request, path, host: request.authority === null ? null : hostOf(request.authority), query: null, headers: null };
}

/** Lower case, without port and trailing dot. */
export function hostOf(authority: string): string {
  const bracket = authority.lastIndexOf(']');
  const colon = authority.indexOf(':', bracket + 1);
  const host = (colon < 0 ? authority : authority.slice(0, colon)).toLowerCase();
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

/** Any one of several lines with the name may match; lists inside a line are not taken apart. */
function headerMatches(match: ValueMatch, parts: Parts): boolean {
  parts.headers ??= headerMap(parts.request);
  return parts.headers.get(match.name)?.some((value) => valueMatches(match, value)) ?? false;
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

function queryMatches(match: ValueMatch, parts: Parts): boolean {
  parts.query ??= new URLSearchParams(parts.request.path.slice(parts.path.length + 1));
  return parts.query.getAll(match.name).some((value) => valueMatches(match, value));
}

function valueMatches(match: ValueMatch, value: string): boolean {
  return match.type === 'exact' ? match.value === value : coversWhole(match.value, value);
}
