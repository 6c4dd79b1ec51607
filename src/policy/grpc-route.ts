/** The Gateway API's `GRPCRoute` (linkerd2 `policy-controller/k8s/index/src/{routes,inbound/routes}/grpc.rs`). */
import { routeKey } from './authorization-policy.ts';
import { readValueMatches } from './http-route.ts';
import type { GrpcRouteMatch, RouteRule } from './inbound.ts';
import { isUnreadable, listOf, stringOr, type Unreadable } from './reading.ts';
import { groupOf, type Resource, refOf } from './resource.ts';
import { acceptedServers, type Route, readHosts, readParents } from './route.ts';
import { readFilters } from './route-filter.ts';
import { isObject } from './selector.ts';
import { parseInstant } from './time.ts';

export function readGRPCRoute(resource: Resource): Route | Unreadable {
  const parents = readParents(resource);
  if (isUnreadable(parents)) return parents;
  const spec = isObject(resource.spec) ? resource.spec : {};
  const rules: RouteRule<GrpcRouteMatch>[] = [];
  for (const rule of listOf(spec['rules']).filter(isObject)) {
    const matches: GrpcRouteMatch[] = [];
    for (const value of listOf(rule['matches']).filter(isObject)) {
      const match = readMatch(value);
      if (isUnreadable(match)) return match;
      matches.push(match);
    }
    const filters = readFilters(rule['filters'], true);
    if (isUnreadable(filters)) return filters;
    rules.push({ matches, filters });
  }
  return {
    ref: refOf(resource),
    key: routeKey(groupOf(resource.apiVersion), 'GRPCRoute', resource.metadata.name),
    parents,
    accepted: acceptedServers(resource),
    hosts: readHosts(spec['hostnames']),
    rules: { type: 'grpc', rules },
    createdAt: parseInstant(resource.metadata.creationTimestamp ?? ''),
  };
}

function readMatch(value: Readonly<Record<string, unknown>>): GrpcRouteMatch | Unreadable {
  const headers = readValueMatches(value['headers'], true);
  if (isUnreadable(headers)) return headers;
  const method = value['method'];
  if (!isObject(method)) return { rpc: null, headers };
  if (stringOr(method['type'], 'Exact') !== 'Exact') {
    return { unreadable: `unsupported GRPCRoute method match type: Some(${stringOr(method['type'], '')})` };
  }
  return { rpc: { service: stringOr(method['service'], ''), method: stringOr(method['method'], '') }, headers };
}
