/** Row 48: a Server's own accessPolicy decides, where the default policy was expected to. */
import { isObject } from '../policy/selector.ts';
import { namespaceIndex } from '../policy/snapshot.ts';
import { missedAuthentication } from './closest.ts';
import type { Diagnosis, Draft } from './diagnosis.ts';
import { drafted, stated } from './drafting.ts';

export const accessPolicyDecides: Diagnosis = {
  id: 'access-policy-decides',
  title: 'a Server’s accessPolicy decides, not the default policy',
  denied(denied) {
    const considered = missedAuthentication(denied);
    const server = denied.law?.evaluation.policy.server ?? null;
    if (considered === null || server === null || considered.authorization.object !== null) return null;
    return drafted(
      denied,
      {
        certainty: 'certain',
        removal: 'helps',
        todo: `Authorize the client by an AuthorizationPolicy on Server ${server.namespace}/${server.name}: it adds to the accessPolicy ${considered.authorization.ref.name}.`,
        remedies: ['mesh-client', 'authorize-on-server'],
      },
      [server],
    );
  },
  standing({ snapshot, namespaces }) {
    return [...namespaces].sort().flatMap((namespace) =>
      [...namespaceIndex(snapshot, namespace).servers.values()].flatMap(({ resource, value }): readonly Draft[] => {
        const access = isObject(resource.spec) ? resource.spec['accessPolicy'] : undefined;
        if (value === null || access !== 'audit') return [];
        const { name } = resource.metadata;
        const summary = `Server ${namespace}/${name} has accessPolicy audit: everyone gets in, and whom nothing else authorizes is logged.`;
        const todo = 'Authorize those whom the log names and who are to go on, then take accessPolicy out: it is deny then.';
        return [stated(snapshot, { summary, todo, remedies: ['authorize-on-server', 'narrow-policy'] }, [value.ref])];
      }),
    );
  },
};
