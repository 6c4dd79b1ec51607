/** Row 12: the identity is that of a multicluster gateway, or was issued by another trust domain. */
import { identityOf, missedIdentity } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

/** Names of the multicluster chart (linkerd2 `multicluster/charts/linkerd-multicluster`). */
const GATEWAY = { namespace: 'linkerd-multicluster', serviceAccount: 'linkerd-gateway' };

export const clientOfAnotherCluster: Diagnosis = {
  id: 'client-of-another-cluster',
  title: 'the client comes from another cluster',
  denied(denied) {
    const own = identityOf(denied);
    if (missedIdentity(denied) === null || denied.law === null || own === null) return null;
    const { info } = denied.law.snapshot;
    if (own.namespace === GATEWAY.namespace && own.serviceAccount === GATEWAY.serviceAccount) {
      return drafted(denied, {
        certainty: 'certain',
        removal: 'allows',
        note: 'the identity of the multicluster gateway, behind which the client’s own is hidden',
        todo: 'Authorize the gateway’s ServiceAccount on the exported Server only: it stands for every client of every linked cluster. To tell them apart, link the clusters pod to pod (flat network) and list their identities.',
        remedies: ['authorize-on-server', 'add-identity'],
      });
    }
    if (own.trustDomain === info.identityTrustDomain) return null;
    return drafted(denied, {
      certainty: 'certain',
      removal: 'allows',
      note: `issued in trust domain ${own.trustDomain}; this cluster’s is ${info.identityTrustDomain}`,
      todo: `If this client is to get in, list its identity literally, as observed, in identities of a MeshTLSAuthentication. References to ServiceAccounts (identityRefs) always mean those of this cluster.`,
      remedies: ['add-identity'],
    });
  },
};
