/** What Linkerd's validating webhook answers (linkerd2 `policy-controller/runtime/src/admission.rs`). It looks at one object alone: references are never followed. */
import {
  authorizationPolicySpec,
  checkAuthorizationPolicy,
  checkMeshTLSAuthentication,
  checkNetworkAuthentication,
  checkServerAuthorization,
  meshTLSAuthenticationSpec,
  networkAuthenticationSpec,
  serverAuthorizationSpec,
} from './admission-authorization.ts';
import { checkGatewayHTTPRoute, checkGRPCRoute, checkHTTPRoute, checkTCPRoute, checkTLSRoute } from './admission-route.ts';
import { gatewayHTTPRouteSpec, grpcRouteSpec, httpRouteSpec, tcpRouteSpec, tlsRouteSpec } from './admission-route-spec.ts';
import {
  checkEgressNetwork,
  checkRateLimitPolicy,
  checkServer,
  egressNetworkSpec,
  rateLimitPolicySpec,
  serverSpec,
} from './admission-server.ts';
import { Refusal, refuse } from './refusal.ts';
import { groupOf, type Metadata, type Resource } from './resource.ts';
import type { Decoder } from './serde.ts';

export interface Admission {
  readonly admitted: boolean;
  /** Linkerd's sentence, without the API server's prefix; empty when admitted. */
  readonly message: string;
  /** False where the refusal is in a parser's words (serde, regex, duration, number): then only the refusal itself is exact. */
  readonly ownWords: boolean;
}

const POLICY = 'policy.linkerd.io';
const GATEWAY = 'gateway.networking.k8s.io';

const WEBHOOK: ReadonlyMap<string, (resource: Resource) => void> = new Map([
  kind(POLICY, 'AuthorizationPolicy', authorizationPolicySpec, (spec, metadata) => checkAuthorizationPolicy(spec, metadata.namespace)),
  kind(POLICY, 'MeshTLSAuthentication', meshTLSAuthenticationSpec, checkMeshTLSAuthentication),
  kind(POLICY, 'NetworkAuthentication', networkAuthenticationSpec, checkNetworkAuthentication),
  kind(POLICY, 'Server', serverSpec, checkServer),
  kind(POLICY, 'ServerAuthorization', serverAuthorizationSpec, checkServerAuthorization),
  kind(POLICY, 'HTTPRoute', httpRouteSpec, (spec, metadata) => checkHTTPRoute(spec, metadata.annotations ?? {})),
  kind(POLICY, 'EgressNetwork', egressNetworkSpec, checkEgressNetwork),
  kind(POLICY, 'HTTPLocalRateLimitPolicy', rateLimitPolicySpec, checkRateLimitPolicy),
  kind(GATEWAY, 'HTTPRoute', gatewayHTTPRouteSpec, (spec, metadata) => checkGatewayHTTPRoute(spec, metadata.annotations ?? {})),
  kind(GATEWAY, 'GRPCRoute', grpcRouteSpec, (spec, metadata) => checkGRPCRoute(spec, metadata.annotations ?? {})),
  kind(GATEWAY, 'TLSRoute', tlsRouteSpec, checkTLSRoute),
  kind(GATEWAY, 'TCPRoute', tcpRouteSpec, checkTCPRoute),
]);

const ADMITTED: Admission = { admitted: true, message: '', ownWords: true };

/** Creating and updating are judged alike, whatever the version of the kind; other objects play no part. Group and kind compare ignoring case. */
export function admit(resource: Resource): Admission {
  const group = groupOf(resource.apiVersion);
  const check = WEBHOOK.get(`${group}/${resource.kind}`.toLowerCase());
  try {
    if (check === undefined) refuse(`unsupported resource type: ${group}.${versionOf(resource.apiVersion)}.${resource.kind}`);
    check(resource);
    return ADMITTED;
  } catch (error) {
    if (error instanceof Refusal) return { admitted: false, message: error.message, ownWords: error.ownWords };
    throw error;
  }
}

/** A Gateway route that Linkerd cannot read may be meant for another controller: it is admitted unread. */
function kind<S>(
  group: string,
  name: string,
  read: Decoder<S>,
  check: (spec: S, metadata: Metadata) => void,
): [string, (resource: Resource) => void] {
  const admitUnread = group === GATEWAY;
  return [
    `${group}/${name}`.toLowerCase(),
    (resource) => {
      const spec = readSpec(resource, read, admitUnread);
      if (spec !== null) check(spec.value, resource.metadata);
    },
  ];
}

function readSpec<S>(resource: Resource, read: Decoder<S>, admitUnread: boolean): { readonly value: S } | null {
  try {
    if (resource.spec === undefined) refuse("admission request missing 'spec'");
    return { value: read(resource.spec) };
  } catch (error) {
    if (admitUnread && error instanceof Refusal) return null;
    throw error;
  }
}

function versionOf(apiVersion: string): string {
  return apiVersion.slice(apiVersion.indexOf('/') + 1);
}
