/** Row 30: the Server has routes, and the request fits none of them. */
import type { HttpRequest } from '../policy/evaluation.ts';
import { findRoute } from '../policy/http-match.ts';
import type { InboundRoute } from '../policy/inbound.ts';
import { METHODS } from '../policy/methods.ts';
import type { Denied, Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';
import { type NearRoute, nearRoute } from './near-route.ts';

export const noRouteMatches: Diagnosis = {
  id: 'no-route-matches',
  title: 'no route of the Server matches the request',
  denied(denied, found) {
    const { law, target } = denied;
    if (target.kind !== 'route-not-found' || law === null || !law.agrees) return null;
    const { server, routes } = law.evaluation.policy;
    if (server === null || routes === null || found.some(({ removal }) => removal === 'allows')) return null;
    const near = nearest(denied, routes);
    return drafted(
      denied,
      {
        certainty: found.length > 0 ? 'likely' : 'certain',
        removal: 'allows',
        note: near?.words ?? denied.decision.note,
        todo: `${todoOf(near, server.name)} Whoever is authorized on the route gets in by the new match as well.`,
        remedies: ['extend-route-match'],
      },
      near === null ? routes.map(({ object }) => object) : [near.route.object],
    );
  },
};

function todoOf(near: NearRoute | null, server: string): string {
  const route = near?.route.object ?? null;
  return route === null
    ? `If the request is to get in, add a match for it to the route it is meant for, or a route of its own to Server ${server}.`
    : `If the request is to get in, extend the match of ${route.kind} ${route.namespace}/${route.name}, or correct the request.`;
}

/** Of the first request that a route nearly took. A line may name the path alone: then by a method with which no route takes it. */
function nearest({ client }: Denied, routes: readonly InboundRoute[]): NearRoute | null {
  for (const { version, method, path, authority, grpc } of client.requests) {
    if (path === null) continue;
    const request = { version: version ?? 'HTTP/2.0', authority, path, headers: [], grpc: grpc ?? false };
    const near = nearRoute(routes, { ...request, method: method ?? untaken(routes, request) });
    if (near !== null) return near;
  }
  return null;
}

function untaken(routes: readonly InboundRoute[], request: Omit<HttpRequest, 'method'>): string {
  if (request.grpc) return 'POST';
  return METHODS.find((method) => findRoute(routes, { ...request, method }) === null) ?? 'GET';
}
