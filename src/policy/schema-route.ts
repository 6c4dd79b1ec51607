/** Schemas of HTTPRoutes (Linkerd's and the Gateway API's) and GRPCRoutes, per served version (linkerd2 `charts/linkerd-crds`, edge-26.8.3; Gateway API 1.2, experimental channel). */
import {
  DNS_NAME,
  type FieldSchema,
  GROUP,
  integer,
  KIND,
  type KindSchema,
  type ListSchema,
  label,
  listOf,
  NAME,
  object,
  oneOf,
  type Schema,
  text,
  withDefault,
} from './schema-words.ts';

const NAMESPACE = label({ min: 1, max: 63 });
const PORT = integer({ min: 1, max: 65535 });
const HOSTNAMES = listOf(text({ min: 1, max: 253, pattern: new RegExp(`^(\\*\\.)?${DNS_NAME.source.slice(1)}`) }), { max: 16 });

function parentRefs(port: Schema): Schema {
  const ref = object(
    {
      group: withDefault(GROUP),
      kind: withDefault(KIND),
      name: NAME,
      namespace: NAMESPACE,
      port,
      sectionName: text({ min: 1, max: 253, pattern: DNS_NAME }),
    },
    { required: ['name'] },
  );
  return listOf(ref, { max: 32 });
}

const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;
const HEADER_NAME = text({ min: 1, max: 256, pattern: TOKEN });
const HEADER_VALUE = text({ min: 1, max: 4096 });
const HEADERS = listOf(object({ name: HEADER_NAME, value: HEADER_VALUE }, { required: ['name', 'value'] }), { max: 16, unique: 'name' });

function headerModifier(remove: ListSchema): Schema {
  return object({ add: HEADERS, remove, set: HEADERS });
}
const LINKERD_MODIFIER = headerModifier(listOf(text(), { max: 16 }));
const GATEWAY_MODIFIER = headerModifier(listOf(text(), { max: 16, unique: 'item' }));

const PATH_MODIFIER = object(
  { replaceFullPath: text({ max: 1024 }), replacePrefixMatch: text({ max: 1024 }), type: oneOf('ReplaceFullPath', 'ReplacePrefixMatch') },
  { required: ['type'] },
);
const HOSTNAME = text({ min: 1, max: 253, pattern: DNS_NAME });
const REDIRECT = object({
  hostname: HOSTNAME,
  path: PATH_MODIFIER,
  port: PORT,
  scheme: oneOf('http', 'https'),
  statusCode: withDefault(integer({ values: [301, 302] })),
});

const EXTENSION_REF = object({ group: GROUP, kind: KIND, name: NAME }, { required: ['group', 'kind', 'name'] });
const SERVICE_FIELDS = { group: withDefault(GROUP), kind: withDefault(KIND), name: NAME, namespace: NAMESPACE, port: PORT };
const MIRROR = object({ backendRef: object(SERVICE_FIELDS, { required: ['name'] }) }, { required: ['backendRef'] });

/** The filter of each type has a field of its own; which one is given is not checked. */
function filters(types: readonly string[], fields: Readonly<Record<string, Schema>>): Schema {
  return listOf(object({ ...fields, type: oneOf(...types) }, { required: ['type'] }), { max: 16 });
}

const LINKERD_FILTERS = filters(['RequestHeaderModifier', 'RequestRedirect'], {
  requestHeaderModifier: LINKERD_MODIFIER,
  requestRedirect: REDIRECT,
});
const LINKERD_BACKEND_FILTERS = filters(['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect'], {
  requestHeaderModifier: LINKERD_MODIFIER,
  responseHeaderModifier: LINKERD_MODIFIER,
  requestRedirect: REDIRECT,
});
const GATEWAY_FILTERS = filters(
  ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'RequestRedirect', 'URLRewrite', 'ExtensionRef'],
  {
    extensionRef: EXTENSION_REF,
    requestHeaderModifier: GATEWAY_MODIFIER,
    requestMirror: MIRROR,
    requestRedirect: REDIRECT,
    responseHeaderModifier: GATEWAY_MODIFIER,
    urlRewrite: object({ hostname: HOSTNAME, path: PATH_MODIFIER }),
  },
);
const GRPC_FILTERS = filters(['ResponseHeaderModifier', 'RequestHeaderModifier', 'RequestMirror', 'ExtensionRef'], {
  extensionRef: EXTENSION_REF,
  requestHeaderModifier: GATEWAY_MODIFIER,
  requestMirror: MIRROR,
  responseHeaderModifier: GATEWAY_MODIFIER,
});

function backendRefs(backendFilters: Schema): Schema {
  const weight = withDefault(integer({ min: 0, max: 1_000_000 }));
  return listOf(object({ ...SERVICE_FIELDS, weight, filters: backendFilters }, { required: ['name'] }), { max: 16 });
}
/** Backends of the first two versions of Linkerd's HTTPRoute, which had no use for them yet. */
const FIRST_BACKEND_REFS = listOf(
  object({ name: text(), port: integer(), namespace: withDefault(text()), filters: LINKERD_BACKEND_FILTERS }),
);

