/**
 * All objects of a cluster at one moment, indexed. Immutable: a change makes a new snapshot that shares every untouched namespace and collection.
 *
 * It behaves as a running policy controller does: after an edit that the controller cannot read, the previous version of the object stays in
 * force until the controller restarts (`restarted`) or the object is deleted.
 */
import { settingsTold, tellsSettings } from './cluster-settings.ts';
import { type Collection, type Indexed, kindOf, readObject } from './kinds.ts';
import { memo } from './memo.ts';
import { isUnreadable } from './reading.ts';
import { groupOf, type ObjectRef, type Resource, refOf } from './resource.ts';
import { isObject } from './selector.ts';
import type { ClusterInfo } from './settings.ts';
import type { Workload } from './workload.ts';

/** One object: its newest version, and what is in force of it. */
export interface Entry<T> {
  readonly resource: Resource;
  /** null: the controller ignores the object. */
  readonly value: T | null;
  /** The version that `value` was read from; older than `resource` after an unreadable edit. */
  readonly inForce: Resource | null;
  /** Why the newest version is not in force. */
  readonly error: string | null;
}
export type Entries<T> = ReadonlyMap<string, Entry<T>>;

export type NamespaceIndex = { readonly [C in Collection]: Entries<Indexed[C]> } & {
  /** Everything else, by `group/Kind` and name. */
  readonly others: ReadonlyMap<string, ReadonlyMap<string, Resource>>;
};

export interface Snapshot {
  readonly info: ClusterInfo;
  /** Keyed by name; `''` holds cluster-scoped objects. */
  readonly namespaces: ReadonlyMap<string, NamespaceIndex>;
}

export type ObjectChange = { readonly apply: Resource } | { readonly delete: ObjectRef };

const EMPTY_NAMESPACE: NamespaceIndex = {
  workloads: new Map(),
  servers: new Map(),
  serverAuthorizations: new Map(),
  authorizationPolicies: new Map(),
  meshTLSAuthentications: new Map(),
  networkAuthentications: new Map(),
  routes: new Map(),
  rateLimits: new Map(),
  others: new Map(),
};

/** A snapshot as a controller that starts now would build it. Of two objects with one name the later wins. */
export function buildSnapshot(resources: Iterable<Resource>, info: ClusterInfo): Snapshot {
  const draft = createDraft({ info, namespaces: new Map() });
  for (const resource of resources) draft.apply(resource);
  return draft.done();
}

/** The snapshot after the changes, as a controller that saw each of them knows it. The given one is left as it is. */
export function withChanges(snapshot: Snapshot, changes: readonly ObjectChange[]): Snapshot {
  const draft = createDraft(snapshot);
  for (const change of changes) {
    if ('apply' in change) draft.apply(change.apply);
    else draft.delete(change.delete);
  }
  const next = draft.done();
  return changes.some(isOfSettings) ? underItsSettings(next) : next;
}

function isOfSettings(change: ObjectChange): boolean {
  return tellsSettings('apply' in change ? refOf(change.apply) : change.delete);
}

/** As its own objects tell the cluster's settings; what they do not tell stays as it is. */
export function underItsSettings(snapshot: Snapshot): Snapshot {
  const info = settingsTold(resourcesOf(snapshot), snapshot.info);
  return JSON.stringify(info) === JSON.stringify(snapshot.info) ? snapshot : buildSnapshot(resourcesOf(snapshot), info);
}

/** What a controller that starts now makes of the same objects: unreadable edits lose their previous version. */
export function restarted(snapshot: Snapshot): Snapshot {
  return buildSnapshot(resourcesOf(snapshot), snapshot.info);
}

export function* resourcesOf(snapshot: Snapshot): Iterable<Resource> {
  for (const { others, ...collections } of snapshot.namespaces.values()) {
    for (const entries of Object.values(collections)) for (const entry of entries.values()) yield entry.resource;
    for (const named of others.values()) yield* named.values();
  }
}

export function namespaceIndex(snapshot: Snapshot, namespace: string): NamespaceIndex {
  return snapshot.namespaces.get(namespace) ?? EMPTY_NAMESPACE;
}

/** The newest version of an object; null when there is none. */
export function findResource(snapshot: Snapshot, ref: ObjectRef): Resource | null {
  return resourceIn(namespaceIndex(snapshot, ref.namespace), ref);
}

