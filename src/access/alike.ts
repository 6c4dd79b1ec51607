/** Workloads of a namespace for which the policy of every port comes out the same, whatever the policy is: replicas, above all. */
import { memo } from '../policy/memo.ts';
import type { NamespaceIndex } from '../policy/snapshot.ts';
import { ANNOTATION, type Workload } from '../policy/workload.ts';

type Workloads = NamespaceIndex['workloads'];

/** A workload before and after a change. */
export interface Pair {
  readonly was: Workload;
  readonly now: Workload;
  /** Its place among those of the namespace. */
  readonly place: number;
}

/** Those that are in both; each group is alike before, and alike after. In the order of their first. */
export function alikeInBoth(before: Workloads, after: Workloads): readonly (readonly [Pair, ...Pair[]])[] {
  const [old, next] = [kindsOf(before), kindsOf(after)];
  const groups = new Map<string, [Pair, ...Pair[]]>();
  let place = 0;
  for (const [name, { value: now }] of after) {
    const was = before.get(name)?.value ?? null;
    if (was === null || now === null) continue;
    const pair = { was, now, place: place++ };
    const key = `${old.get(was)} ${next.get(now)}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [pair]);
    else known.push(pair);
  }
  return [...groups.values()];
}

/** Several groups as one, in the order in which the workloads stand. */
export function inOrder(groups: readonly (readonly Pair[])[]): readonly Workload[] {
  const [only = []] = groups;
  const pairs = groups.length === 1 ? only : groups.flat().sort((a, b) => a.place - b.place);
  return pairs.map(({ now }) => now);
}

/** Equal numbers for what is alike. */
const kindsOf = memo((workloads: Workloads): ReadonlyMap<Workload, number> => {
  const numbers = new Map<string, number>();
  const kinds = new Map<Workload, number>();
  for (const { value } of workloads.values()) {
    if (value === null) continue;
    const key = keyOf(value);
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    kinds.set(value, number);
  }
  return kinds;
});

/** All that `inboundServer` and `portsOf` read of a workload. */
function keyOf({ kind, meshed, labels, resource, ports, portNames, probes }: Workload): string {
  const { annotations = {} } = resource.metadata;
  const settings = Object.values(ANNOTATION).map((name) => annotations[name]);
  return JSON.stringify([kind, meshed, labels, settings, ports, [...portNames], [...probes]]);
}
