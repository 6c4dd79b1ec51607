/** Workloads whose pods are not among the objects stand for their pods: manifests in Git hold no pods. */
import { injectionDecision, injectProxy, type PodOwner } from './injection.ts';
import { listOf, stringOr } from './reading.ts';
import { groupOf, type OwnerReference, type Resource } from './resource.ts';
import { isObject, type Labels, readSelector, type Selector, selects } from './selector.ts';
import type { ClusterInfo } from './settings.ts';

/** API group of each kind that makes pods from a template. */
const GROUPS: ReadonlyMap<string, string> = new Map([
  ['Deployment', 'apps'],
  ['StatefulSet', 'apps'],
  ['DaemonSet', 'apps'],
  ['ReplicaSet', 'apps'],
  ['ReplicationController', ''],
  ['Job', 'batch'],
  ['CronJob', 'batch'],
]);

/** `name@kind`: `@` stands in no name of a real pod. */
export function standInName(kind: string, name: string): string {
  return `${name}@${kind.toLowerCase()}`;
}

export function isStandIn(pod: Resource): boolean {
  return pod.metadata.name.includes('@');
}

/**
 * One pod for each workload that has none, as the workload's controller and Linkerd's injector would make it; no address, no state.
 * A workload has a pod when one is owned by it, over all steps, or, where the objects between are missing, when its selector takes one.
 * ReplicaSets of no replicas (former revisions) and Jobs that have ended make no pods.
 */
export function standInPods(resources: Iterable<Resource>, info: ClusterInfo): readonly Resource[] {
  const cluster = sortOut(resources);
  if (cluster.workloads.size === 0) return [];
  const covered = new Set<string>();
  const orphans = new Orphans();
  for (const pod of cluster.pods) {
    const top = climb(pod, cluster.workloads, covered);
    if (top === null || !cluster.workloads.has(keyOf(top.kind, pod.metadata.namespace, top.name))) orphans.add(pod, top);
  }
  return [...cluster.workloads.values()]
    .filter((w) => !covered.has(keyOf(w.kind, w.metadata.namespace, w.metadata.name)))
    .filter((w) => !isOwnedBy(w, cluster.workloads) && makesPods(w) && !orphans.belongTo(w))
    .flatMap((w) => standIn(w, cluster.namespaces.get(w.metadata.namespace) ?? null, info));
}

interface Sorted {
  readonly pods: readonly Resource[];
  readonly workloads: ReadonlyMap<string, Resource>;
  readonly namespaces: ReadonlyMap<string, Resource>;
}

function sortOut(resources: Iterable<Resource>): Sorted {
  const pods: Resource[] = [];
  const workloads = new Map<string, Resource>();
  const namespaces = new Map<string, Resource>();
  for (const r of resources) {
    const group = groupOf(r.apiVersion);
    if (r.kind === 'Pod' && group === '') pods.push(r);
    else if (r.kind === 'Namespace' && group === '') namespaces.set(r.metadata.name, r);
    else if (GROUPS.get(r.kind) === group) workloads.set(keyOf(r.kind, r.metadata.namespace, r.metadata.name), r);
  }
  return { pods, workloads, namespaces };
}

