/** Traffic that is always there and that nobody needs to have seen: the kubelet's probes, Prometheus' scrapes, and what the control plane needs. */

import { memo } from '../policy/memo.ts';
import { listOf } from '../policy/reading.ts';
import { isObject } from '../policy/selector.ts';
import { type NamespaceIndex, namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { type Caller, callerOfPod, UNMESHED } from './can.ts';
import { PROXY_ADMIN_PORT } from './ports.ts';
import type { AccessRequest } from './requests.ts';

/** One caller, one request, one pod. */
export interface StandingTraffic {
  readonly kind: 'probe' | 'scrape' | 'control-plane';
  /** For people: `node 192.168.77.10`, `sa/prometheus in linkerd-viz`, `every proxy`. */
  readonly name: string;
  readonly caller: Caller;
  readonly server: Workload;
  readonly port: number;
  readonly request: AccessRequest;
}

/** Probes and scrapes of every meshed pod, and the calls of proxies and API server to the control plane. `to`: pods of these namespaces alone. */
export function standingTraffic(snapshot: Snapshot, to: Iterable<string> = snapshot.namespaces.keys()): readonly StandingTraffic[] {
  const found: StandingTraffic[] = [];
  const scrapers = scrapersIn(snapshot);
  for (const namespace of to) {
    for (const { value } of namespaceIndex(snapshot, namespace).workloads.values()) {
      if (value?.kind !== 'Pod' || !value.meshed) continue;
      found.push(...probesOf(value), ...scrapesOf(snapshot, value, scrapers), ...controlPlaneOf(snapshot, value));
    }
  }
  return found;
}

/** HTTP probes come from the pod's own node. */
export function probesOf(server: Workload): readonly StandingTraffic[] {
  const status = isObject(server.resource.status) ? server.resource.status : {};
  const ip = typeof status['hostIP'] === 'string' ? status['hostIP'] : null;
  const caller: Caller = { tls: UNMESHED, ip, pod: null };
  const name = ip === null ? 'a node' : `node ${ip}`;
  return [...server.probes].flatMap(([port, paths]) =>
    paths.map((path) => ({ kind: 'probe', name, caller, server, port, request: getOf(server, port, path) }) as const),
  );
}

/** The proxy's own counters, by each Prometheus of the cluster. */
export function scrapesOf(snapshot: Snapshot, server: Workload, scrapers = scrapersIn(snapshot)): readonly StandingTraffic[] {
  return scrapers.map((scraper) => ({
    kind: 'scrape',
    name: `${scraper.meshed ? `sa/${scraper.serviceAccount}` : 'pods without a proxy'} in ${scraper.ref.namespace}`,
    caller: callerOfPod(snapshot, scraper),
    server,
    port: PROXY_ADMIN_PORT,
    request: getOf(server, PROXY_ADMIN_PORT, '/metrics'),
  }));
}

/** Pods with a container of that name: those of linkerd-viz and of the operator have one. One for each ServiceAccount. */
export const scrapersIn = memo((snapshot: Snapshot): readonly Workload[] =>
  [...snapshot.namespaces.values()].flatMap(({ workloads }) => scrapersAmong(workloads)),
);

const scrapersAmong = memo((workloads: NamespaceIndex['workloads']) =>
  oneOfEach(
    workloads,
    ({ resource: { spec } }) => isObject(spec) && listOf(spec['containers']).some((c) => isObject(c) && c['name'] === 'prometheus'),
  ),
);

/** The first pod of each ServiceAccount, with a proxy and without. */
function oneOfEach(workloads: NamespaceIndex['workloads'], isOne: (pod: Workload) => boolean): readonly Workload[] {
  const found = new Map<string, Workload>();
  for (const { value } of workloads.values()) {
    if (value?.kind !== 'Pod') continue;
    const key = `${value.serviceAccount}/${value.meshed}`;
    if (!found.has(key) && isOne(value)) found.set(key, value);
  }
  return [...found.values()];
}

const COMPONENT = 'linkerd.io/control-plane-component';

/** What listens in the control plane's pods, and for whom (facts of the charts: linkerd-control-plane/templates). */
const LISTENERS: readonly { readonly component: string; readonly port: number; readonly from: 'proxies' | 'api-server' }[] = [
  { component: 'destination', port: 8086, from: 'proxies' },
  { component: 'destination', port: 8090, from: 'proxies' },
  { component: 'identity', port: 8080, from: 'proxies' },
  { component: 'destination', port: 8443, from: 'api-server' },
  { component: 'destination', port: 9443, from: 'api-server' },
  { component: 'proxy-injector', port: 8443, from: 'api-server' },
];

/** One meshed pod stands for the proxies of its ServiceAccount; the API server calls from an address that no object tells. */
function controlPlaneOf(snapshot: Snapshot, server: Workload): readonly StandingTraffic[] {
  if (server.ref.namespace !== snapshot.info.controlPlaneNamespace) return [];
  const component = Object.hasOwn(server.labels, COMPONENT) ? server.labels[COMPONENT] : '';
  const own = LISTENERS.filter((listener) => listener.component === component);
  return own.flatMap(({ port, from }) => {
    const callers = from === 'proxies' ? proxiesIn(snapshot) : [{ tls: UNMESHED, ip: null, pod: null }];
    const name = from === 'proxies' ? 'every proxy' : 'the API server';
    const request = from === 'proxies' ? GRPC : TLS;
    return callers.map((caller) => ({ kind: 'control-plane', name, caller, server, port, request }) as const);
  });
}
const GRPC: AccessRequest = { text: 'gRPC', traffic: { type: 'http-unknown' } };
const TLS: AccessRequest = { text: 'TLS', traffic: { type: 'tcp' } };

const proxiesIn = memo((snapshot: Snapshot): readonly Caller[] =>
  [...snapshot.namespaces.values()].flatMap(({ workloads }) => proxiesAmong(workloads)).map((pod) => callerOfPod(snapshot, pod)),
);

const proxiesAmong = memo((workloads: NamespaceIndex['workloads']) => oneOfEach(workloads, ({ meshed }) => meshed));

function getOf(server: Workload, port: number, path: string): AccessRequest {
  const ip = server.ips[0] ?? 'pod';
  const authority = `${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
  const request = { version: 'HTTP/1.1', method: 'GET', authority, path, headers: [], grpc: false };
  return { text: `GET ${path}`, traffic: { type: 'http', request } };
}
