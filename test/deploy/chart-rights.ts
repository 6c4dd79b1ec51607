/** The rights of the chart's ClusterRole, as the table of what is watched gives them. */
import { WATCHED_KINDS, type WatchedKind } from '../../src/drivers/kubernetes-kinds.ts';

/** A rule of RBAC. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const VERBS = ['list', 'watch'];

/** One rule for each API group, and one for each kind of which only one name is read. */
export function chartRights(kinds: readonly WatchedKind[] = WATCHED_KINDS): readonly Rule[] {
  const whole = Map.groupBy(
    kinds.filter(({ name }) => name === null),
    ({ group }) => group,
  );
  return [
    ...[...whole].map(([group, all]) => ({
      apiGroups: [group],
      resources: [...new Set(all.map((k) => k.resource))].sort(),
      verbs: [...VERBS],
    })),
    ...kinds.flatMap(({ group, resource, name }) =>
      name === null ? [] : [{ apiGroups: [group], resources: [resource], resourceNames: [name], verbs: [...VERBS] }],
    ),
  ];
}
