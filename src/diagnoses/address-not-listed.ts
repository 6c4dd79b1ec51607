/** Row 33: an authorization that asks for no identity names networks, and the client’s address is in none of them, or excepted. */
import { closestOf } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const addressNotListed: Diagnosis = {
  id: 'address-not-listed',
  title: 'the address is in no network that is let in',
  denied(denied, found) {
    const nearest = closestOf(denied);
    if (nearest?.type !== 'miss' || found.some(({ removal }) => removal === 'allows')) return null;
    const { authentication, network, authorization } = nearest.considered;
    const { object, via } = authorization;
    if (object === null || authorization.authentication.type !== 'unauthenticated') return null;
    if (authentication.match === 'no' || network.match !== 'no') return null;
    const holder = via.find(({ kind }) => kind === 'NetworkAuthentication') ?? object;
    return drafted(
      denied,
      {
        certainty: 'certain',
        removal: 'allows',
        todo: `If ${denied.client.ref.ip ?? 'the address'} is to get in, add the smallest block that holds it to ${holder.kind} ${holder.namespace}/${holder.name}, or take it out of its except. A client that can be meshed is better let in by its identity.`,
        remedies: ['mesh-client', 'network-authentication'],
      },
      [holder, object],
    );
  },
};
