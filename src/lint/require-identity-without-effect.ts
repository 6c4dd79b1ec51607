import { inboundServer } from '../policy/inbound-server.ts';
import { ANNOTATION } from '../policy/workload.ts';
import { annotatedBy } from './annotated.ts';
import { accessOf, meshedIn, nameWorkload } from './effect.ts';
import { ofKind } from './objects.ts';
import type { LintRule } from './rule.ts';
import { keysOf } from './servers.ts';

export const requireIdentityWithoutEffect: LintRule = {
  code: 'require-identity-without-effect',
  title: 'an annotation requires identity where it has no say',
  *check({ resources, snapshot }) {
    const linted = keysOf(resources);
    const said = new Set<string>();
    const namespaces = [
      ...resources.map(({ metadata }) => metadata.namespace),
      ...ofKind(resources, '', 'Namespace').map(({ metadata }) => metadata.name),
    ];
    for (const namespace of new Set(namespaces)) {
      for (const pod of meshedIn(snapshot, namespace)) {
        for (const port of pod.settings.requireIdentityPorts) {
          const policy = inboundServer(snapshot, pod, port);
          if (policy.server === null && policy.ref.name.endsWith('-authenticated')) continue;
          const place = annotatedBy(snapshot, pod, ANNOTATION.requireIdentityPorts, linted);
          const key = place === null ? '' : `${place.object.kind} ${namespace}/${place.object.metadata.name} ${port}`;
          if (place === null || said.has(key)) continue;
          said.add(key);
          const by = policy.server === null ? `under the default policy ${policy.ref.name}` : `taken by Server ${policy.server.name}`;
          yield {
            severity: 'warning',
            ...place,
            problem: `Port ${port} of ${nameWorkload(snapshot, pod)} is ${by}: the annotation has a say with all-unauthenticated and cluster-unauthenticated alone.`,
            effect: `It has no effect: port ${port} lets in ${accessOf(snapshot, pod, policy)}.`,
            right:
              policy.server === null ? 'Leave the port out.' : `An AuthorizationPolicy on Server ${policy.server.name} that says who may`,
            edits: [],
          };
        }
      }
    }
  },
};
