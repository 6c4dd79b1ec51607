import { versionFault } from '../manifests/kinds.ts';
import { POLICY_GROUP } from '../policy/authorization-policy.ts';
import { kindOf } from '../policy/kinds.ts';
import { groupOf, type Resource } from '../policy/resource.ts';
import { type Snapshot, withChanges } from '../policy/snapshot.ts';
import { effectOfRefusal } from './effect.ts';
import type { LintRule } from './rule.ts';

export const wrongApiVersion: LintRule = {
  code: 'wrong-api-version',
  title: 'no API server has this kind in this version',
  *check({ resources, snapshot }) {
    const asMeant = withServed(snapshot, resources);
    for (const object of resources) {
      const { apiVersion, kind, metadata } = object;
      if (metadata.uid !== undefined || versionFault(apiVersion, groupOf(apiVersion), kind, false) === null) continue;
      const right = rightVersion(object);
      const known = right === null ? null : kindOf(`${groupOf(right)}/${kind}`);
      yield {
        severity: 'error',
        object,
        path: ['apiVersion'],
        problem:
          known === null
            ? `There is no kind ${kind} in ${apiVersion}.`
            : `${kind} has no version ${apiVersion}; served are ${known.versions.join(', ')}.`,
        effect:
          `kubectl apply refuses it (no matches for kind "${kind}"), and Linkerd never sees it. ${right === null ? '' : effectOfRefusal(asMeant, object)}`.trim(),
        right: right === null ? 'Look the kind up: kubectl api-resources --api-group policy.linkerd.io' : `apiVersion: ${right}`,
        edits: right === null ? [] : [{ set: ['apiVersion'], value: right }],
      };
    }
  },
};

/** null: no version of it is served at all. */
function rightVersion({ apiVersion, kind }: Resource): string | null {
  for (const group of [groupOf(apiVersion), POLICY_GROUP]) {
    const known = kindOf(`${group}/${kind}`);
    if (known !== null) return group === '' ? String(known.versions[0]) : `${group}/${known.versions[0]}`;
  }
  return null;
}

/** As it would be with every object under a version that is served. */
function withServed(snapshot: Snapshot, resources: readonly Resource[]): Snapshot {
  const changed = resources.map((object) => [object, asServed(object)] as const).filter(([object, served]) => object !== served);
  return changed.length === 0
    ? snapshot
    : withChanges(
        snapshot,
        changed.map(([, served]) => ({ apply: served })),
      );
}

/** The object as it is meant: under a version that is served. */
export function asServed(object: Resource): Resource {
  const right = versionFault(object.apiVersion, groupOf(object.apiVersion), object.kind, false) === null ? null : rightVersion(object);
  return right === null ? object : { ...object, apiVersion: right };
}
