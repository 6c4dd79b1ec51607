/** Admission of the kinds that authorize (linkerd2 `policy-controller/runtime/src/admission.rs`). */
import { checkNetworks, checkSomeNetworks, networks } from './admission-network.ts';
import { labelSelector } from './admission-server.ts';
import { localTargetRef, namespacedTargetRef } from './admission-target.ts';
import { identityFault } from './identity-syntax.ts';
import { canonicalKind, targetsKind } from './reading.ts';
import { refuse } from './refusal.ts';
import { bool, defaulted, list, optional, required, string, struct } from './serde.ts';

const POLICY = 'policy.linkerd.io';
const GATEWAY = 'gateway.networking.k8s.io';

export const authorizationPolicySpec = struct('AuthorizationPolicySpec', {
  targetRef: required(localTargetRef),
  requiredAuthenticationRefs: required(list(namespacedTargetRef)),
});

/** A foreign namespace is complained of first, then the authentications, then the kind of the target. */
export function checkAuthorizationPolicy(spec: ReturnType<typeof authorizationPolicySpec>, namespace: string): void {
  const { targetRef, requiredAuthenticationRefs: refs } = spec;
  if (targetsKind(targetRef, '', 'Namespace') && targetRef.name !== namespace) {
    refuse(`cannot target another namespace: ${targetRef.name}`);
  }
  const meshTLS = refs.filter((r) => targetsKind(r, POLICY, 'MeshTLSAuthentication')).length;
  if (meshTLS > 1) refuse('only a single MeshTLSAuthentication may be set');
  const serviceAccounts = refs.filter((r) => targetsKind(r, '', 'ServiceAccount')).length;
  if (serviceAccounts > 1) refuse('only a single ServiceAccount may be set');
  if (meshTLS + serviceAccounts > 1) refuse('a MeshTLSAuthentication and ServiceAccount may not be set together');
  if (refs.filter((r) => targetsKind(r, POLICY, 'NetworkAuthentication')).length > 1) {
    refuse('only a single NetworkAuthentication may be set');
  }
  const unsupported = refs.filter((r) => !isAuthentication(r)).map(canonicalKind);
  if (unsupported.length > 0) refuse(`unsupported authentication kind(s): ${unsupported.join(', ')}`);
  if (!isAuthorizable(targetRef)) refuse(`unsupported authorization target type: ${canonicalKind(targetRef)}`);
}

type Ref = ReturnType<typeof localTargetRef>;

function isAuthentication(ref: Ref): boolean {
  return (
    targetsKind(ref, POLICY, 'MeshTLSAuthentication') ||
    targetsKind(ref, POLICY, 'NetworkAuthentication') ||
    targetsKind(ref, '', 'ServiceAccount')
  );
}

function isAuthorizable(ref: Ref): boolean {
  return (
    targetsKind(ref, POLICY, 'Server') ||
    targetsKind(ref, '', 'Namespace') ||
    targetsKind(ref, POLICY, 'HTTPRoute') ||
    targetsKind(ref, GATEWAY, 'HTTPRoute') ||
    targetsKind(ref, GATEWAY, 'GRPCRoute')
  );
}

export const meshTLSAuthenticationSpec = struct('MeshTLSAuthenticationSpec', {
  identities: optional(list(string)),
  identityRefs: optional(list(namespacedTargetRef)),
});

/** Both lists or neither are left to the CRD schema. */
export function checkMeshTLSAuthentication(spec: ReturnType<typeof meshTLSAuthenticationSpec>): void {
  for (const id of spec.identities ?? []) {
    const fault = identityFault(id);
    if (fault !== null) refuse(`id ${id} is invalid: ${fault}`);
  }
  for (const ref of spec.identityRefs ?? []) {
    if (targetsKind(ref, '', 'ServiceAccount')) continue;
    if (!targetsKind(ref, '', 'Namespace')) refuse(`invalid identity target kind: ${canonicalKind(ref)}`);
    if (ref.namespace !== null) refuse('Namespace identity_ref is cluster-scoped and cannot have a namespace');
  }
}

export const networkAuthenticationSpec = struct('NetworkAuthenticationSpec', { networks: required(networks) });

export function checkNetworkAuthentication(spec: ReturnType<typeof networkAuthenticationSpec>): void {
  checkSomeNetworks(spec.networks);
}

const serviceAccountRef = struct('ServiceAccountRef', { namespace: optional(string), name: required(string) });

const meshTLS = struct('MeshTls', {
  unauthenticatedTLS: defaulted(bool, false),
  identities: optional(list(string)),
  serviceAccounts: optional(list(serviceAccountRef)),
});

export const serverAuthorizationSpec = struct('ServerAuthorizationSpec', {
  server: required(struct('Server', { name: optional(string), selector: optional(labelSelector) })),
  client: required(struct('Client', { networks: optional(networks), unauthenticated: defaulted(bool, false), meshTLS: optional(meshTLS) })),
});

/** A client of nobody is admitted; identities are not looked at. */
export function checkServerAuthorization({ client }: ReturnType<typeof serverAuthorizationSpec>): void {
  if (client.meshTLS !== null) {
    if (client.unauthenticated) refuse('`unauthenticated` must be false if `mesh_tls` is specified');
    const named = (client.meshTLS.identities ?? []).length + (client.meshTLS.serviceAccounts ?? []).length;
    if (client.meshTLS.unauthenticatedTLS && named > 0) {
      refuse('`unauthenticatedTLS` be false if any `identities` or `service_accounts` is specified');
    }
  }
  checkNetworks(client.networks ?? []);
}
