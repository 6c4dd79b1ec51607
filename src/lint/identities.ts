/** ServiceAccounts that policies and rate limits name, in whatever form. */
import type { Path } from '../manifests/document.ts';
import { POLICY_GROUP } from '../policy/authorization-policy.ts';
import { parseIdentity, serviceAccountIdentity } from '../policy/identity.ts';
import { groupOf, type Resource } from '../policy/resource.ts';
import type { ClusterInfo } from '../policy/settings.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { Edit } from './finding.ts';
import { itemsAt, kindOfRef, textAt, valueAt } from './objects.ts';

export interface NamedAccount {
  readonly path: Path;
  readonly namespace: string;
  readonly name: string;
  /** The identity where it is written out; null: a reference, which is always of this cluster. */
  readonly literal: string | null;
}

export function accountsNamed(object: Resource): readonly NamedAccount[] {
  if (groupOf(object.apiVersion) !== POLICY_GROUP) return [];
  switch (object.kind) {
    case 'MeshTLSAuthentication':
      return [...literals(object, ['spec', 'identities']), ...references(object, ['spec', 'identityRefs'])];
    case 'AuthorizationPolicy':
      return references(object, ['spec', 'requiredAuthenticationRefs']);
    case 'ServerAuthorization':
      return [
        ...literals(object, ['spec', 'client', 'meshTLS', 'identities']),
        ...itemsAt(object, 'spec', 'client', 'meshTLS', 'serviceAccounts').flatMap(([i, account]) =>
          accountAt(object, ['spec', 'client', 'meshTLS', 'serviceAccounts', i], textAt(account, 'name'), textAt(account, 'namespace')),
        ),
      ];
    case 'HTTPLocalRateLimitPolicy':
      return itemsAt(object, 'spec', 'overrides').flatMap(([i]) => references(object, ['spec', 'overrides', i, 'clientRefs']));
    default:
      return [];
  }
}

function literals(object: Resource, path: Path): readonly NamedAccount[] {
  const list = valueAt(object, path);
  return (Array.isArray(list) ? list : []).flatMap((literal: unknown, i) => {
    const parsed = typeof literal === 'string' && !literal.startsWith('*') ? parseIdentity(literal) : null;
    return parsed === null || typeof literal !== 'string'
      ? []
      : [{ path: [...path, i], namespace: parsed.namespace, name: parsed.serviceAccount, literal }];
  });
}

function references(object: Resource, path: Path): readonly NamedAccount[] {
  return itemsAt(object, ...path).flatMap(([i, ref]) =>
    kindOfRef(ref)?.kind === 'ServiceAccount' ? accountAt(object, [...path, i], textAt(ref, 'name'), textAt(ref, 'namespace')) : [],
  );
}

function accountAt(object: Resource, path: Path, name: string | null, namespace: string | null): readonly NamedAccount[] {
  return name === null ? [] : [{ path: [...path, 'name'], namespace: namespace ?? object.metadata.namespace, name, literal: null }];
}

/** The edit that names another ServiceAccount in the same form. */
export function renamed(account: NamedAccount, namespace: string, name: string, info: ClusterInfo): readonly Edit[] {
  const { path, literal } = account;
  if (literal !== null) return [{ set: path, value: serviceAccountIdentity(info, namespace, name) }];
  const at = path.slice(0, -1);
  return [
    ...(name === account.name ? [] : [{ set: path, value: name }]),
    ...(namespace === account.namespace ? [] : [{ set: [...at, 'namespace'], value: namespace }]),
  ];
}

/** Whether a literal is one of this cluster's: its control plane's namespace and trust domain. */
export function isOwn({ literal }: NamedAccount, { controlPlaneNamespace, identityTrustDomain }: ClusterInfo): boolean {
  const parsed = literal === null ? null : parseIdentity(literal);
  return parsed === null || (parsed.controlPlaneNamespace === controlPlaneNamespace && parsed.trustDomain === identityTrustDomain);
}

/** Other namespaces that have a ServiceAccount of the name. */
export function namespacesWithAccount(snapshot: Snapshot, name: string, but: string): readonly string[] {
  return [...snapshot.namespaces.keys()]
    .filter((other) => other !== but && resourcesOfKind(snapshot, '', 'ServiceAccount', other).has(name))
    .sort();
}
