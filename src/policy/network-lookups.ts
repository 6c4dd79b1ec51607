/** What a NetworkPolicy verdict asks of a snapshot. */
import { memo } from './memo.ts';
import { indexNetworkPolicies, type NetworkPolicyIndex } from './network-policy.ts';
import type { NetworkLookups } from './network-verdict.ts';
import type { Resource } from './resource.ts';
import { namespaceLabels, resourcesOfKind, type Snapshot } from './snapshot.ts';

/** Read once per namespace; copies of a snapshot share what they did not change. */
export function networkLookups(snapshot: Snapshot): NetworkLookups {
  return {
    networkPolicies: (namespace) => indexOf(snapshot, namespace).byNamespace.get(namespace) ?? [],
    namespaceLabels: (namespace) => namespaceLabels(snapshot, namespace),
    get anyEgress() {
      return anyEgress(snapshot);
    },
  };
}

/** NetworkPolicies that the API server would refuse, and why. */
export function unreadableNetworkPolicies(snapshot: Snapshot): NetworkPolicyIndex['unreadable'] {
  return [...snapshot.namespaces.keys()].flatMap((namespace) => indexOf(snapshot, namespace).unreadable);
}

const read = memo((named: ReadonlyMap<string, Resource>) => indexNetworkPolicies(named.values()));

const anyEgress = memo((snapshot: Snapshot) => [...snapshot.namespaces.keys()].some((namespace) => indexOf(snapshot, namespace).anyEgress));

function indexOf(snapshot: Snapshot, namespace: string): NetworkPolicyIndex {
  return read(resourcesOfKind(snapshot, 'networking.k8s.io', 'NetworkPolicy', namespace));
}
