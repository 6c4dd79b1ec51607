import { isSlip } from '../diagnoses/near-name.ts';
import { effectOf } from './effect.ts';
import { exists, namesOf, some } from './objects.ts';
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
        const near = others.filter((other) => isSlip(other, name));
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
    }
  },
};
