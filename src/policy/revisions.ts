/**
 * Which steps of a history can matter for one request: those of the policies in the server's namespace, of authentications in namespaces that they
 * refer to, of the pods of server and client, and of the objects that tell the cluster's settings. Everything else (other namespaces,
 * NetworkPolicies, Services, Nodes) takes no part in a verdict.
 * The lists are made once per history; asking for one request is a few binary searches, whatever the length of the history.
 */
import { tellsSettings } from './cluster-settings.ts';
import type { Step } from './history.ts';
import { decidingContentOf } from './kept.ts';
import { kindOf } from './kinds.ts';
import { memo } from './memo.ts';
import { listOf } from './reading.ts';
import { type ObjectRef, objectKey, type Resource, refOf } from './resource.ts';
import { isObject } from './selector.ts';
import { findWorkload, type ObjectChange, resourcesOf, type Snapshot } from './snapshot.ts';
import { firstFrom } from './sorted.ts';
import type { Workload } from './workload.ts';

/** The parties of a request. */
export interface Parties {
  readonly server: Workload;
  /** null: no pod is known to be the client. */
  readonly client: Workload | null;
}

/** The steps that touch the parties. States lie between them: state 0 before the first, state `count` after the last. */
export interface Revisions {
  readonly count: number;
  /** After how many steps of the whole history this state begins. */
  stepsOf(state: number): number;
  /** The state after so many steps of the whole history. */
  stateAfter(steps: number): number;
  /** Whether a change is one of those that count here. */
  touches(change: ObjectChange): boolean;
  /** A pod of the same owner after so many steps, the one that changed last; null: there was none in this snapshot. */
  podLike(pod: Workload, steps: number, snapshot: Snapshot): Workload | null;
}

/** `start`: the snapshot before the first step. */
export function revisionsOf(steps: readonly Step[], start: Snapshot, { server, client }: Parties): Revisions {
  const index = indexOf(steps)(start);
  const { namespace } = server.ref;
  const keys = new Set([
    SETTINGS,
    policiesKey(namespace),
    ...[namespace, ...(index.referred.get(namespace) ?? [])].map(authenticationsKey),
    podsKey(server.resource),
    ...(client === null ? [] : [podsKey(client.resource)]),
  ]);
  const lists = [...keys].flatMap((key) => {
    const list = index.lists.get(key);
    return list === undefined ? [] : [list];
  });
  const stateAfter = (count: number) => lists.reduce((sum, list) => sum + countUpTo(list, count), 0);
  return {
    count: stateAfter(steps.length),
    stateAfter,
    stepsOf: (state) => firstFrom(0, steps.length, (count) => stateAfter(count) >= state),
    touches: (change) => keys.has(keyOfChange(change, index.podKeys) ?? ''),
    podLike: (pod, count, snapshot) => latestPod(index.pods.get(podsKey(pod.resource)) ?? [], pod, count, snapshot),
  };
}

interface PodChange {
  readonly steps: number;
  readonly name: string;
}

interface Index {
  /** Per key: after how many steps something of it had changed, in order. */
  readonly lists: ReadonlyMap<string, readonly number[]>;
  /** Pods of one owner, in the order in which they changed. */
  readonly pods: ReadonlyMap<string, readonly PodChange[]>;
  /** The key of each pod that ever was, by the pod's own. */
  readonly podKeys: ReadonlyMap<string, string>;
  /** Namespaces that the AuthorizationPolicies of a namespace ever referred to. */
  readonly referred: ReadonlyMap<string, ReadonlySet<string>>;
}

const indexOf = memo((steps: readonly Step[]) => memo((start: Snapshot): Index => createIndex(steps, start)));

