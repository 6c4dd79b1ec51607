import { admit } from '../policy/admission.ts';
import { GATEWAY_GROUP, POLICY_GROUP } from '../policy/authorization-policy.ts';
import { kindOf } from '../policy/kinds.ts';
import { groupOf, type Resource } from '../policy/resource.ts';
import { checkSchema } from '../policy/schema.ts';
import { type Entry, namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import { effectOf } from './effect.ts';
import type { LintRule } from './rule.ts';
import { asServed } from './wrong-api-version.ts';

export const ignoredObject: LintRule = {
  code: 'ignored-object',
  title: 'an object that is admitted, and that Linkerd cannot use',
  *check({ resources, snapshot }) {
    for (const object of resources) {
      const entry = entryOf(snapshot, object);
      if (entry?.error == null || OF_ROUTES.test(entry.error) || !isAdmitted(object)) continue;
      yield {
        severity: 'error',
        object,
        path: ['spec'],
        problem: `Linkerd’s controller cannot use it: ${entry.error}.`,
        effect:
          entry.value === null
            ? `It is as if it were not there. ${effectOf(snapshot, object)}`
            : 'What was there before it stays in force, until the controller restarts: then nothing of it does.',
        right: RIGHT.find(([error]) => entry.error?.includes(error) === true)?.[1] ?? 'Correct the value that is named.',
        edits: [],
      };
    }
  },
};

/** What a code of its own says of routes. */
const OF_ROUTES = /may not reference a parent|filter is not supported/;

const RIGHT: readonly (readonly [error: string, right: string])[] = [
  ['no client authentication', 'client: meshTLS with serviceAccounts or identities, or unauthenticated: true'],
  ['authorizes no clients', 'client.meshTLS: serviceAccounts, identities, or unauthenticatedTLS: true'],
];

function entryOf(snapshot: Snapshot, { apiVersion, kind, metadata }: Resource): Entry<unknown> | null {
  const group = groupOf(apiVersion);
  const known = group === POLICY_GROUP || group === GATEWAY_GROUP ? kindOf(`${group}/${kind}`) : null;
  if (known === null) return null;
  return namespaceIndex(snapshot, metadata.namespace)[known.collection].get(`${group}/${kind}/${metadata.name}`) ?? null;
}

function isAdmitted(object: Resource): boolean {
  if (asServed(object) !== object) return false;
  return (checkSchema(object)?.faults ?? []).length === 0 && admit(object).admitted;
}
