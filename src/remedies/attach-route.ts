/** A route that is meant for the Server and not attached to it. */
import { POLICY_GROUP } from '../policy/authorization-policy.ts';
import { listOf } from '../policy/reading.ts';
import { isObject } from '../policy/selector.ts';
import { findResource } from '../policy/snapshot.ts';
import { listWith, specOf, withSpec } from './objects.ts';
import type { Kind } from './plea.ts';
import { withProbeRoute } from './probe-route.ts';

export const attachRoute: Kind = {
  id: 'attach-route',
  candidates(plea) {
    const { law, snapshot } = plea;
    const { server } = law.evaluation.policy;
    if (server === null) return [];
    return law.unattachedRoutes.flatMap(({ route }) => {
      const resource = findResource(snapshot, route);
      const parents = resource === null ? [] : listOf(specOf(resource)['parentRefs']);
      const at = parents.findIndex((parent) => isObject(parent) && parent['name'] === server.name);
      if (resource === null || at < 0) return [];
      const parentRefs = listWith(parents, at, { group: POLICY_GROUP, kind: 'Server', name: server.name });
      const title = `Let parentRefs of ${route.kind} ${route.namespace}/${route.name} name Server ${server.name}.`;
      return withProbeRoute(plea, { title, changes: [{ apply: withSpec(resource, { ...specOf(resource), parentRefs }) }] });
    });
  },
};