function createIndex(steps: readonly Step[], start: Snapshot): Index {
  const lists = new Map<string, number[]>();
  const pods = new Map<string, PodChange[]>();
  const podKeys = new Map<string, string>();
  const referred = new Map<string, Set<string>>();
  const last = new Map<string, Resource>();
  const see = (resource: Resource, count: number): void => {
    for (const namespace of referredBy(resource)) getOrSet(referred, resource.metadata.namespace, () => new Set<string>()).add(namespace);
    if (!isWorkload(refOf(resource))) return;
    const [key, group] = [objectKey(refOf(resource)), podsKey(resource)];
    podKeys.set(key, group);
    last.set(key, resource);
    getOrSet(pods, group, (): PodChange[] => []).push({ steps: count, name: resource.metadata.name });
  };
  for (const resource of resourcesOf(start)) see(resource, 0);
  for (const [i, { changes }] of steps.entries()) {
    for (const change of changes) {
      const before = 'apply' in change ? last.get(objectKey(refOf(change.apply))) : undefined;
      if ('apply' in change) see(change.apply, i + 1);
      if ('apply' in change && before !== undefined && keptContent(before) === keptContent(change.apply)) continue;
      const key = keyOfChange(change, podKeys);
      if (key === null) continue;
      const list = getOrSet(lists, key, (): number[] => []);
      if (list.at(-1) !== i + 1) list.push(i + 1);
    }
  }
  return { lists, pods, podKeys, referred };
}

function getOrSet<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** A pod's heartbeats are no change, nor is its readiness. */
const keptContent = memo(decidingContentOf);

const SETTINGS = 'settings';

function policiesKey(namespace: string): string {
  return `policies ${namespace}`;
}

function authenticationsKey(namespace: string): string {
  return `authentications ${namespace}`;
}

/** null: a kind that takes no part in a verdict. */
function keyOfChange(change: ObjectChange, podKeys: ReadonlyMap<string, string>): string | null {
  const ref = 'apply' in change ? refOf(change.apply) : change.delete;
  if (tellsSettings(ref)) return SETTINGS;
  const collection = kindOf(`${ref.group}/${ref.kind}`)?.collection;
  if (collection === undefined) return null;
  if (collection === 'workloads') return 'apply' in change ? podsKey(change.apply) : (podKeys.get(objectKey(ref)) ?? null);
  const isAuthentication = collection === 'meshTLSAuthentications' || collection === 'networkAuthentications';
  return isAuthentication ? authenticationsKey(ref.namespace) : policiesKey(ref.namespace);
}

function isWorkload(ref: ObjectRef): boolean {
  return kindOf(`${ref.group}/${ref.kind}`)?.collection === 'workloads';
}

/** What the pods of one owner have in common, over the revisions of a Deployment and the runs of a CronJob; without an owner each is alone. */
export function podsKey(pod: Resource): string {
  const { namespace, name, ownerReferences = [], labels = {} } = pod.metadata;
  const owner = ownerReferences.find(({ controller }) => controller === true) ?? ownerReferences[0];
  if (owner === undefined) return `pods ${namespace} ${pod.kind} ${name}`;
  const hash = Object.hasOwn(labels, 'pod-template-hash') ? `-${labels['pod-template-hash']}` : '';
  const isRevision = owner.kind === 'ReplicaSet' && hash.length > 1 && owner.name.endsWith(hash);
  const ownerName = isRevision ? owner.name.slice(0, -hash.length) : owner.name.replace(owner.kind === 'Job' ? /-\d{1,12}$/ : /$/, '');
  return `pods ${namespace} of ${ownerName}`;
}

function referredBy({ kind, metadata, spec }: Resource): readonly string[] {
  if (kind !== 'AuthorizationPolicy' || !isObject(spec)) return [];
  return listOf(spec['requiredAuthenticationRefs']).flatMap((ref) => {
    const namespace = isObject(ref) ? ref['namespace'] : null;
    return typeof namespace === 'string' && namespace !== metadata.namespace ? [namespace] : [];
  });
}

/** Owners that replace their pods by the thousand leave the youngest among the last ones. */
const MOST_PODS_LOOKED_AT = 256;

function latestPod(changes: readonly PodChange[], like: Workload, steps: number, snapshot: Snapshot): Workload | null {
  const end = firstFrom(0, changes.length, (i) => (changes[i] as PodChange).steps > steps);
  for (let i = end - 1; i >= Math.max(0, end - MOST_PODS_LOOKED_AT); i--) {
    const found = findWorkload(snapshot, like.kind, like.ref.namespace, (changes[i] as PodChange).name);
    if (found !== null) return found;
  }
  return null;
}

/** How many of the sorted numbers are at or below `limit`. */
function countUpTo(sorted: readonly number[], limit: number): number {
  return firstFrom(0, sorted.length, (i) => (sorted[i] as number) > limit);
}
