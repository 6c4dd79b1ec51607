import type { Path } from '../manifests/document.ts';
import type { Resource } from '../policy/resource.ts';
import { checkSchema } from '../policy/schema.ts';
import { withChanges } from '../policy/snapshot.ts';
import { effectOf } from './effect.ts';
import { withEdits } from './fix.ts';
import { textAt, valueAt } from './objects.ts';
import type { LintRule } from './rule.ts';
import { asServed } from './wrong-api-version.ts';

export const unknownField: LintRule = {
  code: 'unknown-field',
  title: 'the kind has no such field',
  *check({ resources, snapshot }) {
    for (const object of resources) {
      for (const field of checkSchema(asServed(object))?.unknownFields ?? []) {
        const path = pathOf(field);
        const pruned = withEdits(object, [{ remove: path }]) as Resource;
        const stored = withChanges(snapshot, [{ apply: pruned }]);
        const advice = adviceFor(object, field, path);
        yield {
          severity: 'error',
          object,
          path,
          problem: `${object.kind} has no field ${field}.`,
          effect: `kubectl apply refuses it (unknown field); applied otherwise, it is stored without the field. ${effectOf(stored, object)}`,
          right: advice.right,
          edits: advice.isRemoved ? [{ remove: path }] : [],
        };
      }
    }
  },
};

/** `spec.rules[0].matches` → its steps. */
export function pathOf(text: string): Path {
  return [...text.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, key, index]) => (index === undefined ? (key ?? '') : Number(index)));
}

/** A field that says what holds anyway may go; any other meant something. */
function adviceFor(object: Resource, field: string, path: Path): { readonly right: string; readonly isRemoved: boolean } {
  if (/targetRef\.namespace$/.test(field)) {
    const own = object.metadata.namespace;
    const isOwn = valueAt(object, path) === own;
    return isOwn
      ? { right: 'Leave it out: a policy always targets its own namespace.', isRemoved: true }
      : {
          right: `Put the policy into the namespace of its target: metadata.namespace: ${textAt(object, ...path) ?? ''}`,
          isRemoved: false,
        };
  }
  if (object.kind === 'AuthorizationPolicy' && /^spec\.(client|server)$/.test(field))
    return {
      right: 'That is of ServerAuthorization. Here clients stand in spec.requiredAuthenticationRefs, the Server in spec.targetRef.',
      isRemoved: false,
    };
  if (object.kind === 'Server' && field === 'spec.accessPolicy')
    return { right: 'apiVersion: policy.linkerd.io/v1beta3, which has the field', isRemoved: false };
  return {
    right: `Correct the name or leave it out: kubectl explain ${object.kind.toLowerCase()}.${field.replace(/\[\d+\]/g, '')}`,
    isRemoved: false,
  };
}
