/** Linkerd's and the Gateway API's `HTTPRoute` (linkerd2 `policy-controller/k8s/index/src/{routes,inbound/routes}/http.rs`). */
import { routeKey } from './authorization-policy.ts';
import type { HttpRouteMatch, PathMatch, RedirectFilter, RouteFilter, RouteRule, ValueMatch } from './inbound.ts';
import { isUnreadable, listOf, stringOr, type Unreadable } from './reading.ts';
import { compilePattern } from './regex.ts';
import { groupOf, type Resource, refOf } from './resource.ts';
import { acceptedServers, type Route, readHosts, readParents } from './route.ts';
import { isObject } from './selector.ts';
import { parseInstant } from './time.ts';

export function readHTTPRoute(resource: Resource): Route | Unreadable {
  const parents = readParents(resource);
  if (isUnreadable(parents)) return parents;
  const spec = isObject(resource.spec) ? resource.spec : {};
  const rules: RouteRule<HttpRouteMatch>[] = [];
  for (const rule of listOf(spec['rules']).filter(isObject)) {
    const read = readRule(rule);
    if (isUnreadable(read)) return read;
    rules.push(read);
  }
  return {
    ref: refOf(resource),
    key: routeKey(groupOf(resource.apiVersion), 'HTTPRoute', resource.metadata.name),
    parents,
    accepted: acceptedServers(resource),
    hosts: readHosts(spec['hostnames']),
    rules: { type: 'http', rules },
    createdAt: parseInstant(resource.metadata.creationTimestamp ?? ''),
  };
}

function readRule(rule: Readonly<Record<string, unknown>>): RouteRule<HttpRouteMatch> | Unreadable {
  const matches: HttpRouteMatch[] = [];
  for (const value of listOf(rule['matches']).filter(isObject)) {
    const match = readMatch(value);
    if (isUnreadable(match)) return match;
    matches.push(match);
  }
  const filters = readFilters(rule['filters']);
  return isUnreadable(filters) ? filters : { matches, filters };
}

function readMatch(value: Readonly<Record<string, unknown>>): HttpRouteMatch | Unreadable {
  const path = isObject(value['path']) ? readPath(value['path']) : null;
  if (path !== null && isUnreadable(path)) return path;
  const headers = readValueMatches(value['headers'], true);
  if (isUnreadable(headers)) return headers;
  const queryParams = readValueMatches(value['queryParams'], false);
  if (isUnreadable(queryParams)) return queryParams;
  const method = stringOr(value['method'], null);
  if (method !== null && !TOKEN.test(method)) return { unreadable: 'invalid HTTP method' };
  return { path, headers, queryParams, method };
}

function readPath(value: Readonly<Record<string, unknown>>): PathMatch | Unreadable {
  const type = stringOr(value['type'], 'PathPrefix');
  const text = stringOr(value['value'], '/');
  if (type === 'RegularExpression') return compilePattern(text) === null ? badRegex(text) : { type: 'regex', value: text };
  if (type !== 'Exact' && type !== 'PathPrefix') return { unreadable: `unknown path match type ${JSON.stringify(type)}` };
  if (!text.startsWith('/')) {
    return {
      unreadable: `HttpPathMatch paths must be absolute (begin with \`/\`); ${JSON.stringify(text)} is not an absolute path`,
    };
  }
  return { type: type === 'Exact' ? 'exact' : 'prefix', value: text };
}

function badRegex(text: string): Unreadable {
  return { unreadable: `${JSON.stringify(text)} is not a valid regular expression` };
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Headers and query parameters; header names are folded to lower case. */
export function readValueMatches(value: unknown, headers: boolean): readonly ValueMatch[] | Unreadable {
  const out: ValueMatch[] = [];
  for (const entry of listOf(value).filter(isObject)) {
    const name = stringOr(entry['name'], '');
    const text = stringOr(entry['value'], '');
    if (headers && !TOKEN.test(name)) return { unreadable: 'invalid HTTP header name' };
    const regex = entry['type'] === 'RegularExpression';
    if (regex && compilePattern(text) === null) return badRegex(text);
    out.push({ type: regex ? 'regex' : 'exact', name: headers ? name.toLowerCase() : name, value: text });
  }
  return out;
}

/** ResponseHeaderModifier is taken but never sent to the proxy; an unsupported filter spoils the whole route. */
export function readFilters(value: unknown, supported: readonly string[] = SUPPORTED): readonly RouteFilter[] | Unreadable {
  const out: RouteFilter[] = [];
  for (const filter of listOf(value).filter(isObject)) {
    const type = stringOr(filter['type'], '');
    if (!supported.includes(type)) return { unreadable: `${type} filter is not supported` };
    if (type === 'RequestHeaderModifier') out.push({ type });
    if (type === 'RequestRedirect') {
      const redirect = readRedirect(isObject(filter['requestRedirect']) ? filter['requestRedirect'] : {});
      if (isUnreadable(redirect)) return redirect;
      out.push(redirect);
    }
  }
  return out;
}

const SUPPORTED = ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect'];

function readRedirect(value: Readonly<Record<string, unknown>>): RedirectFilter | Unreadable {
  const path = isObject(value['path']) ? readRedirectPath(value['path']) : null;
  if (path !== null && isUnreadable(path)) return path;
  return {
    type: 'RequestRedirect',
    scheme: stringOr(value['scheme'], null),
    hostname: stringOr(value['hostname'], null),
    port: typeof value['port'] === 'number' ? value['port'] : null,
    path,
    statusCode: typeof value['statusCode'] === 'number' ? value['statusCode'] : null,
  };
}

function readRedirectPath(value: Readonly<Record<string, unknown>>): NonNullable<RedirectFilter['path']> | Unreadable {
  const full = stringOr(value['replaceFullPath'], null);
  const prefix = stringOr(value['replacePrefixMatch'], null);
  const type = stringOr(value['type'], full === null ? 'ReplacePrefixMatch' : 'ReplaceFullPath');
  const text = type === 'ReplaceFullPath' ? full : prefix;
  if (text === null) return { unreadable: 'RequestRedirect filter must contain either replace_full_path or replace_prefix_match' };
  if (!text.startsWith('/')) {
    return {
      unreadable: `RequestRedirect filters may only contain absolute paths (starting with '/'); ${JSON.stringify(text)} is not an absolute path`,
    };
  }
  return { type: type === 'ReplaceFullPath' ? 'ReplaceFullPath' : 'ReplacePrefixMatch', value: text };
}
