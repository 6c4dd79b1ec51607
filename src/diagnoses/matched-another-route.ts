/** Row 28: the request matched a route on which this client is not authorized, though it (or somebody) is on another one. */
import { closestOf } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const matchedAnotherRoute: Diagnosis = {
  id: 'matched-another-route',
  title: 'the request matched another route than the one that is authorized',
  denied(denied) {
    const found = closestOf(denied);
    const { law } = denied;
    const route = law?.evaluation.policy.routes?.find(
      ({ ref, object }) => object !== null && ref.name === law.evaluation.route?.name && ref.kind === law.evaluation.route.kind,
    );
    if (law === null || route === undefined) return null;
    const isMeant = found?.type === 'meant' && found.excluded.reason.type === 'other-route';
    const others = law.excluded.filter(({ reason }) => reason.type === 'other-route');
    if (!isMeant && !(found?.type === 'nothing' && others.length > 0)) return null;
    return drafted(
      denied,
      {
        certainty: isMeant ? 'certain' : 'likely',
        removal: 'allows',
        todo: `If the request is to get in, authorize the client on route ${route.ref.name}. If it was meant for another route, make that one’s match more special: of two that match, the exact host, then the longer path, then more headers win.`,
        remedies: ['authorize-on-route', 'extend-route-match'],
      },
      [route.object, ...others.map(({ object }) => object)],
    );
  },
};