const MATCH_TYPE = withDefault(oneOf('Exact', 'RegularExpression'));
const HEADER_MATCHES = listOf(object({ name: HEADER_NAME, type: MATCH_TYPE, value: HEADER_VALUE }, { required: ['name', 'value'] }), {
  max: 16,
  unique: 'name',
});

function httpMatches(queryName: Schema): FieldSchema {
  const queryParam = object({ name: queryName, type: MATCH_TYPE, value: text({ min: 1, max: 1024 }) }, { required: ['name', 'value'] });
  const path = object({
    type: withDefault(oneOf('Exact', 'PathPrefix', 'RegularExpression')),
    value: withDefault(text({ max: 1024 })),
  });
  const match = object({
    headers: HEADER_MATCHES,
    method: oneOf('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'),
    path: withDefault(path),
    queryParams: listOf(queryParam, { max: 16, unique: 'name' }),
  });
  return withDefault(listOf(match, { max: 8 }));
}

const GRPC_MATCHES = listOf(
  object({
    headers: HEADER_MATCHES,
    method: object({ method: text({ max: 1024 }), service: text({ max: 1024 }), type: MATCH_TYPE }),
  }),
  { max: 8 },
);

const GATEWAY_DURATION = text({ pattern: /^([0-9]{1,5}(h|m|s|ms)){1,4}$/ });
const SESSION_PERSISTENCE = object({
  absoluteTimeout: GATEWAY_DURATION,
  cookieConfig: object({ lifetimeType: withDefault(oneOf('Permanent', 'Session')) }),
  idleTimeout: GATEWAY_DURATION,
  sessionName: text({ max: 128 }),
  type: withDefault(oneOf('Cookie', 'Header')),
});

function timeouts(duration: Schema): Schema {
  return object({ backendRequest: duration, request: duration });
}

function linkerdRoute(port: Schema, rule: Readonly<Record<string, Schema>>): KindSchema {
  const matches = httpMatches(text({ min: 1, max: 256 }));
  const rules = listOf(object({ filters: LINKERD_FILTERS, matches, ...rule }), { max: 16 });
  return { spec: object({ hostnames: HOSTNAMES, parentRefs: parentRefs(port), rules: withDefault(rules) }), specRequired: true };
}

const GATEWAY_HTTP_ROUTE: KindSchema = {
  spec: object({
    hostnames: HOSTNAMES,
    parentRefs: parentRefs(PORT),
    rules: withDefault(
      listOf(
        object({
          backendRefs: backendRefs(GATEWAY_FILTERS),
          filters: GATEWAY_FILTERS,
          matches: httpMatches(HEADER_NAME),
          sessionPersistence: SESSION_PERSISTENCE,
          timeouts: timeouts(GATEWAY_DURATION),
        }),
        { max: 16 },
      ),
    ),
  }),
  specRequired: true,
};

const GRPC_ROUTE: KindSchema = {
  spec: object({
    hostnames: HOSTNAMES,
    parentRefs: parentRefs(PORT),
    rules: listOf(
      object({
        backendRefs: backendRefs(GRPC_FILTERS),
        filters: GRPC_FILTERS,
        matches: GRPC_MATCHES,
        sessionPersistence: SESSION_PERSISTENCE,
      }),
      { max: 16 },
    ),
  }),
  specRequired: false,
};

const LINKERD_HTTP_ROUTE_1 = linkerdRoute(integer(), { backendRefs: FIRST_BACKEND_REFS });
const LINKERD_BACKEND_REFS = backendRefs(LINKERD_BACKEND_FILTERS);

/** By `apiVersion/Kind`. */
export const ROUTE_SCHEMAS: ReadonlyMap<string, KindSchema> = new Map([
  ['policy.linkerd.io/v1alpha1/HTTPRoute', LINKERD_HTTP_ROUTE_1],
  ['policy.linkerd.io/v1beta1/HTTPRoute', LINKERD_HTTP_ROUTE_1],
  ['policy.linkerd.io/v1beta2/HTTPRoute', linkerdRoute(PORT, { backendRefs: LINKERD_BACKEND_REFS })],
  [
    'policy.linkerd.io/v1beta3/HTTPRoute',
    linkerdRoute(PORT, { backendRefs: LINKERD_BACKEND_REFS, timeouts: timeouts(text({ format: 'duration' })) }),
  ],
  ['gateway.networking.k8s.io/v1beta1/HTTPRoute', GATEWAY_HTTP_ROUTE],
  ['gateway.networking.k8s.io/v1/HTTPRoute', GATEWAY_HTTP_ROUTE],
  ['gateway.networking.k8s.io/v1alpha2/GRPCRoute', GRPC_ROUTE],
  ['gateway.networking.k8s.io/v1/GRPCRoute', GRPC_ROUTE],
]);
