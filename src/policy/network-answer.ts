/** NetworkPolicy beside the Linkerd verdict: the port that goes over the wire, and what NetworkPolicies say of it. */
import type { ClientTls } from './evaluation.ts';
import type { InboundServer } from './inbound.ts';
import { memo } from './memo.ts';
import { indexNetworkPolicies, type NetworkPolicyIndex } from './network-policy.ts';
import { hostIps, type NetworkClient, type NetworkLookups, type NetworkVerdict, networkVerdict } from './network-verdict.ts';
import { namespaceLabels, resourcesOfKind, type Snapshot } from './snapshot.ts';
import { type WirePort, wirePort } from './wire-port.ts';
import type { Workload } from './workload.ts';

export interface NetworkAnswer {
  readonly verdict: NetworkVerdict;
  readonly wire: WirePort;
}

export interface NetworkQuestion {
  /** null: no pod is known to be the client. */
  readonly client: Workload | null;
  readonly clientIp: string | null;
  /** Mesh TLS tells that the traffic came through the client's proxy, whatever its pod says. */
  readonly tls: ClientTls | null;
  readonly server: Workload;
  /** The application's; null: not known. */
  readonly port: number | null;
  readonly policy: InboundServer;
}

/** null: the cluster has no NetworkPolicy at all, the server is no pod, or the port is not known. */
export function networkAnswer(snapshot: Snapshot, question: NetworkQuestion): NetworkAnswer | null {
  const policies = networkPolicies(snapshot);
  if (policies.byNamespace.size === 0 || question.port === null || question.server.kind !== 'Pod') return null;
  const { client, clientIp, server, port, tls } = question;
  const meshed = tls === null ? client?.meshed === true : tls.state === 'established';
  const wire = wirePort({
    client: { meshed, pod: client?.resource ?? null },
    server: server.resource,
    port,
    dialled: null,
    opaque: question.policy.protocol === 'opaque',
    transport: 'transport-header',
  });
  const lookups: NetworkLookups = {
    networkPolicies: (namespace) => policies.byNamespace.get(namespace) ?? [],
    anyEgress: policies.anyEgress,
    namespaceLabels: (namespace) => namespaceLabels(snapshot, namespace),
  };
  const flow = { client: networkClient(client, clientIp, server), server: server.resource, port: wire.port };
  return { verdict: networkVerdict(lookups, flow), wire };
}

function networkClient(client: Workload | null, ip: string | null, server: Workload): NetworkClient {
  if (client?.kind === 'Pod') return { type: 'pod', pod: client.resource, ip };
  // The server's own node: its kubelet, or a pod on the node's network.
  return ip !== null && hostIps(server.resource).includes(ip) ? { type: 'address', ip } : { type: 'unknown', ip };
}

const networkPolicies = memo((snapshot: Snapshot): NetworkPolicyIndex => indexNetworkPolicies(allNetworkPolicies(snapshot)));

function* allNetworkPolicies(snapshot: Snapshot) {
  for (const namespace of snapshot.namespaces.keys())
    yield* resourcesOfKind(snapshot, 'networking.k8s.io', 'NetworkPolicy', namespace).values();
}
