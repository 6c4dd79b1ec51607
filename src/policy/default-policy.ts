/** The six default policies (linkerd2 `policy-controller/k8s/index/src/defaults.rs`). */
import type { ClientAuthentication, ClientAuthorization, DefaultPolicy } from './inbound.ts';
import { type Network, parseNetwork } from './network.ts';
import type { ClusterInfo } from './settings.ts';

export const DEFAULT_POLICIES: readonly DefaultPolicy[] = [
  'all-unauthenticated',
  'all-authenticated',
  'cluster-unauthenticated',
  'cluster-authenticated',
  'deny',
  'audit',
];

/** null for anything but the six names, spelled exactly. */
export function parseDefaultPolicy(text: string): DefaultPolicy | null {
  return DEFAULT_POLICIES.find((p) => p === text) ?? null;
}

/** The sibling that asks for an identity; `deny` and `audit` have none. */
export function authenticatedSibling(policy: DefaultPolicy): DefaultPolicy {
  if (policy === 'all-unauthenticated') return 'all-authenticated';
  if (policy === 'cluster-unauthenticated') return 'cluster-authenticated';
  return policy;
}

export const ALL_NETWORKS: readonly Network[] = ['0.0.0.0/0', '::/0'].map((text) => parseNetwork(text) as Network);

export const UNAUTHENTICATED: ClientAuthentication = { type: 'unauthenticated' };
const ANY_IDENTITY: ClientAuthentication = { type: 'tls-authenticated', identities: [], suffixes: [''] };

/** What a default policy (of a pod, or as a Server's `accessPolicy`) authorizes: one authorization, or none for `deny`. */
export function defaultAuthorizations(policy: DefaultPolicy, info: ClusterInfo): readonly ClientAuthorization[] {
  if (policy === 'deny') return [];
  const networks = policy.startsWith('cluster-') ? info.clusterNetworks : ALL_NETWORKS;
  return [
    {
      ref: { group: '', kind: 'default', name: policy },
      object: null,
      via: [],
      authentication: policy.endsWith('-authenticated') ? ANY_IDENTITY : UNAUTHENTICATED,
      networks: networks.map((net) => ({ net, except: [] })),
    },
  ];
}
