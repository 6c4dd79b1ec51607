/** The match of the route that was meant takes the request as well: exactly this path and method. */
import type { HttpRequest } from '../policy/evaluation.ts';
import type { GrpcRouteMatch, HttpRouteMatch, InboundRoute } from '../policy/inbound.ts';
import { listOf } from '../policy/reading.ts';
import { type Resource, showRef } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { findResource } from '../policy/snapshot.ts';
import { listWith, specOf, withSpec } from './objects.ts';
import type { Candidate, Kind, Plea } from './plea.ts';

export const extendRouteMatch: Kind = {
  id: 'extend-route-match',
  candidates(plea) {
    const { traffic, policy } = plea.law.evaluation;
    if (traffic.type !== 'http') return [];
    const { request } = traffic;
    const own = (policy.routes ?? []).filter(({ object }) => object !== null);
    const byDistance = own.map((route) => ({ route, near: nearest(route, request) })).toSorted((a, b) => a.near.distance - b.near.distance);
    return byDistance.flatMap(({ route, near }) => extended(plea, route, near, request));
  },
};

interface Near {
  /** 0: only the method is missing; more: the less of the path agrees. */
  readonly distance: number;
  readonly rule: number;
  readonly match: number;
}

function extended(
  { snapshot }: Plea,
  { object }: InboundRoute,
  { rule, match, distance }: Near,
  request: HttpRequest,
): readonly Candidate[] {
  const resource = object === null ? null : findResource(snapshot, object);
  const rules = resource === null ? [] : listOf(specOf(resource)['rules']);
  const written = rules[rule];
  if (resource === null || object === null || !isObject(written)) return [];
  const matches = listOf(written['matches']);
  const more = matchFor(resource, matches[match], distance === 0, request);
  const next = [...matches, more];
  const spec = { ...specOf(resource), rules: listWith(rules, rule, { ...written, matches: next }) };
  return [{ title: `Let ${showRef(object)} take ${wordsOf(more)} as well.`, changes: [{ apply: withSpec(resource, spec) }] }];
}

/** `POST /api/…`, `gRPC shop.Orders/List`. */
function wordsOf({ method, path }: Readonly<Record<string, unknown>>): string {
  if (isObject(method)) return `gRPC ${String(method['service'])}/${String(method['method'])}`;
  const at = isObject(path) ? String(path['value']) : '/';
  const below = isObject(path) && path['type'] === 'Exact' ? '' : ' and below';
  return `${String(method)} ${at}${below}`;
}

/** Where only the method is missing: the nearest match with the request's method; else this path alone. */
function matchFor(
  { kind }: Resource,
  near: unknown,
  isMethodOnly: boolean,
  { method, path }: HttpRequest,
): Readonly<Record<string, unknown>> {
  const bare = path.split('?', 1)[0] ?? path;
  if (kind === 'GRPCRoute') {
    const [, service = '', rpc = ''] = bare.split('/');
    return { method: { type: 'Exact', service, method: rpc } };
  }
  return isMethodOnly && isObject(near) ? { ...near, method } : { path: { type: 'Exact', value: bare }, method };
}

function nearest({ rules }: InboundRoute, { path, method }: HttpRequest): Near {
  const bare = path.split('?', 1)[0] ?? path;
  let best: Near = { distance: Number.POSITIVE_INFINITY, rule: 0, match: 0 };
  for (const [rule, { matches }] of rules.rules.entries()) {
    for (const [match, value] of matches.entries()) {
      const distance = 'rpc' in value ? rpcDistance(value, bare) : httpDistance(value, bare, method);
      if (distance < best.distance) best = { distance, rule, match };
    }
  }
  return best;
}

function httpDistance({ path, method, headers, queryParams }: HttpRouteMatch, asked: string, by: string): number {
  const wanted = path?.value ?? '/';
  const takes =
    path === null ||
    (path.type === 'exact'
      ? wanted === asked
      : path.type === 'prefix' && `${asked}/`.startsWith(wanted.endsWith('/') ? wanted : `${wanted}/`));
  if (takes && method !== by && headers.length + queryParams.length === 0) return 0;
  return 1 + apart(wanted, asked);
}

function rpcDistance({ rpc }: GrpcRouteMatch, asked: string): number {
  return 1 + apart(rpc === null ? '/' : `/${rpc.service}/${rpc.method}`, asked);
}

/** Segments that are not the same in both. */
function apart(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('/').filter((part) => part !== '')) as [string[], string[]];
  let common = 0;
  while (common < left.length && left[common] === right[common]) common++;
  return left.length + right.length - 2 * common;
}
