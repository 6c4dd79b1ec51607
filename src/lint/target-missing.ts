import type { Resource } from '../policy/resource.ts';
import { readSelector, selects } from '../policy/selector.ts';
import { namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import { effectOf } from './effect.ts';
import type { Draft } from './finding.ts';
import { exists, namesOf, policiesOf, slipsOf, some, valueAt } from './objects.ts';
import type { LintRule } from './rule.ts';
import { targetsOf } from './targets.ts';

export const targetMissing: LintRule = {
  code: 'target-missing',
  title: 'a policy targets something that does not exist',
  *check({ resources, snapshot, isWhole }) {
    for (const object of resources) {
      for (const { path, target } of targetsOf(object)) {
        const { group, kind, namespace, name } = target;
        if (exists(snapshot, group, kind, namespace, name)) continue;
        const others = namesOf(snapshot, group, kind, namespace);
        const near = slipsOf(others, name);
        if (near.length === 0 && targetsOf(object, snapshot).length === 0) continue;
        const [only] = near;
        yield {
          severity: isWhole || near.length > 0 ? 'error' : 'warning',
          object,
          path,
          problem: `There is no ${kind} ${name} in namespace ${namespace}${isWhole ? '' : ' among the objects'}.`,
          effect: effectOf(snapshot, object),
          right:
            only !== undefined
              ? `name: ${only}`
              : others.length > 0
                ? `One of those that are there: ${some(others, 5)}`
                : `Create ${kind} ${name}, or correct the name.`,
          edits: near.length === 1 && only !== undefined ? [{ set: path, value: only }] : [],
        };
      }
      const unmatched = unmatchedSelector(snapshot, object);
      if (unmatched !== null) yield { severity: isWhole ? 'error' : 'warning', ...unmatched };
    }
  },
};

/** A ServerAuthorization that selects Servers by labels, and none has them. */
function unmatchedSelector(snapshot: Snapshot, object: Resource): Omit<Draft, 'severity'> | null {
  if (policiesOf([object], 'ServerAuthorization').length === 0) return null;
  const selector = readSelector(valueAt(object, ['spec', 'server', 'selector']));
  const { namespace } = object.metadata;
  if (valueAt(object, ['spec', 'server', 'selector']) === undefined || selector === null) return null;
  const servers = [...namespaceIndex(snapshot, namespace).servers.values()].map(({ resource }) => resource);
  if (servers.some(({ metadata }) => selects(selector, metadata.labels ?? {}))) return null;
  const names = servers.map(({ metadata: { name, labels = {} } }) => {
    const written = Object.entries(labels).map(([key, value]) => `${key}: ${value}`);
    return `${name} (${written.join(', ') || 'no labels'})`;
  });
  return {
    object,
    path: ['spec', 'server', 'selector'],
    problem: `No Server of namespace ${namespace} has these labels. They are labels of the Server, not those of its pods.`,
    effect: effectOf(snapshot, object),
    right: names.length === 0 ? 'server: { name: NAME }' : `One of those that are there, by name or by a label of it: ${some(names, 4)}`,
    edits: [],
  };
}
