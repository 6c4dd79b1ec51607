/** Row 11: a SPIFFE identity meets wildcards and defaults that take identities of DNS form only. */
import { observedIdentity } from '../policy/nearest.ts';
import { missedAuthentication } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const spiffeWildcard: Diagnosis = {
  id: 'spiffe-wildcard',
  title: 'wildcards take no SPIFFE identity',
  denied(denied) {
    const considered = missedAuthentication(denied);
    if (considered?.authentication.match !== 'no' || considered.authentication.why !== 'uri-identity' || denied.law === null) return null;
    const identity = observedIdentity(denied.law.evaluation) ?? 'its identity';
    return drafted(denied, {
      certainty: 'certain',
      removal: considered.network.match === 'no' ? 'helps' : 'allows',
      todo: `List ${identity} literally in identities of a MeshTLSAuthentication. Neither *, nor a suffix, nor a default policy takes an identity of this form.`,
      remedies: ['add-identity'],
    });
  },
};
