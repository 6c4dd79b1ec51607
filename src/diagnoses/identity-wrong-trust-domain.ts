/** Row 9: the identity that is listed differs from the client's only behind `.identity.`: control plane namespace or trust domain. */
import { identityOf, nearIdentity } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const identityWrongTrustDomain: Diagnosis = {
  id: 'identity-wrong-trust-domain',
  title: 'the identity is listed with another trust domain or control plane',
  denied(denied) {
    const near = nearIdentity(denied);
    const own = identityOf(denied);
    if (near === null || own === null || near.listed.namespace !== own.namespace || denied.law === null) return null;
    // One of another trust domain is the client of another cluster.
    if (own.trustDomain !== denied.law.snapshot.info.identityTrustDomain) return null;
    return drafted(denied, {
      certainty: 'certain',
      removal: 'allows',
      todo: `List the client as ServiceAccount in identityRefs: then Linkerd writes the identity itself. ServiceAccount: ${own.namespace}/${own.serviceAccount}.`,
      remedies: ['repair-identity'],
    });
  },
};
