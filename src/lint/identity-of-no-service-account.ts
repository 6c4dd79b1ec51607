import type { Path } from '../manifests/document.ts';
import { isUriIdentity, namespaceIdentitySuffix, parseIdentity, serviceAccountIdentity } from '../policy/identity.ts';
import type { Resource } from '../policy/resource.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { effectOf } from './effect.ts';
import { policiesOf, valueAt } from './objects.ts';
import type { LintRule } from './rule.ts';

export const identityOfNoServiceAccount: LintRule = {
  code: 'identity-of-no-service-account',
  title: 'an identity that no pod of the mesh has by its form',
  *check({ resources, snapshot }) {
    for (const object of resources) {
      for (const { path, identity } of literalsIn(object)) {
        if (isOfForm(identity, snapshot)) continue;
        const meant = meantBy(snapshot, identity, object.metadata.namespace);
        yield {
          severity: meant === null ? 'warning' : 'error',
          object,
          path,
          problem: `${identity} is not of the form that Linkerd gives to ServiceAccounts.`,
          effect: `Only a client with a certificate from elsewhere could have it. ${effectOf(snapshot, object)}`,
          right: meant ?? serviceAccountIdentity(snapshot.info, 'NAMESPACE', 'SERVICEACCOUNT'),
          edits: meant === null ? [] : [{ set: path, value: meant }],
        };
      }
    }
  },
};

function literalsIn(object: Resource): readonly { readonly path: Path; readonly identity: string }[] {
  const list: Path | null =
    policiesOf([object], 'MeshTLSAuthentication').length > 0
      ? ['spec', 'identities']
      : policiesOf([object], 'ServerAuthorization').length > 0
        ? ['spec', 'client', 'meshTLS', 'identities']
        : null;
  const written = list === null ? [] : valueAt(object, list);
  if (list === null || !Array.isArray(written)) return [];
  return written.flatMap((identity: unknown, i) => (typeof identity === 'string' ? [{ path: [...list, i], identity }] : []));
}

const MIDDLE = '.serviceaccount.identity.';

/** Exact, or a SPIFFE id, or a suffix; of a suffix only such are doubted that begin with the name of a namespace. */
function isOfForm(identity: string, snapshot: Snapshot): boolean {
  if (identity === '*' || isUriIdentity(identity)) return true;
  if (!identity.startsWith('*.')) return parseIdentity(identity) !== null;
  const suffix = identity.slice(1);
  const [, first = ''] = suffix.split('.');
  return suffix.includes(MIDDLE) || namespaceIdentitySuffix(snapshot.info, '').endsWith(suffix) || !snapshot.namespaces.has(first);
}

/** `frontend`, `frontend.shop` and `frontend.shop.svc.cluster.local`, where there is such a ServiceAccount; `*.shop`. */
function meantBy(snapshot: Snapshot, identity: string, own: string): string | null {
  const [name = '', namespace = own] = identity.split('.');
  if (name === '*') return `*${namespaceIdentitySuffix(snapshot.info, namespace)}`;
  return hasServiceAccount(snapshot, namespace, name) === true ? serviceAccountIdentity(snapshot.info, namespace, name) : null;
}
