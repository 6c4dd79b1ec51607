/** Where the service has its policy from: manifests, or the API server. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config-schema.ts';
import { createKubernetesCluster } from '../drivers/cluster-kubernetes.ts';
import { openKubernetes } from '../drivers/kubernetes-client.ts';
import { TIMING } from '../drivers/kubernetes-follow.ts';
import { WATCHED_KINDS } from '../drivers/kubernetes-kinds.ts';
import type { Instant } from '../policy/resource.ts';
import type { Store } from '../ports.ts';
import type { Logger, Metrics } from '../telemetry.ts';
import { startClusterStatus } from './cluster-status.ts';
import type { PolicySource } from './policy-known.ts';
import { createPolicySource } from './policy-source.ts';
import { watchPolicy } from './policy-watched.ts';

export interface PolicyOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly store: Store;
  readonly isLeader: () => boolean;
  readonly now: () => Instant;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Errors: InvalidInput (what is configured cannot be read), Unavailable (the store). An API server that is not there is waited for. */
export async function openPolicy(config: Config, options: PolicyOptions): Promise<PolicySource> {
  const { policyRevisions, podChanges } = config.retention;
  const common = { ...options, cluster: config.cluster.name, bounds: { policyRevisions, podChanges } };
  if (!config.kubernetes.watch)
    return createPolicySource({ ...common, paths: config.cluster.manifests, defaultNamespace: config.cluster.namespace });
  const { kubeconfig, context } = config.kubernetes;
  const client = openKubernetes({ kubeconfig: kubeconfig || null, context: context || null, env: options.env });
  const watch = createKubernetesCluster({
    client,
    kinds: WATCHED_KINDS,
    random: Math.random,
    sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => undefined),
    now: options.now,
    timing: TIMING,
  });
  const policy = await watchPolicy({ ...common, watch });
  const stopStatus = startClusterStatus({ ...options, watch });
  return {
    ...policy,
    async stop() {
      await stopStatus();
      await policy.stop();
    },
  };
}
