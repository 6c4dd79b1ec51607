/** The policy as manifests say it: read, watched, and recorded with every change. */

import { Readable } from 'node:stream';
import { createManifestsCluster } from '../drivers/cluster-manifests.ts';
import { createInputs } from '../drivers/inputs.ts';
import { signatureOf } from '../drivers/manifests-watch.ts';
import { stateAt } from '../manifests/history.ts';
import { clusterInfo } from '../policy/cluster-settings.ts';
import { keptOf } from '../policy/kept.ts';
import type { Change, Instant, Resource } from '../policy/resource.ts';
import { withStatuses } from '../policy/status.ts';
import { standInPods } from '../policy/templates.ts';
import type { ClusterRecord, Store } from '../ports.ts';
import type { Logger, Metrics } from '../telemetry.ts';
import { createPolicyRecord, type PolicyRecord, type RecordBounds } from '../triage/policy-record.ts';
import { addressAt, createContext, type Known, knownOf, type PolicySource } from './policy-known.ts';

export interface PolicySourceOptions {
  readonly paths: readonly string[];
  readonly defaultNamespace: string;
  readonly cluster: string;
  readonly store: Store;
  readonly bounds: RecordBounds;
  readonly now: () => Instant;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Reads the policy for the first time. Errors: InvalidInput (what is configured cannot be read), Unavailable (the store). */
export async function createPolicySource(options: PolicySourceOptions): Promise<PolicySource> {
  const { paths, defaultNamespace, store, bounds, now, logger, metrics } = options;
  const source = createManifestsCluster({ paths, inputs: createInputs({ stdin: Readable.from([]) }), defaultNamespace });
  const record = createPolicyRecord(store, bounds);
  let signature = await signatureOf(paths);
  let failed = '';
  let known = paths.length === 0 ? null : await read();

  async function read(): Promise<Known> {
    const cluster = await source.read();
    const made = await knownNow(cluster, record, now());
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
    history: () => known?.history ?? null,
    unread: () => new Map(),
    context: createContext(options.cluster, () => known),
    addressAt: (ip, at) => (known === null ? null : addressAt(known, ip, at)),
    refresh,
    stop: async () => undefined,
  };
}

/** A recorded history is its own record; plain manifests become one by being watched. */
async function knownNow(cluster: ClusterRecord, record: PolicyRecord, at: Instant): Promise<Known> {
  const plain = stateAt(cluster.changes, null);
  const settings = clusterInfo({ resources: plain, flags: {} });
  const start = cluster.isHistory ? cluster.changes.filter(isFromTheStart).map(({ resource }) => resource) : plain;
  const everSeen = cluster.isHistory ? cluster.changes.map(({ resource }) => resource) : plain;
  const ready = keptAll([...withStatuses(start), ...standInPods(everSeen, settings.info)]);
  const { changes, revision } = await record.record(cluster.isHistory ? keptAll(plain) : ready, at);
  const later = cluster.changes.filter((change) => !isFromTheStart(change));
  return knownOf(cluster.isHistory ? [...ready.map(applied), ...later.flatMap(keptChange)] : changes(), settings, revision);
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
