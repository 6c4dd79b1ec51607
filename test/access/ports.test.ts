import fc from 'fast-check';
import { expect, it } from 'vitest';
import { allPorts, changedPorts, type PortChange, portsOf } from '../../src/access/ports.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import { withChanges } from '../../src/policy/snapshot.ts';
import type { Workload } from '../../src/policy/workload.ts';
import { anyObject, anyPods, cluster } from '../policy/arbitrary.ts';
import { snapshot } from '../policy/cluster.ts';

function workloadsIn({ namespaces }: Snapshot): ReadonlyMap<string, Workload> {
  return new Map(
    [...namespaces.values()].flatMap(({ workloads }) =>
      [...workloads].map(([, { value }]) => [idOf(value as Workload), value as Workload]),
    ),
  );
}

function idOf({ ref }: Workload): string {
  return `${ref.namespace}/${ref.name}`;
}

function policyOf(of: Snapshot, workload: Workload, port: number): string {
  return JSON.stringify(workload.meshed ? inboundServer(of, workload, port) : null);
}

/** One line for each port of each pod. */
function told(changes: readonly PortChange[]): readonly string[] {
  return changes.flatMap(({ workloads, port, before, after }) =>
    workloads.map((one) => `${idOf(one)}:${port} ${JSON.stringify(before)} ${JSON.stringify(after)}`),
  );
}

it('what changes is what changes pod by pod, and pods stand in their order', () => {
  fc.assert(
    fc.property(cluster, anyPods, fc.array(anyObject, { maxLength: 3 }), anyPods, (resources, pods, objects, others) => {
      const before = snapshot([...resources, ...pods]);
      const after = withChanges(
        before,
        [...objects, ...others.slice(0, 4)].map((apply) => ({ apply })),
      );
      const [was, now] = [workloadsIn(before), workloadsIn(after)];
      const expected = [...now].flatMap(([id, next]) => {
        const old = was.get(id);
        if (old === undefined) return [];
        const ports = new Set([...portsOf(before, old), ...portsOf(after, next)]);
        return [...ports].flatMap((port) => {
          const [a, b] = [policyOf(before, old, port), policyOf(after, next, port)];
          return a === b ? [] : [`${id}:${port} ${a} ${b}`];
        });
      });
      const changes = changedPorts(before, after);
      expect(told(changes).toSorted()).toEqual(expected.toSorted());
      const order = [...now.keys()];
      for (const { workloads } of changes) {
        const places = workloads.map((one) => order.indexOf(idOf(one)));
        expect(places).toEqual(places.toSorted((a, b) => a - b));
      }
    }),
    { numRuns: 500 },
  );
});

it('all ports are those of each meshed pod, once', () => {
  fc.assert(
    fc.property(cluster, anyPods, (resources, pods) => {
      const of = snapshot([...resources, ...pods]);
      const expected = [...workloadsIn(of)].flatMap(([id, one]) =>
        one.meshed ? portsOf(of, one).map((port) => `${id}:${port} ${policyOf(of, one, port)} ${policyOf(of, one, port)}`) : [],
      );
      expect(told(allPorts(of)).toSorted()).toEqual(expected.toSorted());
    }),
  );
});
