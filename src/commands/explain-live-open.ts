/** Opens what `explain` asks of a live cluster: the API server with the kubeconfig's rights, and Prometheus where one is given or found. */
import { createClusterList } from '../drivers/cluster-kubernetes-list.ts';
import { type KubernetesClient, openKubernetes } from '../drivers/kubernetes-client.ts';
import { createPortForward, type PortForward } from '../drivers/kubernetes-port-forward.ts';
import { createKubernetesLogs } from '../drivers/logs-kubernetes.ts';
import { createProxyPages } from '../drivers/metrics-port-forward.ts';
import { createPrometheus } from '../drivers/metrics-prometheus.ts';
import { createUpstream, type Upstream } from '../drivers/upstream.ts';
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
  readonly client: KubernetesClient;
  /** Prometheus as it was given, or as these objects tell of one. null: neither. Errors: InvalidInput (no such address). */
  openUpstream(resources: readonly Resource[]): Promise<Upstream | null>;
  /** The same, to be asked for series. */
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
  const openUpstream = async (resources: readonly Resource[]) => {
    const opened = prometheus === null ? await openFound(resources, forward) : await openPrometheusAt(prometheus, bearerTokenFile);
    if (opened !== null) closing.push(() => opened.close());
    return opened;
  };
  return {
    place: access.context === null ? place : `${place} (context ${access.context})`,
    namespace: access.namespace,
    cluster: createClusterList(client, namespace ?? access.namespace),
    logs: createKubernetesLogs(client),
    pages: createProxyPages(forward),
    client,
    openUpstream,
    async openPrometheus(resources) {
      const upstream = await openUpstream(resources);
      return upstream === null ? null : createPrometheus(upstream);
    },
    close() {
      for (const close of closing.reverse()) close();
    },
  };
}

/** Its Service is reachable from within the cluster alone: its pod by port-forward. */
async function openFound(resources: readonly Resource[], forward: PortForward): Promise<Upstream | null> {
  const found = findPrometheus(resources);
  if (found === null) return null;
  const { pod, port, name } = found;
  return openPrometheusAt(`http://${name}`, null, () => forward.open(pod, port));
}

/** Errors: InvalidInput (no such address). */
export function openPrometheusAt(
  url: string,
  bearerFile: string | null,
  connect?: () => ReturnType<PortForward['open']>,
): Promise<Upstream> {
  return createUpstream({
    name: 'Prometheus',
    url,
    credentials: { bearer: null, bearerFile, basic: null },
    headers: new Map(),
    tls: { ca: null, certificate: null, key: null, serverName: null, isVerified: true },
    timeout: TIMEOUT,
    mostBytes: MOST_BYTES,
    ...(connect === undefined ? {} : { connect }),
  });
}
