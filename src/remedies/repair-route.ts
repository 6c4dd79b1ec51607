/** A route that the proxy cannot use spoils the policy of the whole port: the match that does it gets what it lacks. */
import type { HttpRequest } from '../policy/evaluation.ts';
import { listOf } from '../policy/reading.ts';
import { type Resource, showRef } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { findResource } from '../policy/snapshot.ts';
import { specOf, withSpec } from './objects.ts';
import type { Candidate, Kind } from './plea.ts';

export const repairRoute: Kind = {
  id: 'repair-route',
  candidates({ law, snapshot }) {
    const { traffic, policy } = law.evaluation;
    if (traffic.type !== 'http' || policy.rejectedByProxy === null) return [];
    return (policy.routes ?? []).flatMap(({ object, rules }) => {
      const isFaulty = rules.type === 'grpc' && rules.rules.some(({ matches }) => matches.some(({ rpc }) => rpc === null));
      const route = object === null || !isFaulty ? null : findResource(snapshot, object);
      return route === null || object === null ? [] : repairsOf(route, traffic.request, showRef(object));
    });
  },
};

/** With its headers kept, and, where the request has others, by the service alone. */
function repairsOf(route: Resource, { path }: HttpRequest, name: string): readonly Candidate[] {
  const [, service = ''] = path.split('/');
  const method = { type: 'Exact', service };
  const repaired = (isKept: boolean) => ({
    ...specOf(route),
    rules: listOf(specOf(route)['rules']).map((rule) =>
      isObject(rule) && Array.isArray(rule['matches'])
        ? { ...rule, matches: rule['matches'].map((match: unknown) => withMethod(match, method, isKept)) }
        : rule,
    ),
  });
  return [
    {
      title: `Let the matches of ${name} name service ${service}: without it the proxy cannot use the policy.`,
      changes: [{ apply: withSpec(route, repaired(true)) }],
    },
    {
      title: `Let the matches of ${name} name service ${service} instead of headers: without it the proxy cannot use the policy.`,
      changes: [{ apply: withSpec(route, repaired(false)) }],
    },
  ];
}

function withMethod(match: unknown, method: Readonly<Record<string, unknown>>, isKept: boolean): unknown {
  if (!isObject(match) || isObject(match['method'])) return match;
  const { headers, ...rest } = match;
  return { ...rest, method, ...(isKept && headers !== undefined ? { headers } : {}) };
}
