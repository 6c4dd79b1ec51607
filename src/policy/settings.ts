/** What the policy controller was told about its cluster (linkerd2 `policy-controller/k8s/index/src/cluster_info.rs`). */
import type { DefaultPolicy } from './inbound.ts';
import type { Network } from './network.ts';

/** Where one setting came from; `flag` is a person's own word and wins. */
export type SettingOrigin = 'linkerd-config' | 'policy-container-args' | 'flag' | 'linkerd-default';

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
