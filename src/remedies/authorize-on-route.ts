/** The client is let in on the route that its request takes. */
import type { ObjectRef } from '../policy/resource.ts';
import { showRef } from '../policy/resource.ts';
import { grantByIdentity } from './authorize.ts';
import type { Asking, Kind } from './plea.ts';

export const authorizeOnRoute: Kind = {
  id: 'authorize-on-route',
  candidates(plea) {
    const route = routeOf(plea);
    const changes = route === null ? [] : grantByIdentity(plea, route);
    return route === null || changes.length === 0 ? [] : [{ title: `Authorize the client on ${showRef(route)}.`, changes }];
  },
};

/** The object of the route that took the request; null: none did, or it is one that Linkerd makes itself. */
export function routeOf({ law }: Asking): ObjectRef | null {
  const { policy, route } = law.evaluation;
  const found = policy.routes?.find(({ ref }) => ref.name === route?.name && ref.kind === route.kind && ref.group === route.group);
  return found?.object ?? null;
}
