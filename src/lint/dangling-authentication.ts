import { POLICY_GROUP } from '../policy/authorization-policy.ts';
import { effectOf } from './effect.ts';
import { exists, itemsAt, kindOfRef, namesOf, namespacesWith, or, policiesOf, slipsOf, textAt } from './objects.ts';
import type { LintRule } from './rule.ts';

export const danglingAuthentication: LintRule = {
  code: 'dangling-authentication',
  title: 'a policy requires an authentication that does not exist',
  *check({ resources, snapshot, isWhole }) {
    for (const object of policiesOf(resources, 'AuthorizationPolicy')) {
      for (const [i, ref] of itemsAt(object, 'spec', 'requiredAuthenticationRefs')) {
        const kind = kindOfRef(ref);
        const name = textAt(ref, 'name');
        const namespace = textAt(ref, 'namespace') ?? object.metadata.namespace;
        if (kind?.group !== POLICY_GROUP || name === null || exists(snapshot, POLICY_GROUP, kind.kind, namespace, name)) continue;
        const near = slipsOf(namesOf(snapshot, POLICY_GROUP, kind.kind, namespace), name);
        const elsewhere = namespacesWith(snapshot, { ...kind, namespace, name });
        const path = ['spec', 'requiredAuthenticationRefs', i];
        const [only] = near;
        const [other] = elsewhere;
        yield {
          severity: isWhole || near.length + elsewhere.length > 0 ? 'error' : 'warning',
          object,
          path: [...path, 'name'],
          problem: `There is no ${kind.kind} ${name} in namespace ${namespace}${isWhole ? '' : ' among the objects'}. Linkerd drops the whole policy then, whatever else it requires.`,
          effect: effectOf(snapshot, object),
          right:
            only !== undefined
              ? `name: ${only}`
              : other !== undefined
                ? `namespace: ${or(elsewhere)}`
                : `Create ${kind.kind} ${namespace}/${name}, or correct the reference.`,
          edits:
            near.length === 1 && only !== undefined
              ? [{ set: [...path, 'name'], value: only }]
              : elsewhere.length === 1 && other !== undefined
                ? [{ set: [...path, 'namespace'], value: other }]
                : [],
        };
      }
    }
  },
};
