/** Row 18: no Server selects the port, and the default policy `deny` refuses everyone. */
import { lawOfDenial } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';
import { causesIn } from './policy-changed.ts';

export const noServerForPort: Diagnosis = {
  id: 'no-server-for-port',
  title: 'no Server selects the port, and the default policy is deny',
  denied(denied, found) {
    const law = lawOfDenial(denied);
    if (law === null || causesIn(found).some(({ removal }) => removal === 'allows')) return null;
    const { server, defaultPolicy } = law.evaluation.policy;
    if (server !== null || defaultPolicy.policy !== 'deny') return null;
    return drafted(denied, {
      certainty: 'certain',
      removal: 'allows',
      todo: `Create a Server for the port together with a narrow AuthorizationPolicy, and in the same change with policies for everyone who gets in today. AuthorizationPolicies without a Server on the port do nothing.`,
      remedies: ['server-for-port'],
    });
  },
};