function keyOf(kind: string, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`;
}

function controllerOf(resource: Resource): OwnerReference | null {
  const owners = resource.metadata.ownerReferences ?? [];
  return owners.find((o) => o.controller === true) ?? owners[0] ?? null;
}

/** Marks every owner of the pod; gives back the last, which may be missing among the objects, or null for a pod of nobody. Owners never form a circle in a real cluster; a step is taken once. */
function climb(pod: Resource, workloads: ReadonlyMap<string, Resource>, covered: Set<string>): OwnerReference | null {
  const seen = new Set<string>();
  let top = controllerOf(pod);
  for (let owner = top; owner !== null; ) {
    top = owner;
    const key = keyOf(owner.kind, pod.metadata.namespace, owner.name);
    if (seen.has(key)) break;
    seen.add(key);
    covered.add(key);
    const resource = workloads.get(key);
    owner = resource === undefined ? null : controllerOf(resource);
  }
  return top;
}

function isOwnedBy(workload: Resource, workloads: ReadonlyMap<string, Resource>): boolean {
  const owner = controllerOf(workload);
  return owner !== null && workloads.has(keyOf(owner.kind, workload.metadata.namespace, owner.name));
}

function makesPods(workload: Resource): boolean {
  const spec = isObject(workload.spec) ? workload.spec : {};
  if (workload.kind === 'ReplicaSet') return spec['replicas'] !== 0;
  if (workload.kind !== 'Job') return true;
  const conditions = isObject(workload.status) ? listOf(workload.status['conditions']) : [];
  return !conditions.some((c) => isObject(c) && (c['type'] === 'Complete' || c['type'] === 'Failed') && c['status'] === 'True');
}

/** Pods whose owner is not among the objects, or that have none; found again by label. */
class Orphans {
  readonly #byNamespace = new Map<string, { readonly labels: Labels; readonly owner: OwnerReference | null }[]>();
  readonly #byLabel = new Map<string, { readonly labels: Labels; readonly owner: OwnerReference | null }[]>();

  add(pod: Resource, owner: OwnerReference | null): void {
    const labels = pod.metadata.labels ?? {};
    const orphan = { labels, owner };
    push(this.#byNamespace, pod.metadata.namespace, orphan);
    for (const [key, value] of Object.entries(labels)) push(this.#byLabel, `${pod.metadata.namespace}/${key}=${value}`, orphan);
  }

  belongTo(workload: Resource): boolean {
    const { kind } = workload;
    const { name, namespace } = workload.metadata;
    if (kind === 'CronJob')
      return (this.#byNamespace.get(namespace) ?? []).some((o) => o.owner?.kind === 'Job' && isRunOf(name, o.owner.name));
    const selector = selectorOf(workload);
    if (selector === null) return false;
    const [label] = selector.matchLabels;
    const candidates = label === undefined ? this.#byNamespace.get(namespace) : this.#byLabel.get(`${namespace}/${label[0]}=${label[1]}`);
    const between = kind === 'Deployment' ? 'ReplicaSet' : null;
    return (candidates ?? []).some((o) => (o.owner === null || o.owner.kind === between) && selects(selector, o.labels));
  }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

/** A CronJob names its Jobs after itself and the minute. */
function isRunOf(cronJob: string, job: string): boolean {
  return job.startsWith(`${cronJob}-`) && /^\d+$/.test(job.slice(cronJob.length + 1));
}

/** A Job in a manifest has no selector: the API server makes one. An empty selector would take everything and is none. */
function selectorOf(workload: Resource): Selector | null {
  const spec = isObject(workload.spec) ? workload.spec : {};
  if (workload.kind === 'ReplicationController') return nonEmpty(readSelector({ matchLabels: spec['selector'] }));
  const selector = nonEmpty(readSelector(spec['selector']));
  if (selector !== null || workload.kind !== 'Job') return selector;
  return { matchLabels: [['job-name', workload.metadata.name]], matchExpressions: [] };
}

function nonEmpty(selector: Selector | null): Selector | null {
  return selector === null || selector.matchLabels.length + selector.matchExpressions.length === 0 ? null : selector;
}

function standIn(workload: Resource, namespace: Resource | null, info: ClusterInfo): readonly Resource[] {
  const template = templateOf(workload);
  if (template === null || !isObject(template['spec'])) return [];
  const metadata = isObject(template['metadata']) ? template['metadata'] : {};
  const { kind, apiVersion } = workload;
  const { name, uid } = workload.metadata;
  const pod: Resource = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: standInName(kind, name),
      namespace: workload.metadata.namespace,
      labels: { ...texts(metadata['labels']), ...(kind === 'Job' ? { 'batch.kubernetes.io/job-name': name, 'job-name': name } : {}) },
      annotations: texts(metadata['annotations']),
      ownerReferences: [{ apiVersion, kind, name, controller: true, ...(uid === undefined ? {} : { uid }) }],
    },
    spec: { ...template['spec'], serviceAccountName: serviceAccount(template['spec']) },
    ...(workload.origin === undefined ? {} : { origin: workload.origin }),
  };
  return [injectionDecision(pod, namespace).inject ? injectProxy(pod, namespace, ownerOf(workload), info) : pod];
}

function templateOf(workload: Resource): Readonly<Record<string, unknown>> | null {
  const spec = isObject(workload.spec) ? workload.spec : {};
  const job = workload.kind === 'CronJob' && isObject(spec['jobTemplate']) ? spec['jobTemplate']['spec'] : spec;
  const template = isObject(job) ? job['template'] : null;
  return isObject(template) ? template : null;
}

function serviceAccount(spec: Readonly<Record<string, unknown>>): string {
  return stringOr(spec['serviceAccountName'], '') || stringOr(spec['serviceAccount'], '') || 'default';
}

/** The injector goes one step on from a ReplicaSet to its Deployment and from a Job to its CronJob, and no further. */
function ownerOf(workload: Resource): PodOwner {
  const { kind } = workload;
  const owner = controllerOf(workload);
  const known = (kind === 'ReplicaSet' && owner?.kind === 'Deployment') || (kind === 'Job' && owner?.kind === 'CronJob');
  return known && owner !== null ? { kind: owner.kind, name: owner.name } : { kind, name: workload.metadata.name };
}

function texts(value: unknown): Labels {
  return isObject(value) ? Object.fromEntries(Object.entries(value).filter((e): e is [string, string] => typeof e[1] === 'string')) : {};
}
