import { covers } from '../policy/covers.ts';
import { objectKey, refOf } from '../policy/resource.ts';
import { effectOf, nameWorkload } from './effect.ts';
import { some } from './objects.ts';
import type { LintRule } from './rule.ts';
import { declaredPorts } from './servers.ts';

export const routePolicyDoesNotRestrict: LintRule = {
  code: 'route-policy-does-not-restrict',
  title: 'a policy of the Server opens the routes that others seem to restrict',
  *check({ resources, snapshot }) {
    const broad = resources.filter(({ kind }) => kind === 'AuthorizationPolicy' || kind === 'ServerAuthorization');
    const said = new Set<string>();
    for (const { pod, port, policy } of declaredPorts(
      snapshot,
      broad.map(({ metadata }) => metadata.namespace),
    )) {
      for (const wide of policy.authorizations) {
        const object = broad.find((one) => wide.object !== null && objectKey(refOf(one)) === objectKey(wide.object));
        const idle = (policy.routes ?? []).filter(
          (route) => route.object !== null && route.authorizations.some((own) => !covers(own, wide)),
        );
        if (object === undefined || idle.length === 0 || said.has(object.metadata.name)) continue;
        said.add(object.metadata.name);
        yield {
          severity: 'warning',
          object,
          path: ['spec', object.kind === 'AuthorizationPolicy' ? 'targetRef' : 'server'],
          problem: `It opens every route of Server ${policy.server?.name ?? ''}, those with policies of their own too (${some(idle.map(({ ref }) => ref.name))}): policies of a Server, of the Namespace and of a route are added up.`,
          effect: `${effectOf(snapshot, object)} That is port ${port} of ${nameWorkload(snapshot, pod)}.`,
          right: 'Target the routes that it is meant for, one policy each, and leave the Server without one.',
          edits: [],
        };
      }
    }
  },
};
