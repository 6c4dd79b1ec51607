/** Linkerd's and the Gateway API's `HTTPRoute` (linkerd2 `policy-controller/k8s/index/src/{routes,inbound/routes}/http.rs`). */
import { routeKey } from './authorization-policy.ts';
import type { HttpRouteMatch, PathMatch, RouteRule, ValueMatch } from './inbound.ts';
import { isUnreadable, listOf, stringOr, type Unreadable } from './reading.ts';
import { isValidPattern } from './regex.ts';
import { groupOf, type Resource, refOf } from './resource.ts';
import { acceptedServers, type Route, readHosts, readParents } from './route.ts';
import { HEADER_NAME, HEADER_VALUE, readFilters } from './route-filter.ts';
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
  if (method !== null && !HEADER_NAME.test(method)) return { unreadable: 'invalid HTTP method' };
  return { path, headers, queryParams, method };
}

function readPath(value: Readonly<Record<string, unknown>>): PathMatch | Unreadable {
  const type = stringOr(value['type'], 'PathPrefix');
  const text = stringOr(value['value'], '/');
  if (type === 'RegularExpression') return !isValidPattern(text) ? badRegex(text) : { type: 'regex', value: text };
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

/** Headers and query parameters; header names are folded to lower case. */
export function readValueMatches(value: unknown, headers: boolean): readonly ValueMatch[] | Unreadable {
  const out: ValueMatch[] = [];
  for (const entry of listOf(value).filter(isObject)) {
    const name = stringOr(entry['name'], '');
    const text = stringOr(entry['value'], '');
    const regex = entry['type'] === 'RegularExpression';
    if (headers && !HEADER_NAME.test(name)) return { unreadable: 'invalid HTTP header name' };
    if (headers && !regex && !HEADER_VALUE.test(text)) return { unreadable: 'failed to parse header value' };
    if (regex && !isValidPattern(text)) return badRegex(text);
    out.push({ type: regex ? 'regex' : 'exact', name: headers ? name.toLowerCase() : name, value: text });
  }
  return out;
}
