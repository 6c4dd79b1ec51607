/** A route that is meant for the Server and not attached to it. */
import { getsIn } from '../access/compare.ts';
import { POLICY_GROUP } from '../policy/authorization-policy.ts';
import { evaluate } from '../policy/evaluate.ts';
import type { Traffic } from '../policy/evaluation.ts';
import { listOf } from '../policy/reading.ts';
import { isObject } from '../policy/selector.ts';
import { findResource, type ObjectChange } from '../policy/snapshot.ts';
import { asApplied, listWith, specOf, withSpec } from './objects.ts';
import { after, type Kind, type Plea } from './plea.ts';
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
      const changes = [{ apply: withSpec(resource, { ...specOf(resource), parentRefs }) }];
      const traffic = isByPathAlone(specOf(resource)) ? loggedRequest(plea, changes) : null;
      return withProbeRoute(plea, { title, changes, ...(traffic === null ? {} : { traffic }) });
    });
  },
};

/** A log tells the path, and neither method nor headers nor, as a rule, the host. */
function isByPathAlone({ hostnames, rules }: Readonly<Record<string, unknown>>): boolean {
  const matches = listOf(rules).flatMap((rule) => (isObject(rule) ? listOf(rule['matches']) : []));
  return listOf(hostnames).length === 0 && matches.every((match) => isObject(match) && Object.keys(match).every((key) => key === 'path'));
}

/** Where the log named a route of before and the paths: the first request of those that all get in by then. null: one does not, or none is known. */
function loggedRequest(plea: Plea, changes: readonly ObjectChange[]): Traffic | null {
  const { denied, law, snapshot } = plea;
  if (law.evaluation.traffic.type !== 'http-on-route') return null;
  const requests = denied.client.requests.flatMap(({ version, method, path, authority, grpc }): readonly Traffic[] => {
    if (path === null) return [];
    const request = { version: version ?? 'HTTP/2.0', method: method ?? 'GET', authority, path, headers: [], grpc: grpc === true };
    return [{ type: 'http', request }];
  });
  const { policy } = after(plea, asApplied(snapshot, changes));
  const isLetIn = (traffic: Traffic) => getsIn(evaluate(policy, law.evaluation.connection, traffic).verdict);
  return requests.every(isLetIn) ? (requests[0] ?? null) : null;
}
