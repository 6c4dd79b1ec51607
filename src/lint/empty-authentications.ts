import { effectOf } from './effect.ts';
import { policiesOf, valueAt } from './objects.ts';
import type { LintRule } from './rule.ts';

export const emptyAuthentications: LintRule = {
  code: 'empty-authentications',
  title: 'a policy that requires nothing lets in anyone',
  *check({ resources, snapshot }) {
    for (const object of policiesOf(resources, 'AuthorizationPolicy')) {
      const refs = valueAt(object, ['spec', 'requiredAuthenticationRefs']);
      if (!Array.isArray(refs) || refs.length > 0) continue;
      yield {
        severity: 'warning',
        object,
        path: ['spec', 'requiredAuthenticationRefs'],
        problem:
          'An empty list of authentications lets in anyone, from anywhere, with or without a mesh identity. It does not close anything.',
        effect: effectOf(snapshot, object),
        right:
          'Name who may: a ServiceAccount, a MeshTLSAuthentication or a NetworkAuthentication. To close a port, leave the policy away.',
        edits: [],
      };
    }
  },
};
