/**
 * What the policy controller tells a proxy about one port of one workload, in Linkerd's own nouns
 * (linkerd2 `policy-controller/core/src/inbound.rs`, linkerd2-proxy `linkerd/proxy/server-policy`).
 */
import type { Network } from './network.ts';
import type { ObjectRef } from './resource.ts';

/** The three labels by which metrics and logs name a Server, a route or an authorization. */
export interface Labels {
  /** Empty for defaults. */
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/** `srv_*`: `policy.linkerd.io/server/NAME`, or `default` with the default policy's name, or `invalid`. */
export type ServerRef = Labels;
/** `route_*`: a route resource, or `default`, `probe`, `invalid`. */
export type RouteRef = Labels;
/** `authz_*`: an AuthorizationPolicy, ServerAuthorization, default policy, `probe` or `localhost`. */
export type AuthorizationRef = Labels;

export type ProxyProtocol = 'detect' | 'http1' | 'http2' | 'grpc' | 'opaque' | 'tls';

/** What a client must prove. `identities` and `suffixes` are OR-ed; an empty suffix (`*`) takes any DNS-form identity. */
export type ClientAuthentication =
  | { readonly type: 'unauthenticated' }
  | { readonly type: 'tls-unauthenticated' }
  | {
      readonly type: 'tls-authenticated';
      readonly identities: readonly string[];
      /** Without the leading `*`: `''` or `.ns.serviceaccount.…`. */
      readonly suffixes: readonly string[];
    };

/** A network of an authorization with the addresses it leaves out. */
export interface NetworkMatch {
  readonly net: Network;
  readonly except: readonly Network[];
}

/** One authorization: both the network and the authentication must match. */
export interface ClientAuthorization {
  readonly ref: AuthorizationRef;
  /** The object behind `ref`; null for defaults. */
  readonly object: ObjectRef | null;
  /** The authentication objects that were read to build it: MeshTLSAuthentication, NetworkAuthentication, ServiceAccount. */
  readonly via: readonly ObjectRef[];
  readonly authentication: ClientAuthentication;
  readonly networks: readonly NetworkMatch[];
}

export type PathMatch =
  | { readonly type: 'exact'; readonly value: string }
  | { readonly type: 'prefix'; readonly value: string }
  | { readonly type: 'regex'; readonly value: string };

export type ValueMatch = { readonly type: 'exact' | 'regex'; readonly name: string; readonly value: string };

export interface HttpRouteMatch {
  readonly path: PathMatch | null;
  readonly headers: readonly ValueMatch[];
  readonly queryParams: readonly ValueMatch[];
  readonly method: string | null;
}

/** `''` = unset. A match with headers and neither part makes the proxy refuse the whole policy. */
export interface GrpcRouteMatch {
  readonly rpc: { readonly service: string; readonly method: string } | null;
  readonly headers: readonly ValueMatch[];
}

export interface RedirectFilter {
  readonly type: 'RequestRedirect';
  readonly scheme: string | null;
  readonly hostname: string | null;
  readonly port: number | null;
  readonly path:
    | { readonly type: 'ReplaceFullPath'; readonly value: string }
    | { readonly type: 'ReplacePrefixMatch'; readonly value: string }
    | null;
  readonly statusCode: number | null;
}
export interface HeaderFilter {
  readonly type: 'RequestHeaderModifier' | 'ResponseHeaderModifier';
}
export type RouteFilter = RedirectFilter | HeaderFilter;

export type HostMatch = { readonly type: 'exact' | 'suffix'; readonly value: string };

export interface RouteRule<M> {
  readonly matches: readonly M[];
  readonly filters: readonly RouteFilter[];
}

/** A route of an InboundServer; `authorizations` are the route's own, without those of the Server. */
export interface InboundRoute {
  readonly ref: RouteRef;
  readonly object: ObjectRef | null;
  readonly hosts: readonly HostMatch[];
  readonly authorizations: readonly ClientAuthorization[];
  readonly rules:
    | { readonly type: 'http'; readonly rules: readonly RouteRule<HttpRouteMatch>[] }
    | { readonly type: 'grpc'; readonly rules: readonly RouteRule<GrpcRouteMatch>[] };
}

export interface RateLimit {
  readonly ref: Labels;
  readonly object: ObjectRef;
  /** Requests per second; null = not limited. */
  readonly total: number | null;
  readonly identity: number | null;
  readonly overrides: readonly { readonly requestsPerSecond: number; readonly identities: readonly string[] }[];
}

export type DefaultPolicy =
  | 'all-unauthenticated'
  | 'all-authenticated'
  | 'cluster-unauthenticated'
  | 'cluster-authenticated'
  | 'deny'
  | 'audit';

/** Where the default policy of a port came from. */
export interface DefaultPolicyOrigin {
  readonly policy: DefaultPolicy;
  readonly from: 'pod-annotation' | 'cluster-default';
  /** The annotation's value when it is not a policy and was therefore ignored. */
  readonly ignoredAnnotation: string | null;
  /** True where `proxy-require-identity-inbound-ports` turned the policy into its authenticated sibling. */
  readonly identityRequired: boolean;
}

/** The policy in force for one port of one workload, with what led to it. */
export interface InboundServer {
  readonly ref: ServerRef;
  readonly protocol: ProxyProtocol;
  readonly authorizations: readonly ClientAuthorization[];
  /** In the controller's order; null for `opaque` and `tls`. */
  readonly routes: readonly InboundRoute[] | null;
  readonly rateLimit: RateLimit | null;
  /** Not null: the proxy cannot use this policy and falls back to its `invalid` one. The reason in the proxy's words. */
  readonly rejectedByProxy: string | null;
  /** The Server that took the port; null: the default policy applies. */
  readonly server: ObjectRef | null;
  /** Servers that select the port too but are younger (or later by name): no effect here. */
  readonly overshadowed: readonly ObjectRef[];
  /** What applies (or would, without the Server). */
  readonly defaultPolicy: DefaultPolicyOrigin;
}
