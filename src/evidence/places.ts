/** Where proxies run whose lines do not say it: from the pod's name, the ServiceAccount, or the Servers and routes that the lines name. */
import type { RouteRef, ServerRef } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { memo } from '../policy/memo.ts';
import { workloadOf } from '../policy/owner.ts';
import type { Resource } from '../policy/resource.ts';
import { findResource, findWorkload, namespaceIndex, type Snapshot, workloadsByServiceAccount } from '../policy/snapshot.ts';
import { standInName } from '../policy/templates.ts';
import type { Workload } from '../policy/workload.ts';
import { ADMIN_PORT } from './conventions.ts';
import type { Reporter, WorkloadRef } from './facts.ts';

export interface Place {
  readonly namespace: string | null;
  readonly workload: WorkloadRef | null;
  /** Of the proxy, from its own identity; null: its lines do not say. */
  readonly serviceAccount: string | null;
}

/** What a proxy's lines say of the policy it had. */
export interface Trace {
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  readonly port: number | null;
  readonly admin: boolean;
}

/** The pods of one snapshot, found by what evidence says of them. */
export interface Places {
  /** As far as the pod, the ServiceAccount or the workload that was named tell. */
  placeOf(reporter: Reporter): Place;
  /** The workloads of which all the traces can be, the given parts of the reporter respected. */
  fitting(reporter: Reporter, traces: readonly Trace[]): readonly WorkloadRef[];
  /** A pod by its name, else one of the same owner (pods come and go), else one of the workload. */
  podOf(place: Omit<Place, 'serviceAccount'>, names: readonly string[]): Workload | null;
  /** Every workload that has a pod. */
  workloads(): readonly WorkloadRef[];
}

/** Made once for each snapshot. */
export const placesIn = memo((snapshot: Snapshot): Places => createPlaces(snapshot, ownersIn(snapshot)));

/** Names the workload of a pod. */
export function ownersIn(snapshot: Snapshot): (pod: Resource) => WorkloadRef {
  return (pod) => {
    const { kind, namespace, name } = workloadOf(pod, (ref) => findResource(snapshot, ref) ?? undefined);
    return { kind, namespace, name };
  };
}

/** Every workload that has pods (or a stand-in for them). */
export function workloadsIn(snapshot: Snapshot): readonly WorkloadRef[] {
  return placesIn(snapshot).workloads();
}

function createPlaces(snapshot: Snapshot, ownerOf: (pod: Resource) => WorkloadRef): Places {
  let index: PodIndex | null = null;
  const pods = () => {
    index ??= indexPods(snapshot, ownerOf);
    return index;
  };
  const owner = (pod: Workload) => ownerOf(pod.resource);

  return {
    placeOf(reporter) {
      const { namespace, pod, workload, serviceAccount } = reporter;
      const account = { serviceAccount: serviceAccount ?? null };
      if (pod !== null) {
        const found = podNamed(snapshot, pods(), namespace, pod);
        if (found !== null) return { namespace: found.ref.namespace, workload: owner(found), ...account };
      }
      if (workload !== null && (serviceAccount === undefined || runsAs(pods(), workload, serviceAccount)))
        return { namespace, workload, ...account };
      if (namespace === null || serviceAccount === undefined) return { namespace, workload: null, ...account };
      const owners = distinct(workloadsByServiceAccount(snapshot, namespace, serviceAccount).map(owner));
      return { namespace, workload: owners.length === 1 ? (owners[0] ?? null) : null, ...account };
    },
    fitting(reporter, traces) {
      const candidates = [...pods().byName.values()].flat().filter((pod) => mayBe(pod, reporter));
      return distinct(candidates.filter((pod) => traces.every((trace) => canLeave(snapshot, pod, trace))).map(owner));
    },
    workloads: () => distinct([...pods().byName.values()].flat().map(owner)),
    podOf({ namespace, workload }, names) {
      if (namespace === null) return null;
      for (const name of names) {
        const found = podNamed(snapshot, pods(), namespace, name);
        if (found !== null) return found;
      }
      return workload === null ? null : (pods().byWorkload.get(keyOf(workload))?.[0] ?? null);
    },
  };
}

interface PodIndex {
  readonly byName: ReadonlyMap<string, readonly Workload[]>;
  /** By namespace and the name of the direct owner. */
  readonly byOwner: ReadonlyMap<string, Workload>;
  readonly byWorkload: ReadonlyMap<string, readonly Workload[]>;
}

