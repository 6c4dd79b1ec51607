/** What policies target by name. */
import type { Path } from '../manifests/document.ts';
import { POLICY_GROUP } from '../policy/authorization-policy.ts';
import { groupOf, type ObjectRef, type Resource } from '../policy/resource.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { fieldsAt, kindOfRef, namespacesWith, textAt } from './objects.ts';

export interface Target {
  /** Of the name. */
  readonly path: Path;
  readonly target: ObjectRef;
}

/** With a snapshot: those only that no other namespace has. */
export function targetsOf(object: Resource, snapshot: Snapshot | null = null): readonly Target[] {
  const found = targetOf(object);
  if (found === null || (snapshot !== null && namespacesWith(snapshot, found.target).length > 0)) return [];
  return [found];
}

function targetOf(object: Resource): Target | null {
  if (groupOf(object.apiVersion) !== POLICY_GROUP) return null;
  const { namespace } = object.metadata;
  if (object.kind === 'ServerAuthorization') {
    const name = textAt(object, 'spec', 'server', 'name');
    return name === null ? null : { path: ['spec', 'server', 'name'], target: { group: POLICY_GROUP, kind: 'Server', namespace, name } };
  }
  if (object.kind !== 'AuthorizationPolicy' && object.kind !== 'HTTPLocalRateLimitPolicy') return null;
  const ref = fieldsAt(object, 'spec', 'targetRef');
  const kind = kindOfRef(ref);
  const name = textAt(ref, 'name');
  if (kind === null || name === null || kind.group === '') return null;
  return { path: ['spec', 'targetRef', 'name'], target: { ...kind, namespace, name } };
}
