/** Row 8: the ServiceAccount is listed, but of another namespace. */
import { plainName } from '../evidence/plain-name.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import { identityOf, nearIdentity } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const identityWrongNamespace: Diagnosis = {
  id: 'identity-wrong-namespace',
  title: 'the identity is listed with another namespace',
  denied(denied) {
    const near = nearIdentity(denied);
    const own = identityOf(denied);
    if (near === null || own === null || denied.law === null || own.serviceAccount === 'default') return null;
    const { listed } = near;
    if (listed.namespace === own.namespace) return null;
    const other = `ServiceAccount ${listed.namespace}/${listed.serviceAccount}`;
    const exists = hasServiceAccount(denied.law.snapshot, listed.namespace, listed.serviceAccount);
    const rename = `name namespace ${own.namespace} instead of ${listed.namespace}`;
    return drafted(denied, {
      certainty: exists === false ? 'certain' : 'likely',
      removal: 'allows',
      todo:
        exists === false
          ? `${sentence(rename)}: there is no ${other}.`
          : `If ${own.namespace}/${own.serviceAccount} is meant, ${rename}. ${exists === true ? `${other} exists as well: if both are meant, list both.` : `Look first whether ${other} exists and is meant as well.`}`,
      missing:
        exists === null
          ? [
              ...denied.missing,
              {
                what: `whether ${other} exists`,
                command: `kubectl get sa -n ${plainName(listed.namespace, 'NAMESPACE')} ${plainName(listed.serviceAccount, 'SERVICEACCOUNT')}`,
              },
            ]
          : denied.missing,
      remedies: ['repair-identity', 'add-identity'],
    });
  },
};

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
