/** The policy as the service knows it: read from manifests, watched, recorded, and asked for any moment. */

import { Readable } from 'node:stream';
import { createManifestsCluster } from '../drivers/cluster-manifests.ts';
import { createInputs } from '../drivers/inputs.ts';
import { signatureOf } from '../drivers/manifests-watch.ts';
import { stateAt } from '../manifests/history.ts';
import { workloadOf } from '../manifests/owner.ts';
import { type ClusterSettings, clusterInfo } from '../policy/cluster-settings.ts';
import { createHistory } from '../policy/history.ts';
import { keptOf } from '../policy/kept.ts';
import type { Change, Instant, Resource } from '../policy/resource.ts';
import { findResource, type Snapshot } from '../policy/snapshot.ts';
import { withStatuses } from '../policy/status.ts';
import { standInPods } from '../policy/templates.ts';
import type { ClusterRecord, Store } from '../ports.ts';
import type { Logger, Metrics } from '../telemetry.ts';
import type { DeltaContext } from '../triage/delta.ts';
import { createPolicyRecord, type PolicyRecord } from '../triage/policy-record.ts';
import type { PolicyView } from '../triage/work.ts';

export interface PolicySource {
  /** null: no cluster is configured. */
  current(): PolicyView | null;
  /** null: no cluster is configured. */
  settings(): ClusterSettings | null;
  readonly context: DeltaContext;
  /** Looks for changes; true when there were some. A reading that fails leaves the last good one in force. */
  refresh(): Promise<boolean>;
}

export interface PolicySourceOptions {
  readonly paths: readonly string[];
  readonly defaultNamespace: string;
  readonly cluster: string;
  readonly store: Store;
  readonly mostRevisions: number;
  readonly now: () => Instant;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Known {
  readonly policy: PolicyView;
  readonly settings: ClusterSettings;
  /** Namespaces of each pod that was ever there, by its name. */
  readonly namespaces: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Reads the policy for the first time. Errors: InvalidInput (what is configured cannot be read), Unavailable (the store). */
export async function createPolicySource(options: PolicySourceOptions): Promise<PolicySource> {
  const { paths, defaultNamespace, store, mostRevisions, now, logger, metrics } = options;
  const source = createManifestsCluster({ paths, inputs: createInputs({ stdin: Readable.from([]) }), defaultNamespace });
  const record = createPolicyRecord(store, mostRevisions);
  let signature = await signatureOf(paths);
  let failed = '';
  let known = paths.length === 0 ? null : await read();

  async function read(): Promise<Known> {
    const cluster = await source.read();
    const made = await knownOf(cluster, record, now());
    metrics.policyReadAt.set(now() / 1000);
    for (const { where, message } of cluster.notices.slice(0, 20))
      logger.warn({ where, detail: message }, 'the policy was read with a remark');
    return made;
  }

  async function refresh(): Promise<boolean> {
    if (paths.length === 0) return false;
    const seen = await signatureOf(paths);
    if (seen === signature) return false;
    try {
      const before = known?.policy.revision;
      known = await read();
      signature = seen;
      if (known.policy.revision === before) return false;
      metrics.policyRevisions.inc();
      logger.info({ revision: known.policy.revision }, 'the policy changed');
      return true;
    } catch (error) {
      metrics.policyFaults.inc();
      if (failed !== seen) logger.error({ error }, 'the policy cannot be read; the last one stays in force');
      failed = seen;
      return false;
    }
  }

  return {
    current: () => known?.policy ?? null,
    settings: () => known?.settings ?? null,
    context: createContext(options.cluster, () => known),
    refresh,
  };
}

/** A recorded history is its own record; plain manifests become one by being watched. */
async function knownOf(cluster: ClusterRecord, record: PolicyRecord, at: Instant): Promise<Known> {
  const plain = stateAt(cluster.changes, null);
  const settings = clusterInfo({ resources: plain, flags: {} });
  const start = cluster.isHistory ? cluster.changes.filter(isFromTheStart).map(({ resource }) => resource) : plain;
  const everSeen = cluster.isHistory ? cluster.changes.map(({ resource }) => resource) : plain;
  const ready = keptAll([...withStatuses(start), ...standInPods(everSeen, settings.info)]);
  const { changes, revision } = await record.record(cluster.isHistory ? keptAll(plain) : ready, at);
  const later = cluster.changes.filter((change) => !isFromTheStart(change));
  const all = cluster.isHistory ? [...ready.map(applied), ...later.flatMap(keptChange)] : changes;
  return { policy: { view: createHistory(all, settings.info), revision }, settings, namespaces: namespacesOf(all) };
}

function keptAll(resources: readonly Resource[]): readonly Resource[] {
  return resources.map(keptOf).filter((resource) => resource !== null);
}

function keptChange(change: Change): readonly Change[] {
  const resource = keptOf(change.resource);
  return resource === null ? [] : [{ ...change, resource }];
}

function isFromTheStart({ at, type }: Change): boolean {
  return at === null && type === 'applied';
}

function applied(resource: Change['resource']): Change {
  return { at: null, type: 'applied', resource };
}

function namespacesOf(changes: readonly Change[]): ReadonlyMap<string, ReadonlySet<string>> {
  const namespaces = new Map<string, Set<string>>();
  for (const { resource } of changes) {
    if (resource.kind !== 'Pod') continue;
    const { name, namespace } = resource.metadata;
    namespaces.set(name, (namespaces.get(name) ?? new Set()).add(namespace));
  }
  return namespaces;
}

function createContext(cluster: string, known: () => Known | null): DeltaContext {
  const workloadIn = (snapshot: Snapshot, namespace: string, name: string) => {
    const pod = findResource(snapshot, { group: '', kind: 'Pod', namespace, name });
    if (pod === null) return null;
    const { kind, name: owner } = workloadOf(pod, (ref) => findResource(snapshot, ref) ?? undefined);
    return { kind, namespace, name: owner };
  };
  return {
    cluster,
    workload(namespace, pod, at) {
      const view = known()?.policy.view;
      if (view === undefined) return null;
      return (at === null ? null : workloadIn(view.at(at), namespace, pod)) ?? workloadIn(view.at(null), namespace, pod);
    },
    namespace(pod) {
      const [only, ...more] = known()?.namespaces.get(pod) ?? [];
      return only !== undefined && more.length === 0 ? only : null;
    },
  };
}
