/** `AuthorizationPolicy` (linkerd2 `policy-controller/k8s/index/src/inbound/authorization_policy.rs`). */
import { canonicalKind, listOf, stringOr, targetsKind, type Unreadable } from './reading.ts';
import { type ObjectRef, type Resource, refOf } from './resource.ts';
import { isObject } from './selector.ts';

export const POLICY_GROUP = 'policy.linkerd.io';
export const GATEWAY_GROUP = 'gateway.networking.k8s.io';

export type PolicyTarget =
  | { readonly type: 'server'; readonly name: string }
  /** The policy's own namespace, whatever name is written. */
  | { readonly type: 'namespace' }
  /** Route names compare ignoring case; `key` is ready for look-up. */
  | { readonly type: 'route'; readonly group: string; readonly kind: string; readonly name: string; readonly key: string };

export type AuthenticationTarget = {
  readonly kind: 'MeshTLSAuthentication' | 'NetworkAuthentication' | 'ServiceAccount';
  readonly namespace: string;
  readonly name: string;
};

export interface AuthorizationPolicy {
  readonly ref: ObjectRef;
  readonly target: PolicyTarget;
  readonly authentications: readonly AuthenticationTarget[];
}

export function readAuthorizationPolicy(resource: Resource): AuthorizationPolicy | Unreadable {
  const spec = isObject(resource.spec) ? resource.spec : {};
  const target = readTarget(spec['targetRef']);
  if ('unreadable' in target) return target;
  const authentications: AuthenticationTarget[] = [];
  for (const value of listOf(spec['requiredAuthenticationRefs'])) {
    const read = readAuthentication(value, resource.metadata.namespace);
    if ('unreadable' in read) return read;
    authentications.push(read);
  }
  return { ref: refOf(resource), target, authentications };
}

/** How routes are looked up by the policies that target them. */
export function routeKey(group: string, kind: string, name: string): string {
  return `${group}/${kind}/${name}`.toLowerCase();
}

const ROUTE_KINDS = [
  [POLICY_GROUP, 'HTTPRoute'],
  [GATEWAY_GROUP, 'HTTPRoute'],
  [GATEWAY_GROUP, 'GRPCRoute'],
] as const;

function readTarget(value: unknown): PolicyTarget | Unreadable {
  if (!isObject(value) || typeof value['kind'] !== 'string' || typeof value['name'] !== 'string') {
    return { unreadable: 'targetRef lacks kind or name' };
  }
  const ref = { group: stringOr(value['group'], null), kind: value['kind'] };
  const name = value['name'];
  if (targetsKind(ref, POLICY_GROUP, 'Server')) return { type: 'server', name };
  if (targetsKind(ref, '', 'Namespace')) return { type: 'namespace' };
  for (const [group, kind] of ROUTE_KINDS) {
    if (targetsKind(ref, group, kind)) return { type: 'route', group, kind, name, key: routeKey(group, kind, name) };
  }
  return { unreadable: `unsupported authorization target type: ${canonicalKind(ref)}` };
}

function readAuthentication(value: unknown, ownNamespace: string): AuthenticationTarget | Unreadable {
  if (!isObject(value) || typeof value['kind'] !== 'string' || typeof value['name'] !== 'string') {
    return { unreadable: 'a required authentication lacks kind or name' };
  }
  const ref = { group: stringOr(value['group'], null), kind: value['kind'] };
  const at = { namespace: stringOr(value['namespace'], ownNamespace), name: value['name'] };
  if (targetsKind(ref, POLICY_GROUP, 'MeshTLSAuthentication')) return { kind: 'MeshTLSAuthentication', ...at };
  if (targetsKind(ref, POLICY_GROUP, 'NetworkAuthentication')) return { kind: 'NetworkAuthentication', ...at };
  if (targetsKind(ref, '', 'ServiceAccount')) return { kind: 'ServiceAccount', ...at };
  return { unreadable: `unsupported authentication target: ${canonicalKind(ref)}` };
}
