/** The ports of the meshed workloads, each with the policy in force; pods for which the same comes out stand together. */
import type { InboundServer } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { memo } from '../policy/memo.ts';
import { type NamespaceIndex, namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { alikeInBoth, inOrder, type Pair } from './alike.ts';

/** One port of pods (or ExternalWorkloads) that have the same policy before, and the same after. */
export interface PortChange {
  readonly workloads: readonly Workload[];
  readonly port: number;
  /** null: no proxy enforces anything there. */
  readonly before: InboundServer | null;
  readonly after: InboundServer | null;
}

/** The admin server of every proxy: its metrics and its own probes. */
export const PROXY_ADMIN_PORT = 4191;

/** What can be called of a workload: its declared ports, those of its probes, those that a Server takes by number, and the proxy's own. */
export function portsOf(snapshot: Snapshot, workload: Workload): readonly number[] {
  const ports = new Set([...workload.ports, ...workload.probes.keys(), PROXY_ADMIN_PORT]);
  for (const port of numberedPorts(snapshot, workload.ref.namespace)) {
    if (!ports.has(port) && inboundServer(snapshot, workload, port).server !== null) ports.add(port);
  }
  ports.delete(INBOUND_PORT);
  return [...ports].sort((a, b) => a - b);
}
const INBOUND_PORT = 4143;

function numberedPorts(snapshot: Snapshot, namespace: string): readonly number[] {
  return portsOfServers(namespaceIndex(snapshot, namespace).servers);
}
const portsOfServers = memo((servers: NamespaceIndex['servers']) => [
  ...new Set([...servers.values()].flatMap(({ value }) => (typeof value?.port === 'number' ? [value.port] : []))),
]);

/** Where the policy in force differs between the two, over the workloads that are in both. */
export function changedPorts(before: Snapshot, after: Snapshot): readonly PortChange[] {
  const numbers = createNumbers();
  return [...touchedNamespaces(before, after)].flatMap((namespace) => {
    const found = new Map<string, Found>();
    for (const group of alikeInBoth(namespaceIndex(before, namespace).workloads, namespaceIndex(after, namespace).workloads)) {
      const [{ was, now }] = group;
      if (!was.meshed && !now.meshed) continue;
      for (const port of new Set([...portsOf(before, was), ...portsOf(after, now)])) {
        const [a, b] = [was.meshed ? inboundServer(before, was, port) : null, now.meshed ? inboundServer(after, now, port) : null];
        if (numbers.of(a) !== numbers.of(b)) join(found, `${port} ${numbers.of(a)} ${numbers.of(b)}`, { port, before: a, after: b }, group);
      }
    }
    return joined(found);
  });
}

/** Every port of every meshed workload; `before` and `after` are the same. */
export function allPorts(snapshot: Snapshot): readonly PortChange[] {
  const numbers = new Map<InboundServer, number>();
  return [...snapshot.namespaces.values()].flatMap(({ workloads }) => {
    const found = new Map<string, Found>();
    for (const group of alikeInBoth(workloads, workloads)) {
      const [{ now }] = group;
      if (!now.meshed) continue;
      for (const port of portsOf(snapshot, now)) {
        const policy = inboundServer(snapshot, now, port);
        const number = numbers.get(policy) ?? numbers.size;
        numbers.set(policy, number);
        join(found, `${number} ${port}`, { port, before: policy, after: policy }, group);
      }
    }
    return joined(found);
  });
}

interface Found {
  readonly at: Omit<PortChange, 'workloads'>;
  readonly groups: (readonly Pair[])[];
}

function join(found: Map<string, Found>, key: string, at: Found['at'], group: readonly Pair[]): void {
  const known = found.get(key);
  if (known === undefined) found.set(key, { at, groups: [group] });
  else known.groups.push(group);
}

function joined(found: ReadonlyMap<string, Found>): readonly PortChange[] {
  return [...found.values()].map(({ at, groups }) => ({ workloads: inOrder(groups), ...at }));
}

/** Namespaces that are not the same object in both, and those whose AuthorizationPolicies refer into one of these. */
export function touchedNamespaces(before: Snapshot, after: Snapshot): ReadonlySet<string> {
  const names = new Set([...before.namespaces.keys(), ...after.namespaces.keys()]);
  if (before.info !== after.info) return names;
  const changed = new Set([...names].filter((name) => before.namespaces.get(name) !== after.namespaces.get(name)));
  for (const snapshot of [before, after]) {
    for (const [name, { authorizationPolicies }] of snapshot.namespaces) {
      if (namespacesNamed(authorizationPolicies).some((other) => other !== name && changed.has(other))) changed.add(name);
    }
  }
  return changed;
}
const namespacesNamed = memo((policies: NamespaceIndex['authorizationPolicies']) => [
  ...new Set([...policies.values()].flatMap(({ value }) => value?.authentications.map(({ namespace }) => namespace) ?? [])),
]);

/** Policies that read alike have the same number. */
function createNumbers() {
  const byPolicy = new Map<InboundServer, number>();
  const byText = new Map<string, number>();
  return {
    of(policy: InboundServer | null): number {
      if (policy === null) return -1;
      const known = byPolicy.get(policy);
      if (known !== undefined) return known;
      const text = textOf(policy);
      const number = byText.get(text) ?? byText.size;
      byText.set(text, number);
      byPolicy.set(policy, number);
      return number;
    },
  };
}

/** Kept for as long as the policy is known: one candidate after another is compared with it. */
const textOf = memo((policy: InboundServer) => JSON.stringify(policy));