/** The same, of one namespace. */
export function resourceIn(index: NamespaceIndex, ref: Pick<ObjectRef, 'group' | 'kind' | 'name'>): Resource | null {
  const groupKind = `${ref.group}/${ref.kind}`;
  const kind = kindOf(groupKind);
  if (kind === null) return index.others.get(groupKind)?.get(ref.name) ?? null;
  return (index[kind.collection] as Entries<unknown>).get(`${groupKind}/${ref.name}`)?.resource ?? null;
}

/** Objects of a kind that is not indexed (`''` group for core), over one namespace. */
export function resourcesOfKind(snapshot: Snapshot, group: string, kind: string, namespace: string): ReadonlyMap<string, Resource> {
  return namespaceIndex(snapshot, namespace).others.get(`${group}/${kind}`) ?? NONE;
}
const NONE: ReadonlyMap<string, Resource> = new Map();

export function findWorkload(snapshot: Snapshot, kind: Workload['kind'], namespace: string, name: string): Workload | null {
  const group = kind === 'Pod' ? '' : 'workload.linkerd.io';
  return namespaceIndex(snapshot, namespace).workloads.get(`${group}/${kind}/${name}`)?.value ?? null;
}

/** The workloads of a namespace in the order of their names, in whatever order they came. */
export function workloadsByName(snapshot: Snapshot, namespace: string): readonly Workload[] {
  const all = [...namespaceIndex(snapshot, namespace).workloads.values()].flatMap(({ value }) => value ?? []);
  return all.sort((a, b) => (a.ref.name < b.ref.name ? -1 : a.ref.name > b.ref.name ? 1 : 0));
}

/** Every workload with this address (a host address is shared by many pods). */
export function workloadsByIp(snapshot: Snapshot, ip: string): readonly Workload[] {
  return addressesIn(snapshot)(ip);
}

/** Of so many addresses each namespace is asked. Whoever asks for more asks for many, and one index of all of them pays. */
const FEW_ADDRESSES = 200;

const addressesIn = memo((snapshot: Snapshot): ((ip: string) => readonly Workload[]) => {
  const indexes = [...snapshot.namespaces.values()].map(({ workloads }) => byIp(workloads)).filter(({ size }) => size > 0);
  let asked = 0;
  let whole: ReadonlyMap<string, readonly Workload[]> | null = null;
  return (ip) => {
    if (whole === null && ++asked > FEW_ADDRESSES) whole = merged(indexes);
    return whole === null ? indexes.flatMap((index) => index.get(ip) ?? NOBODY) : (whole.get(ip) ?? NOBODY);
  };
});
const NOBODY: readonly Workload[] = [];

function merged(indexes: readonly ReadonlyMap<string, readonly Workload[]>[]): ReadonlyMap<string, readonly Workload[]> {
  const whole = new Map<string, Workload[]>();
  for (const index of indexes)
    for (const [ip, own] of index) {
      const known = whole.get(ip);
      if (known === undefined) whole.set(ip, [...own]);
      else for (const workload of own) known.push(workload);
    }
  return whole;
}

/** Pods that run as this ServiceAccount. */
export function workloadsByServiceAccount(snapshot: Snapshot, namespace: string, name: string): readonly Workload[] {
  return byServiceAccount(namespaceIndex(snapshot, namespace).workloads).get(name) ?? [];
}

/** Groups the values in force by keys that are made on first use. */
export function groupBy<T>(keysOf: (value: T) => Iterable<string>): (entries: Entries<T>) => ReadonlyMap<string, readonly T[]> {
  return memo((entries) => {
    const groups = new Map<string, T[]>();
    for (const { value } of entries.values()) {
      if (value === null) continue;
      for (const key of keysOf(value)) {
        const group = groups.get(key);
        if (group === undefined) groups.set(key, [value]);
        else group.push(value);
      }
    }
    return groups;
  });
}
const byIp = groupBy<Workload>((w) => w.ips);
const byServiceAccount = groupBy<Workload>((w) => (w.kind === 'Pod' ? [w.serviceAccount] : []));

type MutableIndex = { -readonly [K in keyof NamespaceIndex]: NamespaceIndex[K] };

