/** Writes a recorded history into a cluster: what was there at first, then each change by the user and field manager that made it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, KubeObject } from './api.ts';
import { type Cluster, createUnlessThere, type ServiceAccountName } from './cluster.ts';
import type { StoryEvent } from './story-events.ts';
import { asSent, createPod, createPods, writePodStatus } from './story-workloads.ts';

/** Linkerd's policy controller writes status; it runs as this ServiceAccount. Everyone else in the recording was `admin`. */
const POLICY_CONTROLLER = 'linkerd.io/policy-controller';
const DESTINATION: ServiceAccountName = { namespace: 'linkerd', name: 'linkerd-destination' };

export interface Play {
  /** How much faster than recorded; null: no waiting at all. */
  readonly speed: number | null;
  readonly signal?: AbortSignal;
  /** Called after each event is in the cluster. */
  readonly onEvent?: (event: StoryEvent) => void;
}

/** Namespaces, ServiceAccounts, Services, pods and their owners: everything that was there when the recording began. */
export async function fillCluster({ api }: Cluster, events: readonly StoryEvent[]): Promise<void> {
  const namespaces = new Set(events.flatMap(({ object }) => object.metadata.namespace ?? []));
  for (const name of namespaces) await createUnlessThere(api, '/api/v1/namespaces', { metadata: { name } });
  const objects = events.filter(({ isInitial }) => isInitial).map(({ object }) => object);
  const isPod = ({ kind }: KubeObject) => kind === 'Pod';
  const rest = objects.filter((object) => !isPod(object)).sort((one, other) => rank(one) - rank(other));
  for (const object of rest) await createUnlessThere(api, await api.collectionOf(object), asSent(object));
  await createPods(api, objects.filter(isPod));
}

/** Pods are refused until their ServiceAccount is there. */
function rank({ kind }: KubeObject): number {
  return ['Namespace', 'ServiceAccount'].indexOf(kind) === -1 ? 1 : 0;
}

/** Plays what changed during the recording. Rejects with the signal's reason when that is given. */
export async function playChanges(cluster: Cluster, events: readonly StoryEvent[], { speed, signal, onEvent }: Play): Promise<void> {
  const changes = events.filter(({ isInitial }) => !isInitial);
  const controller = changes.some(({ writer }) => writer?.manager === POLICY_CONTROLLER) ? await policyController(cluster) : null;
  const begin = performance.now();
  const first = Date.parse(changes[0]?.observedAt ?? '');
  for (const event of changes) {
    signal?.throwIfAborted();
    if (speed !== null) {
      const due = begin + (Date.parse(event.observedAt) - first) / speed;
      await sleep(Math.max(0, due - performance.now()), undefined, { ...(signal === undefined ? {} : { signal }) });
    }
    await applyChange(event.writer?.manager === POLICY_CONTROLLER && controller !== null ? controller : cluster.api, event);
    onEvent?.(event);
  }
}

async function applyChange(api: Api, { type, object, writer }: StoryEvent): Promise<void> {
  const query = writer === null ? '' : `?fieldManager=${encodeURIComponent(writer.manager)}`;
  const subresource = writer?.subresource;
  if (type === 'DELETED') return api.remove(`${await api.pathOf(object)}?gracePeriodSeconds=0`);
  if (subresource !== undefined) {
    await api.merge(`${await api.pathOf(object, subresource)}${query}`, { [subresource]: object[subresource] });
    return;
  }
  if (object.kind === 'Pod') return type === 'ADDED' ? createPod(api, object) : writePodStatus(api, object);
  if (type === 'ADDED') {
    await api.create(`${await api.collectionOf(object)}${query}`, asSent(object));
    return;
  }
  const path = await api.pathOf(object);
  const { resourceVersion = '' } = (await api.get<KubeObject>(path)).metadata;
  const sent = asSent(object);
  await api.replace(`${path}${query}`, { ...sent, metadata: { ...sent.metadata, resourceVersion } });
}

/** The policy controller's own rights in this: to write the status of routes (`linkerd install`, ClusterRole linkerd-policy). */
async function policyController(cluster: Cluster): Promise<Api> {
  const name = 'linkerd-policy';
  const { api } = cluster;
  const root = '/apis/rbac.authorization.k8s.io/v1';
  await createUnlessThere(api, `${root}/clusterroles`, {
    metadata: { name },
    rules: [{ apiGroups: ['policy.linkerd.io', 'gateway.networking.k8s.io'], resources: ['*/status'], verbs: ['patch'] }],
  });
  await createUnlessThere(api, `${root}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', ...DESTINATION }],
  });
  return cluster.apiAs(DESTINATION);
}
