/** A new AuthorizationPolicy for one client: additive, and of effect on its target alone. */
import { POLICY_GROUP } from '../policy/authorization-policy.ts';
import type { ObjectRef } from '../policy/resource.ts';
import type { ObjectChange } from '../policy/snapshot.ts';
import { accountOf, freeName, made, narrowest, refTo } from './objects.ts';
import type { Asking } from './plea.ts';

/** By its identity; none where it showed none that may be listed. */
export function grantByIdentity({ snapshot, law }: Asking, target: ObjectRef): readonly ObjectChange[] {
  const { tls } = law.evaluation.connection;
  const identity = tls?.state === 'established' ? tls.clientId : null;
  if (identity === null) return [];
  const account = accountOf(snapshot, identity);
  const { namespace } = target;
  if (account !== null) {
    if (account.name === 'default') return [];
    const name = freeName(snapshot, 'AuthorizationPolicy', namespace, target.name, account.name);
    const ref = refTo({ group: '', kind: 'ServiceAccount', ...account }, namespace);
    return [
      { apply: made('AuthorizationPolicy', namespace, name, { targetRef: refTo(target, namespace), requiredAuthenticationRefs: [ref] }) },
    ];
  }
  return withAuthentication(snapshot, target, 'MeshTLSAuthentication', { identities: [identity] });
}

/** By its address alone; none where nobody saw it. */
export function grantByAddress({ snapshot, law }: Asking, target: ObjectRef): readonly ObjectChange[] {
  const { clientIp } = law.evaluation.connection;
  const cidr = clientIp === null ? null : narrowest(clientIp);
  return cidr === null ? [] : withAuthentication(snapshot, target, 'NetworkAuthentication', { networks: [{ cidr }] });
}

function withAuthentication(
  snapshot: Asking['snapshot'],
  target: ObjectRef,
  kind: 'MeshTLSAuthentication' | 'NetworkAuthentication',
  spec: Readonly<Record<string, unknown>>,
): readonly ObjectChange[] {
  const { namespace } = target;
  const authentication = made(kind, namespace, freeName(snapshot, kind, namespace, target.name, 'client'), spec);
  const name = freeName(snapshot, 'AuthorizationPolicy', namespace, target.name, 'client');
  const ref = refTo({ group: POLICY_GROUP, kind, name: authentication.metadata.name });
  const policy = made('AuthorizationPolicy', namespace, name, { targetRef: refTo(target, namespace), requiredAuthenticationRefs: [ref] });
  return [{ apply: authentication }, { apply: policy }];
}