function indexPods(snapshot: Snapshot, ownerOf: (pod: Resource) => WorkloadRef): PodIndex {
  const byName = new Map<string, Workload[]>();
  const byOwner = new Map<string, Workload>();
  const byWorkload = new Map<string, Workload[]>();
  for (const { workloads } of snapshot.namespaces.values()) {
    for (const { value: pod } of workloads.values()) {
      if (pod === null) continue;
      push(byName, pod.ref.name, pod);
      push(byWorkload, keyOf(ownerOf(pod.resource)), pod);
      for (const { name } of pod.resource.metadata.ownerReferences ?? []) byOwner.set(`${pod.ref.namespace}/${name}`, pod);
    }
  }
  return { byName, byOwner, byWorkload };
}

function push(map: Map<string, Workload[]>, key: string, pod: Workload): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [pod]);
  else known.push(pod);
}

function keyOf({ kind, namespace, name }: WorkloadRef): string {
  return `${namespace}/${kind}/${name}`;
}

/** Without a namespace only a name that one namespace has. A pod that is gone is stood for by another one of its owner, whose name begins its own. */
function podNamed(snapshot: Snapshot, pods: PodIndex, namespace: string | null, name: string): Workload | null {
  if (namespace === null) {
    const [only, ...more] = pods.byName.get(name) ?? [];
    return more.length === 0 ? (only ?? null) : null;
  }
  const found = findWorkload(snapshot, 'Pod', namespace, name) ?? findWorkload(snapshot, 'ExternalWorkload', namespace, name);
  if (found !== null) return found;
  const dash = name.lastIndexOf('-');
  return dash <= 0 ? null : (pods.byOwner.get(`${namespace}/${name.slice(0, dash)}`) ?? standInOf(snapshot, namespace, name));
}

/** `backend-756f7c997f-2588f` → the stand-in of Deployment backend, where manifests hold no pods. */
function standInOf(snapshot: Snapshot, namespace: string, name: string): Workload | null {
  const parts = name.split('-');
  for (const [kind, suffixes] of OWN_SUFFIXES) {
    const owner = parts.slice(0, -suffixes).join('-');
    const found = owner === '' ? null : findWorkload(snapshot, 'Pod', namespace, standInName(kind, owner));
    if (found !== null) return found;
  }
  return null;
}

/** How many parts each kind adds to its own name for its pods. */
const OWN_SUFFIXES = [
  ['Deployment', 2],
  ['CronJob', 2],
  ['StatefulSet', 1],
  ['DaemonSet', 1],
  ['ReplicaSet', 1],
  ['Job', 1],
] as const;

/** True also where no pod of it is known. */
function runsAs({ byWorkload }: PodIndex, workload: WorkloadRef, serviceAccount: string): boolean {
  return byWorkload.get(keyOf(workload))?.every((pod) => pod.serviceAccount === serviceAccount) ?? true;
}

function mayBe(pod: Workload, { namespace, serviceAccount, workload }: Reporter): boolean {
  return (
    pod.meshed &&
    (namespace === null || pod.ref.namespace === namespace) &&
    (serviceAccount === undefined || pod.serviceAccount === serviceAccount) &&
    (workload === null || workload.namespace === pod.ref.namespace)
  );
}

/** Whether the pod's policy has the Server and the route. */
function canLeave(snapshot: Snapshot, pod: Workload, { server, route, port, admin }: Trace): boolean {
  if (server === null || (server.kind === 'default' && server.name === 'invalid')) return true;
  if (server.kind !== 'default' && !hasServer(snapshot, pod, server.name)) return false;
  for (const candidate of port !== null ? [port] : admin ? [ADMIN_PORT] : portsOf(snapshot, pod, server)) {
    const policy = inboundServer(snapshot, pod, candidate);
    // Before the controller has answered, a proxy acts by its default.
    if (server.kind === 'default' && policy.defaultPolicy.policy === server.name) return true;
    if (policy.ref.kind !== server.kind || policy.ref.name !== server.name) continue;
    if (route === null || policy.routes?.some((r) => r.ref.kind === route.kind && r.ref.name === route.name) === true) return true;
  }
  return false;
}

function hasServer(snapshot: Snapshot, pod: Workload, name: string): boolean {
  for (const entry of namespaceIndex(snapshot, pod.ref.namespace).servers.values()) if (entry.resource.metadata.name === name) return true;
  return false;
}

/** Declared ports, and the number that the Server itself names, declared or not. */
function portsOf(snapshot: Snapshot, pod: Workload, server: ServerRef): readonly number[] {
  const ports = [...pod.ports];
  for (const { value } of namespaceIndex(snapshot, pod.ref.namespace).servers.values())
    if (value !== null && value.ref.name === server.name && typeof value.port === 'number') ports.push(value.port);
  return ports;
}

function distinct(refs: readonly WorkloadRef[]): readonly WorkloadRef[] {
  return [...new Map(refs.map((ref) => [keyOf(ref), ref])).values()];
}
