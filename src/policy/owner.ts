/** The workload that a pod belongs to, as Linkerd names it (linkerd2 `controller/k8s/metadata_api.go`, facts §2.2). */
import { groupOf, type ObjectRef, type OwnerReference, type Resource } from './resource.ts';

/** Labels by which the proxy injector wrote the owner on the pod. */
const INJECTED: readonly (readonly [label: string, group: string, kind: string])[] = [
  ['linkerd.io/proxy-deployment', 'apps', 'Deployment'],
  ['linkerd.io/proxy-statefulset', 'apps', 'StatefulSet'],
  ['linkerd.io/proxy-daemonset', 'apps', 'DaemonSet'],
  ['linkerd.io/proxy-replicaset', 'apps', 'ReplicaSet'],
  ['linkerd.io/proxy-replicationcontroller', '', 'ReplicationController'],
  ['linkerd.io/proxy-cronjob', 'batch', 'CronJob'],
  ['linkerd.io/proxy-job', 'batch', 'Job'],
];

/**
 * Follows the pod's owner: ReplicaSet → Deployment, Job → CronJob, anything else as it is; the pod itself when nobody owns it.
 * `find` looks an object up. A ReplicaSet that is not there belongs to a Deployment when its name ends in the pod's template hash.
 */
export function workloadOf(pod: Resource, find: (ref: ObjectRef) => Resource | undefined): ObjectRef {
  const { namespace } = pod.metadata;
  const owner = ownerOf(pod);
  if (owner === null) return injectedOwner(pod) ?? { group: '', kind: 'Pod', namespace, name: pod.metadata.name };
  const ref = { group: groupOf(owner.apiVersion), kind: owner.kind, namespace, name: owner.name };
  if (ref.group === 'apps' && ref.kind === 'ReplicaSet') return deploymentOf(ref, pod, find(ref));
  if (ref.group === 'batch' && ref.kind === 'Job') {
    const job = find(ref);
    const cronJob = job === undefined ? null : ownerOf(job);
    if (cronJob?.kind === 'CronJob') return { group: 'batch', kind: 'CronJob', namespace, name: cronJob.name };
  }
  return ref;
}

function deploymentOf(replicaSet: ObjectRef, pod: Resource, object: Resource | undefined): ObjectRef {
  if (object !== undefined) {
    const owner = ownerOf(object);
    // Another owner (an Argo Rollout, say) is unknown to Linkerd, which then names the ReplicaSet.
    return owner?.kind === 'Deployment' ? { ...replicaSet, kind: 'Deployment', name: owner.name } : replicaSet;
  }
  const injected = injectedOwner(pod);
  if (injected !== null) return injected;
  const suffix = `-${labelOf(pod, 'pod-template-hash') ?? ''}`;
  const isDeployments = suffix.length > 1 && replicaSet.name.endsWith(suffix) && replicaSet.name.length > suffix.length;
  return isDeployments ? { ...replicaSet, kind: 'Deployment', name: replicaSet.name.slice(0, -suffix.length) } : replicaSet;
}

function injectedOwner(pod: Resource): ObjectRef | null {
  for (const [label, group, kind] of INJECTED) {
    const name = labelOf(pod, label);
    if (name !== undefined && name !== '') return { group, kind, namespace: pod.metadata.namespace, name };
  }
  return null;
}

function ownerOf(object: Resource): OwnerReference | null {
  const owners = object.metadata.ownerReferences ?? [];
  return owners.find((owner) => owner.controller === true) ?? owners[0] ?? null;
}

function labelOf(object: Resource, label: string): string | undefined {
  const labels = object.metadata.labels ?? {};
  return Object.hasOwn(labels, label) ? labels[label] : undefined;
}
