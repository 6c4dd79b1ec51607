/** The decision of a proxy, with everything it looked at (linkerd2-proxy `linkerd/app/inbound/src/policy/{http,tcp}.rs`). */
import { UNAUTHENTICATED } from './default-policy.ts';
import type {
  AuthenticationReason,
  ClientTls,
  Connection,
  Considered,
  Evaluation,
  HttpRequest,
  Missing,
  NetworkReason,
  Traffic,
  Verdict,
} from './evaluation.ts';
import { findRoute, type RouteChoice } from './http-match.ts';
import { isUriIdentity, suffixMatches } from './identity.ts';
import type { ClientAuthentication, ClientAuthorization, InboundRoute, InboundServer, Labels, RouteRef } from './inbound.ts';
import { type Address, contains, type Network, parseAddress, parseNetwork } from './network.ts';
import { createRateLimiter, type RateLimiter } from './rate-limit.ts';
import { redirect } from './redirect.ts';

/** What the proxy adds to every policy that the controller sends. */
const LOCALHOST: ClientAuthorization = {
  ref: { group: '', kind: 'default', name: 'localhost' },
  object: null,
  via: [],
  authentication: UNAUTHENTICATED,
  networks: ['127.0.0.1', '::1'].map((text) => ({ net: parseNetwork(text) as Network, except: [] })),
};
const INVALID: Labels = { group: '', kind: 'default', name: 'invalid' };

/** Decides one request or connection. Without a `limiter` the rate limiter is taken as full. */
export function evaluate(policy: InboundServer, connection: Connection, traffic: Traffic, limiter?: RateLimiter): Evaluation {
  if (policy.rejectedByProxy !== null) return evaluateInvalid(policy, connection, traffic);
  if (traffic.type === 'tcp') return evaluateTcp(policy, connection, traffic);
  if (policy.routes === null) return evaluation(policy, connection, traffic, 'route_not_found', null, NONE_CONSIDERED);
  if (traffic.type === 'http') {
    const choice = findRoute(policy.routes, traffic.request);
    if (choice === null) return evaluation(policy, connection, traffic, 'route_not_found', null, NONE_CONSIDERED);
    const judged = evaluateRoute(policy, connection, traffic, choice.route);
    return judged.verdict === 'allow' ? afterAuthorization(judged, traffic.request, choice, limiter) : judged;
  }
  if (traffic.type === 'http-on-route') {
    const route = policy.routes.find((r) => sameLabels(r.ref, traffic.route));
    if (route !== undefined) return evaluateRoute(policy, connection, traffic, route);
    return { ...evaluation(policy, connection, traffic, 'undecided', traffic.route, NONE_CONSIDERED), missing: ['policy'] };
  }
  return evaluateAnyRoute(policy, policy.routes, connection, traffic);
}

/** The proxy's own `invalid` policy: protocol `detect`, one route, and nobody may, 127.0.0.1 included. */
function evaluateInvalid(policy: InboundServer, connection: Connection, traffic: Traffic): Evaluation {
  const base = evaluation(policy, connection, traffic, 'deny', traffic.type === 'tcp' ? null : INVALID, NONE_CONSIDERED);
  return { ...base, protocol: 'detect', server: INVALID };
}

/** Route policies do not count for TCP; a port declared as HTTP refuses raw TCP whoever asks, localhost included. */
function evaluateTcp(policy: InboundServer, connection: Connection, traffic: Traffic): Evaluation {
  const considersAny = policy.protocol === 'detect' || policy.protocol === 'opaque' || policy.protocol === 'tls';
  if (!considersAny) return evaluation(policy, connection, traffic, 'deny', null, NONE_CONSIDERED);
  return judge(policy, connection, traffic, null, policy.authorizations);
}

function evaluateRoute(policy: InboundServer, connection: Connection, traffic: Traffic, route: InboundRoute): Evaluation {
  return judge(policy, connection, traffic, route.ref, route.authorizations, policy.authorizations);
}

/** HTTP of which neither request nor route is known: decided only if every route says the same. */
function evaluateAnyRoute(policy: InboundServer, routes: readonly InboundRoute[], connection: Connection, traffic: Traffic): Evaluation {
  const perRoute = routes.map((route) => evaluateRoute(policy, connection, traffic, route));
  const first = perRoute[0];
  const takesAll = routes.some((route) => route.ref.kind === 'default' && route.ref.name === 'default');
  if (first !== undefined && takesAll && perRoute.every((e) => e.verdict === first.verdict)) return first;
  return { ...evaluation(policy, connection, traffic, 'undecided', null, NONE_CONSIDERED), missing: ['request'] };
}

function afterAuthorization(judged: Evaluation, request: HttpRequest, choice: RouteChoice, limiter: RateLimiter | undefined): Evaluation {
  for (const filter of choice.route.rules.rules[choice.rule]?.filters ?? []) {
    if (filter.type !== 'RequestRedirect') continue;
    const result = redirect(filter, request, choice);
    if (result === null) continue;
    if ('error' in result) return { ...judged, verdict: 'invalid_redirect', error: result.error };
    return { ...judged, verdict: 'redirect', redirect: result };
  }
  const { rateLimit } = judged.policy;
  if (rateLimit === null) return judged;
  const { tls } = judged.connection;
  const error = (limiter ?? createRateLimiter(rateLimit)).take(tls?.state === 'established' ? tls.clientId : null);
  return error === null ? judged : { ...judged, verdict: 'ratelimited', error, rateLimitedBy: rateLimit.ref };
}

