/** A cluster as its API server tells of it: every kind of kubernetes-kinds.ts, listed once and then watched. It only reads. */
import type { Unavailable } from '../errors.ts';
import { isSameContent } from '../policy/kept.ts';
import { type Instant, objectKey, type Resource, refOf } from '../policy/resource.ts';
import type { ClusterEdit, ClusterWatch, KindStatus } from '../ports.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { type FollowTools, followKind, type KindSink } from './kubernetes-follow.ts';
import { nameOfKind, type WatchedKind } from './kubernetes-kinds.ts';

export interface KubernetesClusterOptions extends FollowTools {
  readonly client: KubernetesClient;
  readonly kinds: readonly WatchedKind[];
  readonly now: () => Instant;
}

/** Nobody is asked before `start`. */
export function createKubernetesCluster(options: KubernetesClusterOptions): ClusterWatch {
  const { client, kinds } = options;
  const stopping = new AbortController();
  const follows = kinds.map((kind) => createFollowed(kind, options.now));
  let running: readonly Promise<void>[] = [];
  return {
    place: client.place,
    start(changed) {
      running = follows.map(({ kind, sinkTo }) => followKind(kind, sinkTo(changed), options, stopping.signal));
    },
    settled: Promise.all(follows.map(({ settled }) => settled)).then(() => undefined),
    resources: () => follows.flatMap(({ objects }) => [...objects.values()]),
    kinds: () => follows.map(({ status }) => status()),
    async stop() {
      stopping.abort();
      await Promise.all(running);
      client.close();
    },
  };
}

interface Followed {
  readonly kind: WatchedKind;
  readonly objects: ReadonlyMap<string, Resource>;
  readonly status: () => KindStatus;
  /** Resolves when it was listed, is known to be absent, or has failed. */
  readonly settled: Promise<void>;
  readonly sinkTo: (changed: (edits: readonly ClusterEdit[]) => void) => KindSink;
}

function createFollowed(kind: WatchedKind, now: () => Instant): Followed {
  const objects = new Map<string, Resource>();
  let state: KindStatus['state'] = 'starting';
  let version: string | null = null;
  let heardAt: Instant | null = null;
  let fault: KindStatus['fault'] = null;
  const { promise: settled, resolve: settle } = Promise.withResolvers<void>();

  return {
    kind,
    objects,
    settled,
    status: () => ({ name: nameOfKind(kind), isOptional: kind.isOptional, state, version, objects: objects.size, heardAt, fault }),
    sinkTo: (changed) => ({
      listed(resources) {
        const edits = differencesTo(objects, resources).map((edit) => ({ ...edit, at: now(), isListed: true }));
        for (const edit of edits) enter(objects, edit.change);
        heardAt = now();
        if (edits.length > 0) changed(edits);
      },
      applied(resource) {
        const known = objects.get(keyOf(resource));
        objects.set(keyOf(resource), resource);
        if (known === undefined || !isSameContent(known, resource)) changed([{ change: { apply: resource }, at: now(), isListed: false }]);
      },
      deleted(resource) {
        if (objects.delete(keyOf(resource))) changed([{ change: { delete: refOf(resource) }, at: now(), isListed: false }]);
      },
      heard() {
        heardAt = now();
      },
      stands(next, served) {
        [state, version, fault] = [next, served, null];
        settle();
      },
      failed({ message, remedy }: Unavailable) {
        state = 'failing';
        fault = { message, remedy, since: fault?.since ?? now() };
        settle();
      },
    }),
  };
}

function keyOf(resource: Resource): string {
  return objectKey(refOf(resource));
}

function enter(objects: Map<string, Resource>, change: ClusterEdit['change']): void {
  if ('apply' in change) objects.set(keyOf(change.apply), change.apply);
  else objects.delete(objectKey(change.delete));
}

/** What makes of the known objects the listed ones, and no more. */
function differencesTo(known: ReadonlyMap<string, Resource>, listed: readonly Resource[]): readonly Pick<ClusterEdit, 'change'>[] {
  const left = new Map(known);
  const applied = listed.filter((resource) => {
    const before = left.get(keyOf(resource));
    left.delete(keyOf(resource));
    return before === undefined || !isSameContent(before, resource);
  });
  return [
    ...[...left.values()].map((resource) => ({ change: { delete: refOf(resource) } })),
    ...applied.map((resource) => ({ change: { apply: resource } })),
  ];
}
