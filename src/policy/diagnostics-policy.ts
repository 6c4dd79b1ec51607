/**
 * A policy as `linkerd diagnostics policy -o json` prints it: Go's `encoding/json` of what the controller sends (linkerd2-proxy-api
 * `go/{inbound,net,meta,http_route,grpc_route}`). Zero values are left out, a oneof is a capitalised wrapper.
 */
import { parse } from 'yaml';
import type {
  ClientAuthorization,
  GrpcRouteMatch,
  HostMatch,
  HttpRouteMatch,
  InboundRoute,
  InboundServer,
  Labels,
  RateLimit,
  RouteFilter,
  ValueMatch,
} from './inbound.ts';
import type { Network } from './network.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type Rec = { readonly [key: string]: Json };

/** Integers beyond 2^53 become their digits. Throws SyntaxError. */
export function parseGoJson(text: string): Json {
  const exactly = (_key: string, value: unknown, context: { readonly source?: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) ? (context.source ?? value) : value;
  return JSON.parse(text, exactly as (key: string, value: unknown) => unknown) as Json;
}

/** The same out of JSON or YAML, as Linkerd's CLI prints it. Throws an Error where it is neither. */
export function parseDiagnostics(text: string): Json {
  if (/^\s*\{/.test(text)) return parseGoJson(text);
  const value: unknown = parse(text, { intAsBigInt: true, maxAliasCount: 0, logLevel: 'error' });
  return parseGoJson(JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? exactly(inner) : inner)) ?? 'null');
}

function exactly(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}

const PROTOCOLS = { detect: 'Detect', http1: 'Http1', http2: 'Http2', grpc: 'Grpc', opaque: 'Opaque', tls: 'Tls' } as const;

/** The policy in that form. */
export function diagnosticsPolicy(policy: Omit<InboundServer, 'defaultPolicy'>): Rec {
  const routes = policy.routes === null ? [] : policy.routes.map(goRoute);
  const limit = policy.rateLimit === null ? null : goRateLimit(policy.rateLimit);
  const kind =
    policy.protocol === 'detect'
      ? { timeout: { seconds: 10 }, http_routes: routes, http_local_rate_limit: limit }
      : { routes, local_rate_limit: limit };
  return {
    protocol: { Kind: { [PROTOCOLS[policy.protocol]]: set(kind) } },
    ...set({ authorizations: policy.authorizations.map(goAuthorization) }),
    labels: { ...policy.ref },
  };
}

/** Without what Go leaves out. */
function set(fields: Rec): Rec {
  const isZero = (v: Json) => v === null || v === 0 || v === '' || v === '0' || (Array.isArray(v) && v.length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isZero(value)));
}

function goMetadata({ group, kind, name }: Labels): Rec {
  return { Kind: group === '' && kind === 'default' ? { Default: name } : { Resource: { group, kind, name } } };
}

function goRoute(route: InboundRoute): Rec {
  const { rules } = route;
  return {
    metadata: goMetadata(route.ref),
    ...set({
      hosts: route.hosts.map(goHost),
      authorizations: route.authorizations.map(goAuthorization),
      rules:
        rules.type === 'http'
          ? rules.rules.map((r) => set({ matches: r.matches.map(goHttpMatch), filters: goFilters(r.filters) }))
          : rules.rules.map((r) => set({ matches: r.matches.map(goGrpcMatch), filters: goFilters(r.filters) })),
    }),
  };
}

function goHost({ type, value }: HostMatch): Rec {
  return { Match: type === 'exact' ? { Exact: value } : { Suffix: { reverse_labels: value.split('.').reverse() } } };
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'CONNECT', 'HEAD', 'TRACE'];

function goHttpMatch(match: HttpRouteMatch): Rec {
  const { path, method } = match;
  const registered = method === null ? -1 : METHODS.indexOf(method);
  return set({
    path: path === null ? null : { Kind: { [capital(path.type)]: path.value } },
    headers: match.headers.map(goHeader),
    query_params: match.queryParams.map(({ type, name, value }) => set({ name, Value: { [capital(type)]: value } })),
    method: method === null ? null : { Type: registered < 0 ? { Unregistered: method } : { Registered: registered } },
  });
}

function goGrpcMatch({ rpc, headers }: GrpcRouteMatch): Rec {
  return set({ rpc: rpc === null ? null : set({ service: rpc.service, method: rpc.method }), headers: headers.map(goHeader) });
}

