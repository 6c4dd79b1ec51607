/** A cluster as it would be: objects applied or deleted, their statuses as Linkerd would write them, and changed workloads rolled out. */
import { workloadOf } from '../policy/owner.ts';
import { listOf } from '../policy/reading.ts';
import { groupOf, type ObjectRef, objectKey, type Resource, refOf } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { findResource, namespaceIndex, type ObjectChange, type Snapshot, withChanges } from '../policy/snapshot.ts';
import { withStatuses } from '../policy/status.ts';
import { isStandIn, standInPods } from '../policy/templates.ts';
import type { Workload } from '../policy/workload.ts';

const TEMPLATES: ReadonlySet<string> = new Set([
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'ReplicationController',
  'Job',
  'CronJob',
]);
const WITH_STATUS: ReadonlySet<string> = new Set(['Server', 'HTTPRoute', 'GRPCRoute', 'HTTPLocalRateLimitPolicy']);
/** Of what is new: it is younger than all that stands. */
const YOUNGEST = '9999-12-31T23:59:59Z';

/** As `kubectl apply` and `kubectl delete` would leave it, once changed workloads are rolled out. The given one is left as it is. */
export function withApplied(snapshot: Snapshot, changes: readonly ObjectChange[]): Snapshot {
  const merged = changes.map((change): ObjectChange => ('apply' in change ? { apply: overExisting(snapshot, change.apply) } : change));
  const applied = withChanges(snapshot, merged);
  const settled = withChanges(applied, statusesIn(applied, merged));
  return withChanges(settled, rollouts(settled, merged));
}

/** What only the API server writes stays: its age above all, by which the older of two Servers wins. */
function overExisting(snapshot: Snapshot, resource: Resource): Resource {
  const known = findResource(snapshot, refOf(resource));
  const { uid: _uid, resourceVersion: _version, ...metadata } = resource.metadata;
  const creationTimestamp = known === null ? (metadata.creationTimestamp ?? YOUNGEST) : known.metadata.creationTimestamp;
  const { creationTimestamp: _own, ...rest } = metadata;
  const status = known?.status ?? resource.status;
  const { status: _status, ...object } = resource;
  return {
    ...object,
    metadata: { ...rest, ...(creationTimestamp === undefined ? {} : { creationTimestamp }) },
    ...(status === undefined ? {} : { status }),
  };
}

/** Routes and rate limits of the namespaces in which a Server, a route or a limit comes, goes or changes. */
function statusesIn(snapshot: Snapshot, changes: readonly ObjectChange[]): readonly ObjectChange[] {
  const touched = changes
    .map((change) => ('apply' in change ? refOf(change.apply) : change.delete))
    .filter(({ kind }) => WITH_STATUS.has(kind));
  const namespaces = new Set(touched.map(({ namespace }) => namespace));
  const servers = [...snapshot.namespaces.values()].flatMap((index) => [...index.servers.values()].map(({ resource }) => resource));
  const others = [...snapshot.namespaces].flatMap(([name, { routes, rateLimits }]) => {
    // A route may name a Server of another namespace.
    const isTouched =
      namespaces.size > 0 && (namespaces.has(name) || [...routes.values()].some(({ resource }) => namesAny(resource, namespaces)));
    return isTouched ? [...routes.values(), ...rateLimits.values()].map(({ resource }) => resource) : [];
  });
  const bare = others.map(
    ({ status: _status, metadata: { uid: _uid, resourceVersion: _version, ...metadata }, ...rest }): Resource => ({ ...rest, metadata }),
  );
  return withStatuses([...servers, ...bare])
    .slice(servers.length)
    .map((apply) => ({ apply }));
}

function namesAny({ spec }: Resource, namespaces: ReadonlySet<string>): boolean {
  const parents = isObject(spec) ? listOf(spec['parentRefs']) : [];
  return parents.some((parent) => isObject(parent) && typeof parent['namespace'] === 'string' && namespaces.has(parent['namespace']));
}

