/** The specs of routes as Linkerd reads them (linkerd2 `policy-controller/k8s/api/src/policy/httproute.rs`; crate `gateway-api`, Gateway API 1.2, experimental channel). */
import { type GoDuration, goDuration } from './go-duration.ts';
import { cannotParse } from './refusal.ts';
import { type Decoder, i32, i64, list, optional, optionalByDefault, required, string, struct, tagged, variant } from './serde.ts';

const parentRef = struct('ParentRef', {
  group: optionalByDefault(string),
  kind: optionalByDefault(string),
  name: required(string),
  namespace: optionalByDefault(string),
  port: optionalByDefault(i32),
  sectionName: optionalByDefault(string),
});

export type ParentRef = ReturnType<typeof parentRef>;

const header = struct('Header', { name: required(string), value: required(string) });

const headerModifier = struct('HeaderModifier', {
  add: optionalByDefault(list(header)),
  remove: optionalByDefault(list(string)),
  set: optionalByDefault(list(header)),
});

export type HeaderModifier = ReturnType<typeof headerModifier>;

const pathModifier = struct('PathModifier', {
  replaceFullPath: optionalByDefault(string),
  replacePrefixMatch: optionalByDefault(string),
  type: required(variant(['ReplaceFullPath', 'ReplacePrefixMatch'])),
});

const requestRedirect = struct('RequestRedirect', {
  hostname: optionalByDefault(string),
  path: optionalByDefault(pathModifier),
  port: optionalByDefault(i32),
  scheme: optionalByDefault(variant(['http', 'https'])),
  statusCode: optionalByDefault(i64),
});

export type RequestRedirect = ReturnType<typeof requestRedirect>;

const mirrorBackend = struct('MirrorBackendRef', {
  group: optionalByDefault(string),
  kind: optionalByDefault(string),
  name: required(string),
  namespace: optionalByDefault(string),
  port: optionalByDefault(i32),
});

const requestMirror = struct('RequestMirror', {
  backendRef: required(mirrorBackend),
  fraction: optionalByDefault(struct('Fraction', { denominator: optionalByDefault(i32), numerator: required(i32) })),
  percent: optionalByDefault(i32),
});

const extensionRef = struct('ExtensionRef', { group: required(string), kind: required(string), name: required(string) });

