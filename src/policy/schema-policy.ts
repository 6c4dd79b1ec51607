/** Schemas of Linkerd's kinds but its HTTPRoute, per served version (linkerd2 `charts/linkerd-crds`, edge-26.8.3). */
import {
  ANYTHING,
  BOOLEAN,
  GROUP,
  INT_OR_STRING,
  integer,
  KIND,
  type KindSchema,
  label,
  listOf,
  NAME,
  object,
  oneOf,
  type Schema,
  text,
  withDefault,
} from './schema-words.ts';

const EXPRESSION = object(
  { key: text(), operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'), values: listOf(text()) },
  { required: ['key', 'operator'] },
);

const SELECTOR_FIELDS = { matchLabels: ANYTHING, matchExpressions: listOf(EXPRESSION) };
const SELECTOR = object(SELECTOR_FIELDS);

const PORT_FIELDS = { port: INT_OR_STRING, proxyProtocol: withDefault(text()) };
const EITHER_SELECTOR = { podSelector: SELECTOR, externalWorkloadSelector: SELECTOR };
const EITHER = { required: ['port'], exactlyOne: ['podSelector', 'externalWorkloadSelector'] };

/** The first version of Server wanted exactly one way of selecting. */
const SERVER_V1ALPHA1 = object(
  { ...PORT_FIELDS, podSelector: object(SELECTOR_FIELDS, { exactlyOne: ['matchExpressions', 'matchLabels'] }) },
  { required: ['podSelector', 'port'] },
);
const SERVER_V1BETA1 = object({ ...PORT_FIELDS, podSelector: SELECTOR }, { required: ['podSelector', 'port'] });
const SERVER_V1BETA2 = object({ ...PORT_FIELDS, ...EITHER_SELECTOR }, EITHER);
const SERVER_V1BETA3 = object({ ...PORT_FIELDS, ...EITHER_SELECTOR, accessPolicy: withDefault(text()) }, EITHER);

const NETWORKS = listOf(object({ cidr: text(), except: listOf(text()) }, { required: ['cidr'] }));

const MESH_TLS = object({
  unauthenticatedTLS: BOOLEAN,
  identities: listOf(text({ pattern: /^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/ })),
  serviceAccounts: listOf(object({ name: label(), namespace: label() }, { required: ['name'] })),
});

const SERVER_AUTHORIZATION = object(
  {
    server: object({ name: label(), selector: SELECTOR }, { exactlyOne: ['name', 'selector'] }),
    client: object({ networks: NETWORKS, unauthenticated: BOOLEAN, meshTLS: MESH_TLS }),
  },
  { required: ['server', 'client'] },
);

const TARGET_REF = object({ group: GROUP, kind: KIND, name: NAME }, { required: ['kind', 'name'] });
const REF_FIELDS = { group: GROUP, kind: KIND, name: NAME, namespace: text({ max: 253 }) };

const AUTHORIZATION_POLICY = object(
  { targetRef: TARGET_REF, requiredAuthenticationRefs: listOf(object(REF_FIELDS, { required: ['kind', 'name'] })) },
  { required: ['targetRef', 'requiredAuthenticationRefs'] },
);

const MESH_TLS_AUTHENTICATION = object(
  { identities: listOf(text(), { min: 1 }), identityRefs: listOf(object(REF_FIELDS, { required: ['kind'] }), { min: 1 }) },
  { exactlyOne: ['identities', 'identityRefs'] },
);

const NETWORK_AUTHENTICATION = object({ networks: NETWORKS }, { required: ['networks'] });

const LIMIT = object({ requestsPerSecond: integer() }, { required: ['requestsPerSecond'] });
const CLIENT_REF = object({ group: GROUP, kind: KIND, namespace: label({ min: 1, max: 63 }), name: NAME }, { required: ['kind', 'name'] });
const OVERRIDE = object(
  { requestsPerSecond: integer(), clientRefs: listOf(CLIENT_REF) },
  { required: ['requestsPerSecond', 'clientRefs'] },
);
const RATE_LIMIT = object(
  { targetRef: TARGET_REF, total: LIMIT, identity: LIMIT, overrides: listOf(OVERRIDE) },
  { required: ['targetRef'] },
);

const EGRESS_NETWORK = object({ trafficPolicy: oneOf('Allow', 'Deny'), networks: NETWORKS }, { required: ['trafficPolicy'] });

/** `tls` is the name of the mesh TLS field, which changed its spelling. */
function externalWorkload(tls: string, mostIPs: number): Schema {
  const name = text({ min: 1, max: 253 });
  const port = object({ name: text(), port: integer({ min: 1, max: 65535 }), protocol: withDefault(text()) }, { required: ['port'] });
  return object(
    {
      [tls]: object({ identity: name, serverName: name }, { required: ['identity', 'serverName'] }),
      ports: listOf(port),
      workloadIPs: listOf(object({ ip: text() }), { max: mostIPs }),
    },
    { required: [tls] },
  );
}

/** By `apiVersion/Kind`. */
export const POLICY_SCHEMAS: ReadonlyMap<string, KindSchema> = new Map(
  Object.entries({
    'policy.linkerd.io/v1alpha1/Server': SERVER_V1ALPHA1,
    'policy.linkerd.io/v1beta1/Server': SERVER_V1BETA1,
    'policy.linkerd.io/v1beta2/Server': SERVER_V1BETA2,
    'policy.linkerd.io/v1beta3/Server': SERVER_V1BETA3,
    'policy.linkerd.io/v1alpha1/ServerAuthorization': SERVER_AUTHORIZATION,
    'policy.linkerd.io/v1beta1/ServerAuthorization': SERVER_AUTHORIZATION,
    'policy.linkerd.io/v1alpha1/AuthorizationPolicy': AUTHORIZATION_POLICY,
    'policy.linkerd.io/v1alpha1/MeshTLSAuthentication': MESH_TLS_AUTHENTICATION,
    'policy.linkerd.io/v1alpha1/NetworkAuthentication': NETWORK_AUTHENTICATION,
    'policy.linkerd.io/v1alpha1/HTTPLocalRateLimitPolicy': RATE_LIMIT,
    'policy.linkerd.io/v1alpha1/EgressNetwork': EGRESS_NETWORK,
    'workload.linkerd.io/v1alpha1/ExternalWorkload': externalWorkload('meshTls', 1),
    'workload.linkerd.io/v1beta1/ExternalWorkload': externalWorkload('meshTLS', 2),
  }).map(([key, spec]) => [key, { spec, specRequired: true }]),
);
