/** `MeshTLSAuthentication` (linkerd2 `policy-controller/k8s/index/src/inbound/meshtls_authentication.rs`). */
import { namespaceIdentitySuffix, readIdentityPattern, serviceAccountIdentity } from './identity.ts';
import { canonicalKind, listOf, stringOr, targetsKind, type Unreadable } from './reading.ts';
import type { Resource } from './resource.ts';
import { isObject } from './selector.ts';
import type { ClusterInfo } from './settings.ts';

export interface MeshTLSAuthentication {
  readonly identities: readonly string[];
  readonly suffixes: readonly string[];
}

export function readMeshTLSAuthentication(resource: Resource, info: ClusterInfo): MeshTLSAuthentication | Unreadable {
  const spec = isObject(resource.spec) ? resource.spec : {};
  const identities: string[] = [];
  const suffixes: string[] = [];
  for (const text of listOf(spec['identities']).filter((id) => typeof id === 'string')) {
    const pattern = readIdentityPattern(text);
    if ('suffix' in pattern) suffixes.push(pattern.suffix);
    else identities.push(pattern.identity);
  }
  for (const ref of listOf(spec['identityRefs']).filter(isObject)) {
    const kind = { group: stringOr(ref['group'], null), kind: stringOr(ref['kind'], '') };
    const name = stringOr(ref['name'], null);
    if (name === null) return { unreadable: 'missing field `name`' };
    if (targetsKind(kind, '', 'ServiceAccount')) {
      identities.push(serviceAccountIdentity(info, stringOr(ref['namespace'], resource.metadata.namespace), name));
    } else if (targetsKind(kind, '', 'Namespace')) {
      suffixes.push(namespaceIdentitySuffix(info, name));
    } else {
      return { unreadable: `invalid identity target kind: ${canonicalKind(kind)}` };
    }
  }
  if (identities.length + suffixes.length === 0) return { unreadable: 'No identities configured' };
  return { identities, suffixes };
}
