/** Row 8: the ServiceAccount is listed, but of another namespace. */
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
    const isTypo = hasServiceAccount(denied.law.snapshot, listed.namespace, listed.serviceAccount) === false;
    const name = `${own.namespace}/${own.serviceAccount}`;
    return drafted(denied, {
      certainty: isTypo ? 'certain' : 'likely',
      removal: 'allows',
      todo: isTypo
        ? `Name namespace ${own.namespace} instead of ${listed.namespace}.`
        : `If ${name} is meant, name namespace ${own.namespace}; ServiceAccount ${listed.namespace}/${listed.serviceAccount} exists too, and may be meant as well.`,
      remedies: ['repair-identity', 'add-identity'],
    });
  },
};