/** Copies a namespace, and in it a collection, when it is first written to. */
function createDraft(from: Snapshot) {
  const namespaces = new Map(from.namespaces);
  const owned = new Set<object>();

  function own<V extends object>(value: V, copy: (value: V) => V, store: (copied: V) => void): V {
    if (owned.has(value)) return value;
    const copied = copy(value);
    owned.add(copied);
    store(copied);
    return copied;
  }
  function namespace(name: string): MutableIndex {
    const current = (namespaces.get(name) ?? EMPTY_NAMESPACE) as MutableIndex;
    return own(
      current,
      (index) => ({ ...index }),
      (index) => namespaces.set(name, index),
    );
  }
  function collection(index: MutableIndex, name: Collection): Map<string, Entry<unknown>> {
    return own(
      index[name] as Map<string, Entry<unknown>>,
      (entries) => new Map(entries),
      (entries) => Object.assign(index, { [name]: entries }),
    );
  }
  function others(index: MutableIndex, groupKind: string): Map<string, Resource> {
    const kinds = own(
      index.others as Map<string, Map<string, Resource>>,
      (map) => new Map(map),
      (map) => {
        index.others = map;
      },
    );
    return own(
      kinds.get(groupKind) ?? new Map<string, Resource>(),
      (map) => new Map(map),
      (map) => kinds.set(groupKind, map),
    );
  }

  return {
    apply(resource: Resource): void {
      const index = namespace(resource.metadata.namespace);
      const groupKind = `${groupOf(resource.apiVersion)}/${resource.kind}`;
      const kind = kindOf(groupKind);
      if (kind === null) {
        others(index, groupKind).set(resource.metadata.name, resource);
        return;
      }
      const entries = collection(index, kind.collection);
      const key = `${groupKind}/${resource.metadata.name}`;
      entries.set(key, readEntry(entries.get(key), resource, from.info));
    },
    delete(ref: ObjectRef): void {
      const groupKind = `${ref.group}/${ref.kind}`;
      const kind = kindOf(groupKind);
      const index = namespace(ref.namespace);
      if (kind === null) others(index, groupKind).delete(ref.name);
      else collection(index, kind.collection).delete(`${groupKind}/${ref.name}`);
    },
    done(): Snapshot {
      owned.clear();
      return { info: from.info, namespaces };
    },
  };
}

function readEntry(previous: Entry<unknown> | undefined, resource: Resource, info: ClusterInfo): Entry<unknown> {
  const kind = kindOf(`${groupOf(resource.apiVersion)}/${resource.kind}`);
  if (kind === null) throw new Error(`no reader for ${resource.kind}`);
  const value = readObject(kind, resource, info);
  const keep = (error: string) => ({ resource, value: previous?.value ?? null, inForce: previous?.inForce ?? null, error });
  if (isUnreadable(value)) return keep(value.unreadable);
  if (resource.kind === 'Pod' && previous?.value != null) {
    const [before, now] = [previous.value as Workload, value as Workload];
    // The controller watches meshed pods alone: one that comes or goes by its label is a new one to it.
    if (!before.meshed || !now.meshed) return { resource, value, inForce: resource, error: null };
    if (!samePortNames(before, now)) return keep(`pod ${resource.metadata.name} port names must not change`);
    return { resource, value: { ...now, probes: before.probes }, inForce: resource, error: null };
  }
  return { resource, value, inForce: resource, error: null };
}

function samePortNames(a: Workload, b: Workload): boolean {
  if (a.portNames.size !== b.portNames.size) return false;
  for (const [name, ports] of a.portNames) {
    const others = b.portNames.get(name);
    if (others === undefined || others.length !== ports.length || !ports.every((p) => others.includes(p))) return false;
  }
  return true;
}

/** The labels of a Namespace object, with the one that Kubernetes itself sets; null when it is not in the snapshot. */
export function namespaceLabels(snapshot: Snapshot, namespace: string): Readonly<Record<string, string>> | null {
  const resource = resourcesOfKind(snapshot, '', 'Namespace', '').get(namespace);
  if (resource === undefined || !isObject(resource.metadata)) return null;
  return { 'kubernetes.io/metadata.name': namespace, ...resource.metadata.labels };
}
