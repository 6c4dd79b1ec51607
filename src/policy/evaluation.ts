/** The question put to the law, and its answer. The verdict words are the oracle's: Linkerd's own outcomes, and `undecided`. */
import type {
  AuthorizationRef,
  ClientAuthorization,
  InboundServer,
  Labels,
  NetworkMatch,
  ProxyProtocol,
  RouteRef,
  ServerRef,
} from './inbound.ts';
import type { Network } from './network.ts';

/** The client side of a connection as the server's proxy sees it (linkerd2-proxy `ConditionalServerTls`). */
export type ClientTls =
  /** Mesh TLS; `clientId` null: no client certificate was presented. */
  | { readonly state: 'established'; readonly clientId: string | null }
  /** TLS for somebody else, passed through (metric `tls="opaque"`). */
  | { readonly state: 'passthru'; readonly sni: string }
  | { readonly state: 'none'; readonly reason: 'no_tls_from_remote' | 'port_skipped' | 'loopback' | 'disabled' };

/** null = not observed: no single source carries everything. */
export interface Connection {
  /** An address that was not observed is never taken for loopback: that traffic does not pass the inbound proxy. */
  readonly clientIp: string | null;
  readonly tls: ClientTls | null;
}

export interface HttpRequest {
  readonly version: string;
  readonly method: string;
  /** null: the request has none. */
  readonly authority: string | null;
  /** With the query. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Adds `content-type: application/grpc`. */
  readonly grpc: boolean;
}

/**
 * What is judged. A log line or a counter names the route, not the request: `http-on-route` takes the proxy's word for it.
 * `http-unknown`: HTTP, and neither is known.
 */
export type Traffic =
  | { readonly type: 'tcp' }
  | { readonly type: 'http'; readonly request: HttpRequest }
  | { readonly type: 'http-on-route'; readonly route: RouteRef }
  | { readonly type: 'http-unknown' };

export type Verdict =
  | 'allow'
  | 'deny'
  | 'route_not_found'
  | 'ratelimited'
  | 'redirect'
  | 'invalid_redirect'
  | 'unknown_workload'
  | 'undecided';

/** Evidence that would decide. */
export type Missing = 'client-address' | 'client-tls' | 'request' | 'route' | 'port' | 'policy';

/** What is required stands in the authorization, what was observed in the evaluation's connection. */
export type NetworkReason =
  | { readonly match: 'yes'; readonly by: NetworkMatch }
  /** In none of the networks; `exceptedBy`: in one of them, but in this exception of it. */
  | { readonly match: 'no'; readonly exceptedBy: Network | null }
  | { readonly match: 'unobserved' };

export type AuthenticationReason =
  /** `by`: the identity, or the pattern (`*`, `*.suffix`), that matched; null where no identity is asked for. */
  | { readonly match: 'yes'; readonly by: string | null }
  /** `no-tls`, `passthru`, `no-client-identity`: what the client showed instead of an identity; `identity-not-listed`: another one; `uri-identity`: a SPIFFE id, which no wildcard takes. */
  | { readonly match: 'no'; readonly why: 'no-tls' | 'passthru' | 'no-client-identity' | 'identity-not-listed' | 'uri-identity' }
  | { readonly match: 'unobserved' };

/** One authorization that was looked at, and why it did or did not apply. */
export interface Considered {
  readonly authorization: ClientAuthorization;
  readonly applies: 'yes' | 'no' | 'unobserved';
  readonly network: NetworkReason;
  readonly authentication: AuthenticationReason;
}

export interface Evaluation {
  readonly verdict: Verdict;
  /** Not empty exactly when `undecided`. */
  readonly missing: readonly Missing[];
  readonly protocol: ProxyProtocol;
  readonly server: ServerRef;
  /** null for TCP and when no route matched (or which one is unknown). */
  readonly route: RouteRef | null;
  /** Every authorization of the matched route (TCP: of the Server), in the order the policy lists them, `localhost` last. Empty where Linkerd looks at none. */
  readonly considered: readonly Considered[];
  /** Text of the rate-limit or redirect error, in the proxy's words. */
  readonly error: string | null;
  readonly redirect: { readonly status: number; readonly location: string } | null;
  readonly rateLimitedBy: Labels | null;
  readonly connection: Connection;
  readonly traffic: Traffic;
  /** The policy that was evaluated. */
  readonly policy: InboundServer;
}

/** Every authorization that permits the client, and all that do not. */
export function authorizationsOf(evaluation: Evaluation): {
  readonly apply: readonly AuthorizationRef[];
  readonly not: readonly AuthorizationRef[];
} {
  const apply: AuthorizationRef[] = [];
  const not: AuthorizationRef[] = [];
  for (const c of evaluation.considered) (c.applies === 'yes' ? apply : not).push(c.authorization.ref);
  return { apply, not };
}
