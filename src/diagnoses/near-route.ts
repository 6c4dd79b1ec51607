/** A request that no route took, and the route that nearly did. */
import type { HttpRequest } from '../policy/evaluation.ts';
import { findRoute } from '../policy/http-match.ts';
import type { GrpcRouteMatch, HttpRouteMatch, InboundRoute, RouteRule } from '../policy/inbound.ts';
import { pathOf } from '../policy/uri.ts';
import { showMatch } from '../policy/wording.ts';
import { isSlip } from './near-name.ts';

export interface NearRoute {
  readonly route: InboundRoute;
  /** By what it misses, as a sentence that names the route. */
  readonly words: string;
}

/** The route that takes all of the request but one thing; null: none does. */
export function nearRoute(routes: readonly InboundRoute[], request: HttpRequest): NearRoute | null {
  for (const by of [byOneCondition, byPath]) {
    for (const route of routes) {
      if (route.object === null) continue;
      const words = by(route, request);
      if (words !== null) return { route, words: `${route.object.kind} ${route.object.name} ${words}` };
    }
  }
  return null;
}

type Http = Extract<InboundRoute['rules'], { readonly type: 'http' }>;

/** Method, host, headers or query: taking one of them away, the route takes the request. */
function byOneCondition(route: InboundRoute, request: HttpRequest): string | null {
  const { rules } = route;
  if (route.hosts.length > 0 && findRoute([{ ...route, hosts: [] }], request) !== null)
    return `takes it for host ${route.hosts.map(({ type, value }) => (type === 'exact' ? value : `*.${value}`)).join(', ')} only`;
  if (rules.type === 'grpc') return byRpc(rules.rules, request);
  for (const match of matchesOf(rules)) {
    const takes = (part: Partial<HttpRouteMatch>) => takesIt(route, { ...match, ...part }, request);
    if (match.method !== null && takes({ method: null })) return `takes this path by ${match.method} only`;
    if (match.headers.length > 0 && takes({ headers: [] })) return `takes it with ${namesOf('header', match.headers)} only`;
    if (match.queryParams.length > 0 && takes({ queryParams: [] }))
      return `takes it with ${namesOf('query parameter', match.queryParams)} only`;
  }
  return null;
}

/** A path that is a slash or a segment away. */
function byPath(route: InboundRoute, request: HttpRequest): string | null {
  if (route.rules.type !== 'http') return null;
  for (const match of matchesOf(route.rules)) {
    if (match.path === null || match.path.type === 'regex' || !takesIt(route, { ...match, path: null }, request)) continue;
    const words = pathWords(match.path.value, pathOf(request.path), match.path.type === 'prefix');
    if (words !== null) return `takes ${showMatch({ ...match, method: null, headers: [], queryParams: [] })}: ${words}`;
  }
  return null;
}

function pathWords(wanted: string, path: string, isPrefix: boolean): string | null {
  const [want, all] = [segmentsOf(wanted), segmentsOf(path)];
  if (want.join('/') === all.join('/')) return `the path has a slash too ${path.length > wanted.length ? 'many' : 'few'} at its end`;
  const own = isPrefix ? all.slice(0, want.length) : all;
  const shared = want.findIndex((segment, i) => segment !== own[i]);
  const first = shared < 0 ? want.length : shared;
  if (own.length === want.length + 1 && first === want.length) return `the path has a segment more, ${own.at(-1)}`;
  if (own.length === want.length - 1 && first === own.length && first > 0) return `the path lacks the segment ${want.at(-1)}`;
  const [asked = '', came = ''] = [want[first], own[first]];
  const isOne = own.length === want.length && want.slice(first + 1).join('/') === own.slice(first + 1).join('/');
  const isAlike = want.length > 1 || isSlip(asked, came) || came.startsWith(asked);
  return isOne && isAlike ? `the path has the segment ${came} instead of ${asked}` : null;
}

function segmentsOf(path: string): readonly string[] {
  return path.replace(/\/+$/, '').split('/').slice(1);
}

/** Another method of the service, or a service one letter away. */
function byRpc(rules: readonly RouteRule<GrpcRouteMatch>[], { path }: HttpRequest): string | null {
  const [service = '', method = ''] = segmentsOf(pathOf(path));
  const rpcs = rules.flatMap(({ matches }) => matches.flatMap(({ rpc, headers }) => (rpc === null ? [] : [{ ...rpc, headers }])));
  const takesMethod = (rpc: { readonly method: string }) => rpc.method === '' || rpc.method === method;
  const whole = rpcs.find((rpc) => (rpc.service === '' || rpc.service === service) && takesMethod(rpc));
  if (whole !== undefined) return `takes it with ${namesOf('header', whole.headers)} only`;
  const methods = rpcs.filter((rpc) => rpc.service === service && rpc.method !== '').map((rpc) => rpc.method);
  if (methods.length > 0) return `takes ${methods.join(', ')} of ${service} only`;
  const slip = rpcs.find((rpc) => isSlip(rpc.service, service) && takesMethod(rpc));
  return slip === undefined ? null : `takes service ${slip.service}, one letter away`;
}

function matchesOf({ rules }: Http): readonly HttpRouteMatch[] {
  return rules.flatMap(({ matches }) => matches);
}

function takesIt(route: InboundRoute, match: HttpRouteMatch, request: HttpRequest): boolean {
  return findRoute([{ ...route, rules: { type: 'http', rules: [{ matches: [match], filters: [] }] } }], request) !== null;
}

function namesOf(what: string, parts: readonly { readonly name: string }[]): string {
  return `${what} ${parts.map(({ name }) => name).join(', ')}`;
}