const httpFilter = struct('HTTPRouteFilter', {
  extensionRef: optionalByDefault(extensionRef),
  requestHeaderModifier: optionalByDefault(headerModifier),
  requestMirror: optionalByDefault(requestMirror),
  requestRedirect: optionalByDefault(requestRedirect),
  responseHeaderModifier: optionalByDefault(headerModifier),
  type: required(
    variant(['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'RequestRedirect', 'URLRewrite', 'ExtensionRef']),
  ),
  urlRewrite: optionalByDefault(struct('URLRewrite', { hostname: optionalByDefault(string), path: optionalByDefault(pathModifier) })),
});

const grpcFilter = struct('GRPCRouteFilter', {
  extensionRef: optionalByDefault(extensionRef),
  requestHeaderModifier: optionalByDefault(headerModifier),
  requestMirror: optionalByDefault(requestMirror),
  responseHeaderModifier: optionalByDefault(headerModifier),
  type: required(variant(['ResponseHeaderModifier', 'RequestHeaderModifier', 'RequestMirror', 'ExtensionRef'])),
});

function backendRef<F>(filter: Decoder<F>) {
  return struct('BackendRef', {
    filters: optionalByDefault(list(filter)),
    group: optionalByDefault(string),
    kind: optionalByDefault(string),
    name: required(string),
    namespace: optionalByDefault(string),
    port: optionalByDefault(i32),
    weight: optionalByDefault(i32),
  });
}

export type BackendRef = ReturnType<ReturnType<typeof backendRef>>;

const matchType = variant(['Exact', 'RegularExpression']);

/** Of a header or a query parameter. */
const valueMatch = struct('ValueMatch', { name: required(string), type: optionalByDefault(matchType), value: required(string) });

export type ValueMatch = ReturnType<typeof valueMatch>;

const httpMatch = struct('HTTPRouteMatch', {
  headers: optionalByDefault(list(valueMatch)),
  method: optionalByDefault(variant(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])),
  path: optionalByDefault(
    struct('PathMatch', {
      type: optionalByDefault(variant(['Exact', 'PathPrefix', 'RegularExpression'])),
      value: optionalByDefault(string),
    }),
  ),
  queryParams: optionalByDefault(list(valueMatch)),
});

export type HTTPMatch = ReturnType<typeof httpMatch>;

const sessionPersistence = struct('SessionPersistence', {
  absoluteTimeout: optionalByDefault(string),
  cookieConfig: optionalByDefault(struct('CookieConfig', { lifetimeType: optionalByDefault(variant(['Permanent', 'Session'])) })),
  idleTimeout: optionalByDefault(string),
  sessionName: optionalByDefault(string),
  type: optionalByDefault(variant(['Cookie', 'Header'])),
});

export const gatewayHTTPRouteSpec = struct('HTTPRouteSpec', {
  hostnames: optionalByDefault(list(string)),
  parentRefs: optionalByDefault(list(parentRef)),
  rules: optionalByDefault(
    list(
      struct('HTTPRouteRule', {
        backendRefs: optionalByDefault(list(backendRef(httpFilter))),
        filters: optionalByDefault(list(httpFilter)),
        matches: optionalByDefault(list(httpMatch)),
        name: optionalByDefault(string),
        retry: optionalByDefault(
          struct('Retry', {
            attempts: optionalByDefault(i64),
            backoff: optionalByDefault(string),
            codes: optionalByDefault(list(i64)),
          }),
        ),
        sessionPersistence: optionalByDefault(sessionPersistence),
        timeouts: optionalByDefault(struct('Timeouts', { backendRequest: optionalByDefault(string), request: optionalByDefault(string) })),
      }),
    ),
  ),
});

export const grpcRouteSpec = struct('GRPCRouteSpec', {
  hostnames: optionalByDefault(list(string)),
  parentRefs: optionalByDefault(list(parentRef)),
  rules: optionalByDefault(
    list(
      struct('GRPCRouteRule', {
        backendRefs: optionalByDefault(list(backendRef(grpcFilter))),
        filters: optionalByDefault(list(grpcFilter)),
        matches: optionalByDefault(
          list(
            struct('GRPCRouteMatch', {
              headers: optionalByDefault(list(valueMatch)),
              method: optionalByDefault(
                struct('MethodMatch', {
                  method: optionalByDefault(string),
                  service: optionalByDefault(string),
                  type: optionalByDefault(matchType),
                }),
              ),
            }),
          ),
        ),
        name: optionalByDefault(string),
        sessionPersistence: optionalByDefault(sessionPersistence),
      }),
    ),
  ),
});

export type GRPCMatch = NonNullable<NonNullable<ReturnType<typeof grpcRouteSpec>['rules']>[number]['matches']>[number];

const streamRule = struct('RouteRule', {
  backendRefs: optionalByDefault(
    list(
      struct('BackendRef', {
        group: optionalByDefault(string),
        kind: optionalByDefault(string),
        name: required(string),
        namespace: optionalByDefault(string),
        port: optionalByDefault(i32),
        weight: optionalByDefault(i32),
      }),
    ),
  ),
  name: optionalByDefault(string),
});

export const tlsRouteSpec = struct('TLSRouteSpec', {
  hostnames: optionalByDefault(list(string)),
  parentRefs: optionalByDefault(list(parentRef)),
  rules: required(list(streamRule)),
});

export const tcpRouteSpec = struct('TCPRouteSpec', {
  parentRefs: optionalByDefault(list(parentRef)),
  rules: required(list(streamRule)),
});

const timeout: Decoder<GoDuration> = (value) => {
  const text = string(value);
  return (
    goDuration(text) ??
    cannotParse(`cannot read ${text} as a duration: expected numbers with a unit of 'ns', 'us', 'µs', 'ms', 's', 'm', or 'h'`)
  );
};

type LinkerdFilter =
  | { readonly type: 'HeaderModifier'; readonly modifier: HeaderModifier }
  | { readonly type: 'RequestRedirect'; readonly redirect: RequestRedirect };

const linkerdFilter = tagged<LinkerdFilter>('type', {
  RequestHeaderModifier: (value) => ({
    type: 'HeaderModifier',
    modifier: struct('RequestHeaderModifier', { requestHeaderModifier: required(headerModifier) })(value).requestHeaderModifier,
  }),
  ResponseHeaderModifier: (value) => ({
    type: 'HeaderModifier',
    modifier: struct('ResponseHeaderModifier', { responseHeaderModifier: required(headerModifier) })(value).responseHeaderModifier,
  }),
  RequestRedirect: (value) => ({
    type: 'RequestRedirect',
    redirect: struct('RequestRedirect', { requestRedirect: required(requestRedirect) })(value).requestRedirect,
  }),
});

/** Linkerd's own HTTPRoute. */
export const httpRouteSpec = struct('HttpRouteSpec', {
  parentRefs: optionalByDefault(list(parentRef)),
  hostnames: optional(list(string)),
  rules: optional(
    list(
      struct('HttpRouteRule', {
        matches: optional(list(httpMatch)),
        filters: optional(list(linkerdFilter)),
        backendRefs: optional(list(backendRef(httpFilter))),
        timeouts: optional(struct('HttpRouteTimeouts', { request: optional(timeout), backendRequest: optional(timeout) })),
      }),
    ),
  ),
});

export type Timeouts = NonNullable<NonNullable<ReturnType<typeof httpRouteSpec>['rules']>[number]['timeouts']>;
