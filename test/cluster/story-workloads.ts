/**
 * The pods of a recorded history as a cluster holds them: with their recorded status, on their node, owned by the ReplicaSet and Deployment
 * whose names they bear. A history may hold pods alone: then the owners are made from them, and the controller manager ties the knots.
 */
import type { Api, KubeObject } from './api.ts';
import { createUnlessThere } from './cluster.ts';

const HASH = 'pod-template-hash';

interface PodSpec {
  readonly nodeName?: string;
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly { readonly name: string }[];
  readonly [field: string]: unknown;
}

interface Container {
  readonly name: string;
  readonly volumeMounts?: readonly { readonly name: string }[];
}

interface Pod extends KubeObject {
  readonly spec: PodSpec;
  readonly status?: { readonly hostIP?: string; readonly [field: string]: unknown };
}

/** An object as its author would send it: without what the API server and the controllers add. */
export function asSent({ status: _, ...object }: KubeObject): KubeObject {
  const { name, namespace, labels, annotations } = object.metadata;
  const given = { namespace, labels, annotations };
  return {
    ...object,
    metadata: { name, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) },
  } as KubeObject;
}

/** Pods first, running and ready; then their ReplicaSets, which take them over; then the Deployments above. Resolves when every pod has its owner. */
export async function createPods(api: Api, objects: readonly KubeObject[]): Promise<void> {
  const pods = objects as readonly Pod[];
  await createNodes(api, pods);
  for (const pod of pods) await createPod(api, pod);

  const groups = [...Map.groupBy(pods, (pod) => `${pod.metadata.namespace}/${replicaSetOf(pod) ?? ''}`).values()];
  const owned = groups.flatMap((replicas) => {
    const pod = replicas[0];
    const replicaSet = pod === undefined ? null : replicaSetOf(pod);
    return pod === undefined || replicaSet === null ? [] : [ownersOf(pod, replicaSet, replicas.length)];
  });
  for (const { path, replicaSet } of owned) await api.create(`${path}/replicasets`, replicaSet);
  // Until the controller manager has seen the ReplicaSets: a Deployment that it met first would get one of another name, and pods more.
  for (const pod of pods) if (replicaSetOf(pod) !== null) await untilOwned(api, pod);
  for (const { path, deployment } of owned) if (deployment !== null) await createUnlessThere(api, `${path}/deployments`, deployment);
}

/** The recorded status goes with it: there is no kubelet that would write one. */
export async function createPod(api: Api, pod: KubeObject): Promise<void> {
  await api.create(await api.collectionOf(pod), asSent(pod));
  await writePodStatus(api, pod);
}

export async function writePodStatus(api: Api, pod: KubeObject): Promise<void> {
  await api.merge(await api.pathOf(pod, 'status'), { status: pod['status'] });
}

/** EndpointSlices leave out pods whose node is not there. */
async function createNodes(api: Api, pods: readonly Pod[]): Promise<void> {
  const addresses = new Map(pods.flatMap(({ spec, status }) => (spec.nodeName === undefined ? [] : [[spec.nodeName, status?.hostIP]])));
  for (const [name = '', address] of addresses) {
    await createUnlessThere(api, '/api/v1/nodes', { metadata: { name, labels: { 'kubernetes.io/hostname': name } } });
    const status = {
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'recorded' }],
      ...(address === undefined ? {} : { addresses: [{ type: 'InternalIP', address }] }),
    };
    await api.merge(`/api/v1/nodes/${name}/status`, { status });
  }
}

function replicaSetOf({ metadata }: KubeObject): string | null {
  return metadata.ownerReferences?.find(({ kind, controller }) => kind === 'ReplicaSet' && controller === true)?.name ?? null;
}

/**
 * A ReplicaSet adopts pods without owner that its selector finds, and a Deployment the ReplicaSet whose template equals its own: so names stay the recorded ones.
 * https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/
 */
function ownersOf(pod: Pod, replicaSet: string, replicas: number) {
  const { namespace = '' } = pod.metadata;
  const { [HASH]: hash = '', ...labels } = Object.fromEntries(
    Object.entries(pod.metadata.labels ?? {}).filter(([name]) => !name.startsWith('linkerd.io/')),
  );
  const template = { metadata: { labels, annotations: authorsAnnotations(pod) }, spec: authorsSpec(pod.spec) };
  const hashed = { ...labels, [HASH]: hash };
  const isDeployments = hash !== '' && replicaSet.endsWith(`-${hash}`);
  return {
    path: `/apis/apps/v1/namespaces/${namespace}`,
    replicaSet: {
      metadata: { name: replicaSet, labels: hashed },
      spec: { replicas, selector: { matchLabels: hashed }, template: { ...template, metadata: { ...template.metadata, labels: hashed } } },
    },
    deployment: isDeployments
      ? {
          metadata: { name: replicaSet.slice(0, -hash.length - 1), labels },
          spec: { replicas, selector: { matchLabels: labels }, template },
        }
      : null,
  };
}

/** What the injector writes on a pod is not in its workload's template. */
function authorsAnnotations({ metadata }: KubeObject): Readonly<Record<string, string>> {
  const injected = new Set(['linkerd.io/created-by', 'linkerd.io/proxy-version', 'linkerd.io/trust-root-sha256']);
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([name]) => !injected.has(name)));
}

function authorsSpec({ nodeName: _, tolerations: __, priority: ___, ...spec }: PodSpec): PodSpec {
  const isAdded = ({ name }: { readonly name: string }) => name.startsWith('linkerd-') || name.startsWith('kube-api-access-');
  const strip = (containers: readonly Container[] = []) =>
    containers
      .filter((container) => !isAdded(container))
      .map((container) => ({ ...container, volumeMounts: (container.volumeMounts ?? []).filter((mount) => !isAdded(mount)) }));
  return {
    ...spec,
    containers: strip(spec.containers),
    initContainers: strip(spec.initContainers),
    volumes: (spec.volumes ?? []).filter((volume) => !isAdded(volume)),
  };
}

async function untilOwned(api: Api, pod: KubeObject): Promise<void> {
  const path = await api.pathOf(pod);
  const deadline = performance.now() + 30_000;
  while ((await api.get<KubeObject>(path)).metadata.ownerReferences === undefined) {
    if (performance.now() > deadline)
      throw new Error(`after 30 s no ReplicaSet has taken over pod ${pod.metadata.namespace}/${pod.metadata.name}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
