/** Rows 29 and 46: a route that is meant for the Server is not attached to it, and so are its policies. */
import { showRef } from '../policy/resource.ts';
import { closestOf } from './closest.ts';
import type { Denied, Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const routeNotAttached: Diagnosis = {
  id: 'route-not-attached',
  title: 'a route is not attached to its Server',
  denied(denied) {
    const found = closestOf(denied);
    const { law } = denied;
    const [first] = law?.unattachedRoutes ?? [];
    if (law === null || law === undefined) return null;
    if (found?.type === 'meant' && found.excluded.reason.type === 'route-not-attached') {
      const { route } = found.excluded.reason;
      return drafted(denied, { ...SAID, certainty: 'certain', todo: todoOf(denied, route.kind) }, [route, law.evaluation.policy.server]);
    }
    if (found?.type !== 'nothing' || first === undefined || !isDefaultRoute(denied)) return null;
    const summary = `${showRef(first.route)} is not attached (${first.why}), so that route default is used, and on it nothing authorizes anyone.`;
    return drafted(denied, { ...SAID, certainty: 'likely', summary, todo: todoOf(denied, first.route.kind) }, [first.route]);
  },
};

const SAID = { removal: 'allows', remedies: ['attach-route'] } as const;

function todoOf({ law }: Denied, kind: string): string {
  const isGrpc = law?.evaluation.policy.protocol === 'grpc';
  const mixed = isGrpc !== (kind === 'GRPCRoute');
  const kinds = isGrpc
    ? 'A Server with proxyProtocol gRPC uses GRPCRoutes only: write the route as one.'
    : 'Only a Server with proxyProtocol gRPC uses GRPCRoutes, and one GRPCRoute keeps every HTTPRoute from being accepted: use one kind.';
  return mixed
    ? kinds
    : 'Let its parentRef name group policy.linkerd.io, kind Server and the Server’s name, without namespace, port or sectionName; then look at status.parents for Accepted. The first route that is attached ends the routes for probes: let the kubelet in by one of its own in the same change.';
}

function isDefaultRoute({ law }: Denied): boolean {
  return law?.evaluation.route?.kind === 'default';
}
