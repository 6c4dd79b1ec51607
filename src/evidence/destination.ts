/** What a client dialled: the Service and the pods behind it, ready or not. */
import { listOf, stringOr } from '../policy/reading.ts';
import { type Instant, type ObjectRef, type Resource, refOf } from '../policy/resource.ts';
import { isObject, readSelector, selects } from '../policy/selector.ts';
import { findResource, resourcesOfKind, type Snapshot, workloadsByIp, workloadsByName } from '../policy/snapshot.ts';
import { parseInstant } from '../policy/time.ts';
import type { Workload } from '../policy/workload.ts';
import type { Peer } from './facts.ts';
import { readSocketAddress } from './log-text.ts';

export interface Destination {
  /** As it was dialled, for people: `backend.shop.svc.cluster.local:80`. */
  readonly dialled: string;
  /** null: an address was dialled, or no such Service is known. */
  readonly service: ObjectRef | null;
  readonly pods: readonly DialledPod[];
}

export interface DialledPod {
  readonly pod: Workload;
  /** The application's; null: the Service maps it to nothing here. */
  readonly port: number | null;
  /** null: its status does not say. */
  readonly ready: boolean | null;
  /** Since when it has been as it is; null: its status does not say. */
  readonly since: Instant | null;
}

/** By host (a Service's name in the cluster, its address, a pod's or a node's address) and port. */
export function destinationAt(snapshot: Snapshot, host: string, port: number): Destination {
  const bare = host.replace(/^\[|\]$/g, '');
  const dialled = `${host}:${port}`;
  const pods = workloadsByIp(snapshot, bare);
  if (pods.length > 0) return { dialled, service: null, pods: pods.map((pod) => ({ pod, port, ...readinessOf(pod) })) };
  const found = serviceNamed(snapshot, bare) ?? serviceAt(snapshot, bare, port);
  return found === null ? { dialled, service: null, pods: [] } : behind(snapshot, found, dialled, port);
}

/** As a client's proxy names it in its log. */
export function destinationOfPeer(snapshot: Snapshot, { service, address, egress }: Peer): Destination | null {
  if (service !== null) {
    const found = findResource(snapshot, { group: '', kind: 'Service', namespace: service.namespace, name: service.name });
    const dialled = `${service.name}.${service.namespace}:${service.port ?? '?'}`;
    return found === null ? { dialled, service: null, pods: [] } : behind(snapshot, found, dialled, service.port);
  }
  const socket = address === null ? null : readSocketAddress(address);
  if (socket === null && egress !== undefined) return { dialled: 'an address outside the cluster', service: null, pods: [] };
  return socket === null ? null : destinationAt(snapshot, socket.ip, socket.port);
}

/** Whether both lead to the same ports of the same pods; where they lead to none, whether the same was dialled. */
export function isSameDestination(a: Destination | null, b: Destination | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.pods.length === 0 && b.pods.length === 0) return a.dialled === b.dialled;
  return a.pods.some((one) => b.pods.some((other) => one.pod === other.pod && one.port === other.port));
}

function behind(snapshot: Snapshot, service: Resource, dialled: string, port: number | null): Destination {
  const spec = isObject(service.spec) ? service.spec : {};
  const selector = isObject(spec['selector']) ? readSelector({ matchLabels: spec['selector'] }) : null;
  const ports = listOf(spec['ports']).filter(isObject);
  const entry =
    ports.find((p) => p['port'] === port || p['nodePort'] === port) ?? (port === null && ports.length === 1 ? ports[0] : undefined);
  const target = entry?.['targetPort'] ?? entry?.['port'] ?? null;
  const pods = selector === null ? listed(snapshot, service) : selected(snapshot, service.metadata.namespace, selector);
  return {
    dialled,
    service: refOf(service),
    pods: pods.map((pod) => ({ pod, port: portOf(pod, target), ...readinessOf(pod) })),
  };
}

function selected(snapshot: Snapshot, namespace: string, selector: Parameters<typeof selects>[0]): readonly Workload[] {
  return workloadsByName(snapshot, namespace).filter((w) => w.kind === 'Pod' && selects(selector, w.labels));
}

/** A Service without a selector: the addresses that its EndpointSlices list. */
function listed(snapshot: Snapshot, service: Resource): readonly Workload[] {
  const { namespace, name } = service.metadata;
  const slices = [...resourcesOfKind(snapshot, 'discovery.k8s.io', 'EndpointSlice', namespace).values()];
  const own = slices.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name);
  const addresses = own.flatMap((slice) => endpointsOf(slice).flatMap((endpoint) => listOf(endpoint['addresses'])));
  return [...new Set(addresses)].flatMap((ip) => (typeof ip === 'string' ? workloadsByIp(snapshot, ip) : []));
}

/** `manifests/` puts them below `data`. */
function endpointsOf({ data }: Resource): readonly Readonly<Record<string, unknown>>[] {
  return listOf(isObject(data) ? data['endpoints'] : null).filter(isObject);
}

/** Services that lead to this address by an endpoint that names no pod, so that clients' proxies learn no identity for it. */
export function servicesWithoutPod(snapshot: Snapshot, ip: string): readonly ObjectRef[] {
  const out: ObjectRef[] = [];
  for (const namespace of snapshot.namespaces.keys()) {
    for (const slice of resourcesOfKind(snapshot, 'discovery.k8s.io', 'EndpointSlice', namespace).values()) {
      const name = slice.metadata.labels?.['kubernetes.io/service-name'];
      const isNamed = endpointsOf(slice).some((e) => listOf(e['addresses']).includes(ip) && !isObject(e['targetRef']));
      if (isNamed && name !== undefined) out.push({ group: '', kind: 'Service', namespace, name });
    }
  }
  return out;
}

function portOf(pod: Workload, target: unknown): number | null {
  if (typeof target === 'number') return target;
  return typeof target === 'string' ? (pod.portNames.get(target)?.[0] ?? null) : null;
}

function serviceNamed(snapshot: Snapshot, host: string): Resource | null {
  const [name = '', namespace = ''] = host.split('.');
  return namespace === '' ? null : findResource(snapshot, { group: '', kind: 'Service', namespace, name });
}

/** By its own address, or by a node's address and its node port. */
function serviceAt(snapshot: Snapshot, ip: string, port: number): Resource | null {
  for (const namespace of snapshot.namespaces.keys()) {
    for (const service of resourcesOfKind(snapshot, '', 'Service', namespace).values()) {
      const spec = isObject(service.spec) ? service.spec : {};
      if ([spec['clusterIP'], ...listOf(spec['clusterIPs'])].includes(ip)) return service;
      if (listOf(spec['ports']).some((p) => isObject(p) && p['nodePort'] === port)) return service;
    }
  }
  return null;
}

/** As its status tells. */
export function readinessOf({ resource }: Workload): Pick<DialledPod, 'ready' | 'since'> {
  const conditions = listOf(isObject(resource.status) ? resource.status['conditions'] : null).filter(isObject);
  const ready = conditions.find((c) => c['type'] === 'Ready');
  if (ready === undefined) return { ready: null, since: null };
  return { ready: stringOr(ready['status'], '') === 'True', since: parseInstant(stringOr(ready['lastTransitionTime'], '')) };
}
