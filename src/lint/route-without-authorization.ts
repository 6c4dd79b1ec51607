import { objectKey, refOf } from '../policy/resource.ts';
import { showMatch } from '../policy/wording.ts';
import { nameWorkload } from './effect.ts';
import { some } from './objects.ts';
import type { LintRule } from './rule.ts';
import { declaredPorts } from './servers.ts';

export const routeWithoutAuthorization: LintRule = {
  code: 'route-without-authorization',
  title: 'a route that no policy opens',
  *check({ resources, snapshot }) {
    const routes = resources.filter(({ kind }) => kind === 'HTTPRoute' || kind === 'GRPCRoute');
    const said = new Set<string>();
    const namespaces = routes.map(({ metadata }) => metadata.namespace);
    for (const { pod, port, policy } of declaredPorts(snapshot, namespaces)) {
      const own = (policy.routes ?? []).filter(({ object }) => object !== null);
      // Where nothing at all is open, that is what is said.
      if (policy.authorizations.length > 0 || own.every(({ authorizations }) => authorizations.length === 0)) continue;
      for (const { object: ref, authorizations, rules } of own) {
        const object = ref === null ? undefined : routes.find((route) => objectKey(refOf(route)) === objectKey(ref));
        if (object === undefined || authorizations.length > 0 || said.has(objectKey(refOf(object)))) continue;
        said.add(objectKey(refOf(object)));
        const takes = rules.rules.flatMap(({ matches }) => matches.map(showMatch));
        yield {
          severity: 'warning',
          object,
          path: ['metadata', 'name'],
          problem: `No policy targets this route, and none opens Server ${policy.server?.name ?? ''} as a whole.`,
          effect: `${takes.length === 0 ? 'What it takes' : some(takes)} gets 403 on port ${port} of ${nameWorkload(snapshot, pod)}, whoever asks.`,
          right: `An AuthorizationPolicy that targets ${object.kind} ${object.metadata.name}; where nobody is meant to get in, ignore this code with that reason.`,
          edits: [],
        };
      }
    }
  },
};
