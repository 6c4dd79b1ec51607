/** What the policy controller was told about its cluster (linkerd2 `policy-controller/k8s/index/src/cluster_info.rs`). */
import type { DefaultPolicy } from './inbound.ts';
import { type Network, parseNetwork } from './network.ts';

/** Where one setting came from. What the cluster's own objects say goes before a flag. */
export type SettingOrigin = 'policy-container-args' | 'linkerd-config' | 'flag' | 'linkerd-default';

export interface ClusterInfo {
  readonly defaultPolicy: DefaultPolicy;
  readonly clusterNetworks: readonly Network[];
  /** Empty: no probe route is made. */
  readonly probeNetworks: readonly Network[];
  readonly identityTrustDomain: string;
  readonly clusterDomain: string;
  readonly controlPlaneNamespace: string;
  /** Ports that the injector writes into `config.linkerd.io/opaque-ports`; the controller itself never applies them. */
  readonly opaquePorts: string;
}

/** Those of the Helm chart (`charts/linkerd-control-plane/values.yaml`). */
export const LINKERD_DEFAULTS: ClusterInfo = {
  defaultPolicy: 'all-unauthenticated',
  clusterNetworks: networks('10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', 'fd00::/8'),
  probeNetworks: networks('0.0.0.0/0', '::/0'),
  identityTrustDomain: 'cluster.local',
  clusterDomain: 'cluster.local',
  controlPlaneNamespace: 'linkerd',
  opaquePorts: '25,587,3306,4444,5432,6379,9300,11211',
};

function networks(...texts: readonly string[]): readonly Network[] {
  return texts.map(parseNetwork).filter((net) => net !== null);
}