/** Pods of workloads whose template is applied become what the new template makes; workloads without pods get one to stand for theirs. */
function rollouts(snapshot: Snapshot, changes: readonly ObjectChange[]): readonly ObjectChange[] {
  const applied = changes.flatMap((change) => ('apply' in change && TEMPLATES.has(change.apply.kind) ? [change.apply] : []));
  const owners = [...applied, ...standInOwners(snapshot, changes)];
  const gone = changes.flatMap((change) => ('delete' in change && TEMPLATES.has(change.delete.kind) ? [change.delete] : []));
  const wanted = new Set([...owners.map(refOf), ...gone].map(objectKey));
  if (wanted.size === 0) return [];
  const pods = new Map<string, Workload[]>();
  for (const namespace of new Set([...owners.map(refOf), ...gone].map((ref) => ref.namespace))) {
    for (const { value } of namespaceIndex(snapshot, namespace).workloads.values()) {
      if (value?.kind !== 'Pod') continue;
      const key = objectKey(ownerOf(snapshot, value));
      if (wanted.has(key)) pods.set(key, [...(pods.get(key) ?? []), value]);
    }
  }
  const namespaces = owners.flatMap(({ metadata }) => {
    const object = findResource(snapshot, { group: '', kind: 'Namespace', namespace: '', name: metadata.namespace });
    return object === null ? [] : [object];
  });
  const removed = gone.flatMap((ref) => (pods.get(objectKey(ref)) ?? []).map((pod) => ({ delete: pod.ref })));
  const made = owners.flatMap((owner) => {
    const [standIn] = standInPods([...namespaces, owner], snapshot.info);
    if (standIn === undefined) return [];
    const old = pods.get(objectKey(refOf(owner))) ?? [];
    return old.length === 0 ? [{ apply: standIn }] : old.flatMap((pod) => [{ delete: pod.ref }, { apply: asPod(standIn, pod.resource) }]);
  });
  return [...removed, ...made];
}

/** Workloads of an applied Namespace whose pods are not there: what its annotations ask for is what they get. Pods that run keep what they have. */
function standInOwners(snapshot: Snapshot, changes: readonly ObjectChange[]): readonly Resource[] {
  const names = changes.flatMap((change) => ('apply' in change && change.apply.kind === 'Namespace' ? [change.apply.metadata.name] : []));
  return names.flatMap((namespace) => {
    const pods = [...namespaceIndex(snapshot, namespace).workloads.values()].flatMap(({ value }) => (value === null ? [] : [value]));
    const owners = pods.filter(({ resource }) => isStandIn(resource)).map((pod) => findResource(snapshot, ownerOf(snapshot, pod)));
    return owners.filter((owner) => owner !== null);
  });
}

function ownerOf(snapshot: Snapshot, pod: Workload): ObjectRef {
  return workloadOf(pod.resource, (wanted) => findResource(snapshot, wanted) ?? undefined);
}

/** The new pod under the old one's name and address, so that before and after can be compared. */
function asPod(standIn: Resource, old: Resource): Resource {
  if (isStandIn(old)) return standIn;
  const labels = old.metadata.labels ?? {};
  const hash = Object.hasOwn(labels, 'pod-template-hash') ? { 'pod-template-hash': labels['pod-template-hash'] as string } : {};
  const { ownerReferences = [] } = old.metadata;
  return {
    ...standIn,
    metadata: { ...standIn.metadata, name: old.metadata.name, labels: { ...standIn.metadata.labels, ...hash }, ownerReferences },
    ...(old.status === undefined ? {} : { status: old.status }),
  };
}

/** Whether NetworkPolicy may say something else afterwards. */
export function touchesNetwork(changes: readonly ObjectChange[]): boolean {
  return changes.some((change) => {
    const { kind, group } = 'apply' in change ? { kind: change.apply.kind, group: groupOf(change.apply.apiVersion) } : change.delete;
    return kind === 'NetworkPolicy' || kind === 'Namespace' || kind === 'Pod' || (TEMPLATES.has(kind) && group !== 'policy.linkerd.io');
  });
}
