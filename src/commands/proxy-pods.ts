/** The pods whose proxies have something to say: those of a workload, of a namespace, or one alone. */
import { PROXY_CONTAINER } from '../evidence/conventions.ts';
import type { WorkloadRef } from '../evidence/facts.ts';
import { workloadOf } from '../policy/owner.ts';
import { listOf } from '../policy/reading.ts';
import { objectKey, type Resource, refOf } from '../policy/resource.ts';
import { isObject, type Selector, selects } from '../policy/selector.ts';
import { namespaceIndex, resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import { isStandIn } from '../policy/templates.ts';
import type { ProxyPod } from '../ports.ts';

export interface PodOfWorkload extends ProxyPod {
  readonly workload: WorkloadRef;
}

/** What is asked for; null: everything. */
export interface PodSelection {
  readonly namespace: string | null;
  /** Kind `Pod`: that pod alone. */
  readonly workload: { readonly kind: string; readonly name: string } | null;
  /** Of the pods' labels. */
  readonly selector?: Selector | null;
}

export interface SelectedPods {
  /** Those with a proxy, by namespace and name. */
  readonly meshed: readonly PodOfWorkload[];
  /** Those without: nothing is enforced there, and there is no log. */
  readonly unmeshed: readonly PodOfWorkload[];
}

/** Errors: none; where nothing fits, both lists are empty. */
export function selectPods(resources: readonly Resource[], { namespace, workload, selector = null }: PodSelection): SelectedPods {
  const owners = new Map(resources.filter(({ kind }) => kind === 'ReplicaSet' || kind === 'Job').map((r) => [objectKey(refOf(r)), r]));
  const pods = resources.filter(
    (r) =>
      isPod(r) &&
      (namespace === null || r.metadata.namespace === namespace) &&
      (selector === null || selects(selector, r.metadata.labels ?? {})),
  );
  const all = pods.flatMap((pod): { readonly isMeshed: boolean; readonly one: PodOfWorkload }[] => {
    const ref = workloadOf(pod, (owner) => owners.get(objectKey(owner)));
    const one = {
      namespace: pod.metadata.namespace,
      pod: pod.metadata.name,
      workload: { kind: ref.kind, namespace: ref.namespace, name: ref.name },
    };
    return isAsked(one, workload) ? [{ isMeshed: hasProxy(pod), one }] : [];
  });
  all.sort(({ one: a }, { one: b }) => (`${a.namespace}/${a.pod}` < `${b.namespace}/${b.pod}` ? -1 : 1));
  return { meshed: all.filter((p) => p.isMeshed).map((p) => p.one), unmeshed: all.filter((p) => !p.isMeshed).map((p) => p.one) };
}

/** Those of one namespace with a proxy, as the cluster is known; none where it is not. */
export function podsIn(snapshot: Snapshot | null, asked: PodSelection & { readonly namespace: string }): readonly PodOfWorkload[] {
  if (snapshot === null) return [];
  const { workloads } = namespaceIndex(snapshot, asked.namespace);
  const pods = [...workloads.values()].flatMap(({ value }) => (value?.kind === 'Pod' ? [value.resource] : []));
  const owners = [
    ...resourcesOfKind(snapshot, 'apps', 'ReplicaSet', asked.namespace).values(),
    ...resourcesOfKind(snapshot, 'batch', 'Job', asked.namespace).values(),
  ];
  return selectPods([...pods, ...owners], asked).meshed;
}

function isPod(resource: Resource): boolean {
  return resource.kind === 'Pod' && resource.apiVersion === 'v1' && !isStandIn(resource);
}

function isAsked({ pod, workload: own }: PodOfWorkload, workload: PodSelection['workload']): boolean {
  if (workload === null) return true;
  return workload.kind === 'Pod' ? pod === workload.name : own.kind === workload.kind && own.name === workload.name;
}

/** The proxy may be a native sidecar, which is an init container. */
function hasProxy({ spec }: Resource): boolean {
  const { containers = null, initContainers = null } = isObject(spec) ? spec : {};
  return [...listOf(containers), ...listOf(initContainers)].some((c) => isObject(c) && c['name'] === PROXY_CONTAINER);
}
