/** The kinds that decide inbound traffic: where each is indexed, which versions the API server serves, and who reads it (facts: CRDs of linkerd-crds). */
import { type AuthorizationPolicy, GATEWAY_GROUP, POLICY_GROUP, readAuthorizationPolicy } from './authorization-policy.ts';
import { readGRPCRoute } from './grpc-route.ts';
import { readHTTPRoute } from './http-route.ts';
import { type MeshTLSAuthentication, readMeshTLSAuthentication } from './meshtls-authentication.ts';
import { type NetworkAuthentication, readNetworkAuthentication } from './network-authentication.ts';
import { type RateLimitPolicy, readRateLimitPolicy } from './rate-limit.ts';
import type { Unreadable } from './reading.ts';
import type { Resource } from './resource.ts';
import type { Route } from './route.ts';
import { readServer, type Server } from './server.ts';
import { readServerAuthorization, type ServerAuthorization } from './server-authorization.ts';
import type { ClusterInfo } from './settings.ts';
import { readExternalWorkload, readPod, type Workload } from './workload.ts';

/** What the index holds, by collection. */
export interface Indexed {
  workloads: Workload;
  servers: Server;
  serverAuthorizations: ServerAuthorization;
  authorizationPolicies: AuthorizationPolicy;
  meshTLSAuthentications: MeshTLSAuthentication;
  networkAuthentications: NetworkAuthentication;
  routes: Route;
  rateLimits: RateLimitPolicy;
}
export type Collection = keyof Indexed;

interface Kind<C extends Collection> {
  readonly collection: C;
  /** Newest first. An object of any other version cannot be in the API server. */
  readonly versions: readonly string[];
  readonly read: (resource: Resource, info: ClusterInfo) => Indexed[C] | Unreadable;
}
type AnyKind = { [C in Collection]: Kind<C> }[Collection];

const ROUTE_VERSIONS = ['v1beta3', 'v1beta2', 'v1beta1', 'v1alpha1'];

const KINDS: ReadonlyMap<string, AnyKind> = new Map<string, AnyKind>([
  ['/Pod', { collection: 'workloads', versions: ['v1'], read: readPod }],
  ['workload.linkerd.io/ExternalWorkload', { collection: 'workloads', versions: ['v1beta1', 'v1alpha1'], read: readExternalWorkload }],
  [`${POLICY_GROUP}/Server`, { collection: 'servers', versions: ROUTE_VERSIONS, read: readServer }],
  [
    `${POLICY_GROUP}/ServerAuthorization`,
    { collection: 'serverAuthorizations', versions: ['v1beta1', 'v1alpha1'], read: readServerAuthorization },
  ],
  [`${POLICY_GROUP}/AuthorizationPolicy`, { collection: 'authorizationPolicies', versions: ['v1alpha1'], read: readAuthorizationPolicy }],
  [
    `${POLICY_GROUP}/MeshTLSAuthentication`,
    { collection: 'meshTLSAuthentications', versions: ['v1alpha1'], read: readMeshTLSAuthentication },
  ],
  [
    `${POLICY_GROUP}/NetworkAuthentication`,
    { collection: 'networkAuthentications', versions: ['v1alpha1'], read: readNetworkAuthentication },
  ],
  [`${POLICY_GROUP}/HTTPRoute`, { collection: 'routes', versions: ROUTE_VERSIONS, read: readHTTPRoute }],
  [`${GATEWAY_GROUP}/HTTPRoute`, { collection: 'routes', versions: ['v1', 'v1beta1'], read: readHTTPRoute }],
  [`${GATEWAY_GROUP}/GRPCRoute`, { collection: 'routes', versions: ['v1', 'v1alpha2'], read: readGRPCRoute }],
  [`${POLICY_GROUP}/HTTPLocalRateLimitPolicy`, { collection: 'rateLimits', versions: ['v1alpha1'], read: readRateLimitPolicy }],
]);

/** null: a kind that decides nothing by itself. `groupKind` is `group/Kind`, `/Pod` for core kinds. */
export function kindOf(groupKind: string): AnyKind | null {
  return KINDS.get(groupKind) ?? null;
}

/** Reads an object of a served version. */
export function readObject(kind: AnyKind, resource: Resource, info: ClusterInfo): Indexed[Collection] | Unreadable {
  const version = resource.apiVersion.slice(resource.apiVersion.indexOf('/') + 1);
  if (!kind.versions.includes(version)) {
    return { unreadable: `${resource.kind} has no version ${version} (served: ${kind.versions.join(', ')})` };
  }
  return kind.read(resource, info);
}
