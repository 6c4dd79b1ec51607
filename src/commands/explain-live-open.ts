/** Opens what `explain` asks of a live cluster: the API server with the kubeconfig's rights, and Prometheus where one is given or found. */
import { createClusterList } from '../drivers/cluster-kubernetes-list.ts';
import { openKubernetes } from '../drivers/kubernetes-client.ts';
import { createPortForward, type PortForward } from '../drivers/kubernetes-port-forward.ts';
import { createKubernetesLogs } from '../drivers/logs-kubernetes.ts';
import { createProxyPages } from '../drivers/metrics-port-forward.ts';
import { createPrometheus } from '../drivers/metrics-prometheus.ts';
import { createUpstream } from '../drivers/upstream.ts';
import type { Resource } from '../policy/resource.ts';
import type { Cluster, Prometheus } from '../ports.ts';
import type { Io } from './command.ts';
import type { LiveEvidence } from './explain-live.ts';
import type { LivePlan } from './explain-live-options.ts';
import { findPrometheus } from './prometheus-found.ts';

export interface LiveCluster extends Omit<LiveEvidence, 'prometheus'> {
  /** For people: which API server, by which context. */
  readonly place: string;
  /** Of the context. */
  readonly namespace: string;
  readonly cluster: Cluster;
  /** Prometheus as it was given, or as these objects tell of one. null: neither. Errors: InvalidInput (no such address). */
  openPrometheus(resources: readonly Resource[]): Promise<Prometheus | null>;
  close(): void;
}

const TIMEOUT = 30_000;
const MOST_BYTES = 256 * 2 ** 20;

/** Nobody is asked yet. `namespace`: what is read where the whole cluster may not be. Errors: InvalidInput (kubeconfig). */
export function openLive({ context, kubeconfig, prometheus, bearerTokenFile }: LivePlan, namespace: string | null, io: Io): LiveCluster {
  const client = openKubernetes({ context, kubeconfig, env: io.env });
  const { access, place } = client;
  const forward = createPortForward(client);
  const closing: (() => void)[] = [() => client.close()];
  return {
    place: access.context === null ? place : `${place} (context ${access.context})`,
    namespace: access.namespace,
    cluster: createClusterList(client, namespace ?? access.namespace),
    logs: createKubernetesLogs(client),
    pages: createProxyPages(forward),
    async openPrometheus(resources) {
      const opened = prometheus === null ? await openFound(resources, forward) : await openGiven(prometheus, bearerTokenFile);
      if (opened !== null) closing.push(() => opened.close());
      return opened;
    },
    close() {
      for (const close of closing.reverse()) close();
    },
  };
}

function openGiven(url: string, bearerFile: string | null): Promise<Prometheus> {
  return open(url, bearerFile);
}

/** Its Service is reachable from within the cluster alone: its pod by port-forward. */
async function openFound(resources: readonly Resource[], forward: PortForward): Promise<Prometheus | null> {
  const found = findPrometheus(resources);
  if (found === null) return null;
  const { pod, port, name } = found;
  return open(`http://${name}`, null, () => forward.open(pod, port));
}

async function open(url: string, bearerFile: string | null, connect?: () => ReturnType<PortForward['open']>): Promise<Prometheus> {
  return createPrometheus(
    await createUpstream({
      name: 'Prometheus',
      url,
      credentials: { bearer: null, bearerFile, basic: null },
      headers: new Map(),
      tls: { ca: null, certificate: null, key: null, serverName: null, isVerified: true },
      timeout: TIMEOUT,
      mostBytes: MOST_BYTES,
      ...(connect === undefined ? {} : { connect }),
    }),
  );
}
