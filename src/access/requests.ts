/** Requests that stand for all others: at least one for every match of every route of the policies, and one that none of them names. */
import type { HttpRequest, Traffic } from '../policy/evaluation.ts';
import type { GrpcRouteMatch, HostMatch, HttpRouteMatch, InboundRoute, InboundServer, RouteRef, ValueMatch } from '../policy/inbound.ts';

export interface AccessRequest {
  /** For people: `GET /orders/*`, `gRPC shop.Orders/List`, `TCP`. */
  readonly text: string;
  readonly traffic: Traffic;
}

/** What can be asked of a port under any of the policies. Where one of them takes raw connections, a connection is among it. */
export function accessRequests(policies: readonly InboundServer[]): readonly AccessRequest[] {
  const requests = new Map<string, AccessRequest>();
  const add = (request: AccessRequest) => {
    const key = JSON.stringify(request.traffic);
    if (!requests.has(key)) requests.set(key, request);
  };
  if (policies.some((policy) => TAKES_TCP.has(policy.protocol))) add({ text: 'TCP', traffic: { type: 'tcp' } });
  for (const route of policies.flatMap((policy) => policy.routes ?? [])) for (const request of requestsOf(route)) add(request);
  if (policies.some((policy) => policy.routes !== null)) add(httpRequest('GET', OTHER_PATH, null, [], 'GET any other path'));
  return [...requests.values()];
}
const TAKES_TCP: ReadonlySet<InboundServer['protocol']> = new Set(['detect', 'opaque', 'tls']);
/** A path that no route of people names. */
const OTHER_PATH = '/denywhy-any-other-path';

function requestsOf({ ref, hosts, rules }: InboundRoute): readonly AccessRequest[] {
  const authorities = hosts.length === 0 ? [null] : hosts.map(authorityOf);
  if (rules.type === 'grpc')
    return rules.rules.flatMap(({ matches }) => (matches.length === 0 ? [EVERY_RPC] : matches).flatMap((m) => rpcs(m, authorities)));
  return rules.rules.flatMap(({ matches }) => (matches.length === 0 ? [EVERYTHING] : matches).flatMap((m) => https(ref, m, authorities)));
}
const EVERY_RPC: GrpcRouteMatch = { rpc: { service: '', method: '' }, headers: [] };
const EVERYTHING: HttpRouteMatch = { path: null, headers: [], queryParams: [], method: null };

function authorityOf({ type, value }: HostMatch): string {
  return type === 'exact' ? value : `any.${value}`;
}

/** Both a reading and a writing method where the match leaves it open; of a prefix, itself and what lies below. */
function https(ref: RouteRef, match: HttpRouteMatch, authorities: readonly (string | null)[]): readonly AccessRequest[] {
  if (isRegex(match)) return [{ text: `what route ${ref.name} takes`, traffic: { type: 'http-on-route', route: ref } }];
  const methods = match.method === null ? ['GET', 'POST'] : [match.method];
  const value = match.path?.value ?? '/';
  const below = value.endsWith('/') ? `${value}x` : `${value}/x`;
  const paths = match.path?.type === 'exact' ? [value] : value === '/' ? ['/', OTHER_PATH] : [value, below];
  const headers = match.headers.map(({ name, value: v }) => [name, v] as const);
  const query = match.queryParams.map(({ name, value: v }) => `${encodeURIComponent(name)}=${encodeURIComponent(v)}`).join('&');
  return authorities.flatMap((authority) =>
    methods.flatMap((method) =>
      paths.map((path) => {
        const shown = path === OTHER_PATH ? 'any other path' : path;
        return httpRequest(method, query === '' ? path : `${path}?${query}`, authority, headers, `${method} ${shown}`);
      }),
    ),
  );
}

function isRegex({ path, headers, queryParams }: HttpRouteMatch): boolean {
  const isOne = ({ type }: ValueMatch) => type === 'regex';
  return path?.type === 'regex' || headers.some(isOne) || queryParams.some(isOne);
}

function rpcs({ rpc, headers }: GrpcRouteMatch, authorities: readonly (string | null)[]): readonly AccessRequest[] {
  if (rpc === null || headers.some(({ type }) => type === 'regex')) return [];
  const service = rpc.service === '' ? 'any.Service' : rpc.service;
  const method = rpc.method === '' ? 'AnyMethod' : rpc.method;
  const sent = headers.map(({ name, value }) => [name, value] as const);
  const text = `gRPC ${rpc.service === '' ? 'any service' : service}/${rpc.method === '' ? 'any method' : method}`;
  return authorities.map((authority) => ({
    text,
    traffic: {
      type: 'http',
      request: { version: 'HTTP/2.0', method: 'POST', authority, path: `/${service}/${method}`, headers: sent, grpc: true },
    },
  }));
}

function httpRequest(method: string, path: string, authority: string | null, headers: HttpRequest['headers'], text: string): AccessRequest {
  const request: HttpRequest = { version: 'HTTP/1.1', method, authority: authority ?? 'localhost', path, headers, grpc: false };
  return { text: authority === null ? text : `${text} at ${authority}`, traffic: { type: 'http', request } };
}