const NONE_CONSIDERED: readonly Considered[] = [];
const NOTHING_MISSING: readonly Missing[] = [];
const NO_AUTHORIZATIONS: readonly ClientAuthorization[] = [];

/** Written out, not spread: this is made once per decision. */
function evaluation(
  policy: InboundServer,
  connection: Connection,
  traffic: Traffic,
  verdict: Verdict,
  route: RouteRef | null,
  considered: readonly Considered[],
): Evaluation {
  return {
    verdict,
    missing: verdict === 'undecided' ? missingOf(considered) : NOTHING_MISSING,
    protocol: policy.protocol,
    server: policy.ref,
    route,
    considered,
    error: null,
    redirect: null,
    rateLimitedBy: null,
    connection,
    traffic,
    policy,
  };
}

function judge(
  policy: InboundServer,
  connection: Connection,
  traffic: Traffic,
  route: RouteRef | null,
  own: readonly ClientAuthorization[],
  server: readonly ClientAuthorization[] = NO_AUTHORIZATIONS,
): Evaluation {
  const address = connection.clientIp === null ? null : parseAddress(connection.clientIp);
  const { tls } = connection;
  const considered: Considered[] = [];
  for (const authorization of own) considered.push(consider(authorization, address, tls));
  for (const authorization of server) considered.push(consider(authorization, address, tls));
  considered.push(consider(LOCALHOST, address, tls));
  return evaluation(policy, connection, traffic, verdictOf(considered), route, considered);
}

/** Any one that applies suffices. */
function verdictOf(considered: readonly Considered[]): Verdict {
  let open = false;
  for (const { applies } of considered) {
    if (applies === 'yes') return 'allow';
    if (applies === 'unobserved') open = true;
  }
  return open ? 'undecided' : 'deny';
}

function missingOf(considered: readonly Considered[]): readonly Missing[] {
  const open = considered.filter((c) => c.applies === 'unobserved');
  const missing: Missing[] = [];
  if (open.some((c) => c.network.match === 'unobserved')) missing.push('client-address');
  if (open.some((c) => c.authentication.match === 'unobserved')) missing.push('client-tls');
  return missing;
}

function consider(authorization: ClientAuthorization, address: Address | null, tls: ClientTls | null): Considered {
  const network = matchNetwork(authorization, address);
  const authentication = matchAuthentication(authorization.authentication, tls);
  const no = network.match === 'no' || authentication.match === 'no';
  const yes = network.match === 'yes' && authentication.match === 'yes';
  return { authorization, applies: no ? 'no' : yes ? 'yes' : 'unobserved', network, authentication };
}

const NETWORK_UNOBSERVED: NetworkReason = { match: 'unobserved' };
const NETWORK_OUTSIDE: NetworkReason = { match: 'no', exceptedBy: null };

function matchNetwork(authorization: ClientAuthorization, address: Address | null): NetworkReason {
  if (address === null) return matchUnknownAddress(authorization);
  let exceptedBy: Network | null = null;
  for (const by of authorization.networks) {
    if (!contains(by.net, address)) continue;
    const except = by.except.find((e) => contains(e, address));
    if (except === undefined) return { match: 'yes', by };
    exceptedBy ??= except;
  }
  return exceptedBy === null ? NETWORK_OUTSIDE : { match: 'no', exceptedBy };
}

/** An unknown address lies in a network that leaves nothing out, and is not loopback. */
function matchUnknownAddress(authorization: ClientAuthorization): NetworkReason {
  if (authorization === LOCALHOST) return NETWORK_OUTSIDE;
  const everywhere = (family: 4 | 6) =>
    authorization.networks.find((n) => n.net.prefix === 0 && n.net.address.family === family && n.except.length === 0);
  const by = everywhere(4);
  return by !== undefined && everywhere(6) !== undefined ? { match: 'yes', by } : NETWORK_UNOBSERVED;
}

const NOT_ASKED: AuthenticationReason = { match: 'yes', by: null };
const AUTHENTICATION_UNOBSERVED: AuthenticationReason = { match: 'unobserved' };
const NO_TLS: AuthenticationReason = { match: 'no', why: 'no-tls' };
const PASSTHRU: AuthenticationReason = { match: 'no', why: 'passthru' };
const NO_CLIENT_IDENTITY: AuthenticationReason = { match: 'no', why: 'no-client-identity' };
const NOT_LISTED: AuthenticationReason = { match: 'no', why: 'identity-not-listed' };
const URI_IDENTITY: AuthenticationReason = { match: 'no', why: 'uri-identity' };

function matchAuthentication(required: ClientAuthentication, tls: ClientTls | null): AuthenticationReason {
  if (required.type === 'unauthenticated') return NOT_ASKED;
  if (tls === null) return AUTHENTICATION_UNOBSERVED;
  if (tls.state !== 'established') return tls.state === 'passthru' ? PASSTHRU : NO_TLS;
  if (required.type === 'tls-unauthenticated') return NOT_ASKED;
  const id = tls.clientId;
  if (id === null) return NO_CLIENT_IDENTITY;
  if (required.identities.includes(id)) return { match: 'yes', by: id };
  const suffix = required.suffixes.find((s) => suffixMatches(s, id));
  if (suffix !== undefined) return { match: 'yes', by: `*${suffix}` };
  return required.suffixes.length > 0 && isUriIdentity(id) ? URI_IDENTITY : NOT_LISTED;
}

export function sameLabels(a: RouteRef, b: RouteRef): boolean {
  return a.name === b.name && a.kind === b.kind && a.group === b.group;
}
