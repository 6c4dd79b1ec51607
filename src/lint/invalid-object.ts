import type { Path } from '../manifests/document.ts';
import { admit } from '../policy/admission.ts';
import { GATEWAY_GROUP, POLICY_GROUP } from '../policy/authorization-policy.ts';
import { groupOf, type Resource } from '../policy/resource.ts';
import { checkSchema } from '../policy/schema.ts';
import { effectOf } from './effect.ts';
import { itemsAt } from './objects.ts';
import type { LintRule } from './rule.ts';
import { pathOf } from './unknown-field.ts';
import { asServed } from './wrong-api-version.ts';
import { isKindRefusal } from './wrong-reference.ts';

export const invalidObject: LintRule = {
  code: 'invalid-object',
  title: 'the API server or Linkerd’s webhook refuses it',
  *check({ resources, snapshot }) {
    for (const object of resources) {
      const fault = faultOf(asServed(object));
      if (fault === null) continue;
      yield {
        severity: 'error',
        object,
        path: fault.path,
        problem: fault.message,
        effect:
          `${fault.who} refuses it. ${fault.who === 'The API server' ? '' : `Where the webhook was passed by (failurePolicy Ignore, a namespace without webhooks): ${effectOf(snapshot, object)}`}`.trim(),
        right: 'Correct the value; kubectl apply --dry-run=server tells whether it is taken.',
        edits: [],
      };
    }
  },
};

function faultOf(object: Resource): { readonly path: Path; readonly message: string; readonly who: string } | null {
  const schema = checkSchema(object);
  const [first] = schema?.faults ?? [];
  if (first !== undefined) return { path: pathOf(first.path), message: `${first.path}: ${first.message}.`, who: 'The API server' };
  const group = groupOf(object.apiVersion);
  if (schema === null || (group !== POLICY_GROUP && group !== GATEWAY_GROUP)) return null;
  const { admitted, message } = admit(object);
  if (admitted || isKindRefusal(message)) return null;
  const [line = ''] = message.split('\n');
  return { path: placeOf(object, message), message: `${line}${/[.:]$/.test(line) ? '' : '.'}`, who: 'Linkerd’s webhook' };
}

/** Where the value stands that the sentence is about. */
function placeOf(object: Resource, message: string): Path {
  const identity = /^id (.+?) is invalid/.exec(message)?.[1];
  const lists: readonly Path[] = [
    ['spec', 'identities'],
    ['spec', 'networks'],
    ['spec', 'client', 'networks'],
  ];
  for (const path of lists) {
    const values =
      path.at(-1) === 'identities'
        ? listAt(object, path).indexOf(identity)
        : itemsAt(object, ...path).findIndex(([, { cidr }]) => message.includes(`'${String(cidr)}'`));
    if (values >= 0) return [...path, values];
  }
  const field = /Invalid '(\w+)' field/.exec(message)?.[1];
  return field === undefined ? ['spec'] : ['spec', field];
}

function listAt(object: Resource, path: Path): readonly unknown[] {
  let at: unknown = object;
  for (const step of path) at = (at as Record<string, unknown> | undefined)?.[String(step)];
  return Array.isArray(at) ? at : [];
}
