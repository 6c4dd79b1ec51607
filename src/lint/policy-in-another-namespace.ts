import { showRef } from '../policy/resource.ts';
import { effectOf } from './effect.ts';
import { exists, namespacesWith, or } from './objects.ts';
import type { LintRule } from './rule.ts';
import { targetsOf } from './targets.ts';

export const policyInAnotherNamespace: LintRule = {
  code: 'policy-in-another-namespace',
  title: 'a policy is in another namespace than its target',
  *check({ resources, snapshot }) {
    for (const object of resources) {
      for (const { target } of targetsOf(object)) {
        const { group, kind, namespace, name } = target;
        if (exists(snapshot, group, kind, namespace, name)) continue;
        const others = namespacesWith(snapshot, target);
        if (others.length === 0) continue;
        yield {
          severity: 'error',
          object,
          path: ['metadata', 'namespace'],
          problem: `It targets ${showRef(target)}, which does not exist; there is one in ${or(others)}. A policy applies inside its own namespace only.`,
          effect: effectOf(snapshot, object),
          right: `metadata.namespace: ${or(others)}`,
          edits: [],
        };
      }
    }
  },
};
