import { expect, it } from 'vitest';
import { workloadsIn } from '../../src/access/workloads.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { buildSnapshot, namespaceIndex, withChanges } from '../../src/policy/snapshot.ts';

const pod = (namespace: string, name: string, owner?: string): Resource => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...{ namespace, name },
    ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: owner }] }),
  },
  spec: { containers: [] },
});

it('pods stand with their workload; a change in one namespace leaves the groups of another as they were made', () => {
  const before = buildSnapshot([pod('a', 'db-0', 'db'), pod('a', 'db-1', 'db'), pod('a', 'alone'), pod('b', 'x')], LINKERD_DEFAULTS);
  expect(workloadsIn(namespaceIndex(before, 'a')).map(({ ref, pods }) => [ref.kind, ref.name, pods.length])).toEqual([
    ['Pod', 'alone', 1],
    ['StatefulSet', 'db', 2],
  ]);
  const after = withChanges(before, [{ apply: pod('b', 'y') }]);
  expect(workloadsIn(namespaceIndex(after, 'a'))).toBe(workloadsIn(namespaceIndex(before, 'a')));
  expect(workloadsIn(namespaceIndex(after, 'b'))).toHaveLength(2);
});