/** Exact values are bytes, printed in base64. */
function goHeader({ type, name, value }: ValueMatch): Rec {
  return set({ name, Value: type === 'exact' ? { Exact: base64(value) } : { Regex: value } });
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** Of header modifiers the kind alone, as in our form. */
function goFilters(filters: readonly RouteFilter[]): readonly Rec[] {
  return filters.flatMap((filter): Rec[] => {
    if (filter.type === 'ResponseHeaderModifier') return [];
    if (filter.type !== 'RequestRedirect') return [{ Kind: { RequestHeaderModifier: {} } }];
    const { scheme, path } = filter;
    const registered = ['http', 'https'].indexOf(scheme ?? '');
    const replace = path === null ? null : { Replace: { [path.type === 'ReplaceFullPath' ? 'Full' : 'Prefix']: path.value } };
    const goScheme = scheme === null ? null : { Type: registered < 0 ? { Unregistered: scheme } : { Registered: registered } };
    return [
      { Kind: { Redirect: set({ scheme: goScheme, host: filter.hostname, path: replace, port: filter.port, status: filter.statusCode }) } },
    ];
  });
}

function goAuthorization(authorization: ClientAuthorization): Rec {
  const networks = authorization.networks.map(({ net, except }) => set({ net: goNetwork(net), except: except.map(goNetwork) }));
  return {
    networks,
    authentication: { Permit: goAuthentication(authorization) },
    labels: { ...authorization.ref },
    metadata: goMetadata(authorization.ref),
  };
}

function goAuthentication({ authentication }: ClientAuthorization): Rec {
  if (authentication.type === 'unauthenticated') return { Unauthenticated: {} };
  if (authentication.type === 'tls-unauthenticated') return { MeshTLS: { Clients: { Unauthenticated: {} } } };
  const identities = authentication.identities.map((name) => set({ name }));
  const suffixes = authentication.suffixes.map((suffix) => set({ parts: suffix === '' ? [] : suffix.slice(1).split('.') }));
  return { MeshTLS: { Clients: { Identities: set({ identities, suffixes }) } } };
}

function goNetwork({ address, prefix }: Network): Rec {
  const [a = 0, b = 0, c = 0, d = 0] = address.words;
  const ip = address.family === 4 ? { Ipv4: a } : { Ipv6: set({ first: word(a, b), last: word(c, d) }) };
  return set({ ip: { Ip: ip }, prefix_len: prefix });
}

/** A 64-bit number out of two halves, as `parseGoJson` reads it. */
function word(high: number, low: number): number | string {
  const value = (BigInt(high) << 32n) | BigInt(low);
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
}

function goRateLimit(limit: RateLimit): Rec {
  const rate = (requestsPerSecond: number | null) => (requestsPerSecond === null ? null : set({ requestsPerSecond }));
  return set({
    metadata: goMetadata(limit.ref),
    total: rate(limit.total),
    identity: rate(limit.identity),
    overrides: limit.overrides.map((o) => ({
      limit: set({ requestsPerSecond: o.requestsPerSecond }),
      clients: set({ identities: o.identities.map((name) => ({ name })) }),
    })),
  });
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

const UNORDERED = new Set(['authorizations', 'identities', 'suffixes']);

/** Lists that Linkerd fills from hash maps, sorted (so are the probes' matches); the contents of header modifiers left out. */
export function inOrder(value: Json, ofProbes = false): Json {
  if (Array.isArray(value)) return value.map((item) => inOrder(item, ofProbes));
  if (typeof value !== 'object' || value === null) return value;
  const isProbes = ofProbes || isProbeRoute(value as Rec);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key === 'RequestHeaderModifier') return [key, {}];
      const ordered = inOrder(inner, isProbes);
      const isUnordered = UNORDERED.has(key) || (key === 'matches' && isProbes);
      return [key, Array.isArray(ordered) && isUnordered ? ordered.toSorted(byText) : ordered];
    }),
  );
}

function isProbeRoute({ metadata, rules }: Rec): boolean {
  return rules !== undefined && JSON.stringify(metadata) === '{"Kind":{"Default":"probe"}}';
}

/** By labels first, so that what differs inside is reported where it is. */
function byText(a: Json, b: Json): number {
  const [left, right] = [sortKey(a), sortKey(b)];
  return left === right ? 0 : left < right ? -1 : 1;
}

function sortKey(value: Json): string {
  const labels = (value as { readonly labels?: Labels }).labels;
  return labels === undefined ? JSON.stringify(value) : `${labels.kind}/${labels.name}`;
}
