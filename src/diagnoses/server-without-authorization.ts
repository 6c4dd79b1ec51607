/** Row 21: a Server took the port, and nothing on it or on the route authorizes anyone. */
import { closestOf } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';
import { causesIn } from './policy-changed.ts';

export const serverWithoutAuthorization: Diagnosis = {
  id: 'server-without-authorization',
  title: 'a Server that authorizes nobody',
  denied(denied, found) {
    if (closestOf(denied)?.type !== 'nothing' || causesIn(found).some(({ certainty }) => certainty !== 'possible')) return null;
    const isRoute = denied.law?.evaluation.route?.kind !== 'default' && denied.law?.evaluation.route != null;
    return drafted(denied, {
      certainty: 'certain',
      removal: 'allows',
      todo: 'Add an AuthorizationPolicy for exactly those who need it: on the route where there is one, else on the Server.',
      remedies: isRoute ? ['authorize-on-route', 'authorize-on-server'] : ['authorize-on-server'],
    });
  },
};
