/** Pods and ExternalWorkloads as the policy controller knows them (linkerd2 `policy-controller/k8s/index/src/inbound/workload.rs`, `…/k8s/api/src/…/pod.rs`). */
import { tcpPorts } from './container-ports.ts';
import { parseDefaultPolicy } from './default-policy.ts';
import type { DefaultPolicy } from './inbound.ts';
import { probesOf } from './probes.ts';
import { listOf, stringOr } from './reading.ts';
import { type ObjectRef, type Resource, refOf } from './resource.ts';
import { isObject, type Labels } from './selector.ts';

export const ANNOTATION = {
  defaultInboundPolicy: 'config.linkerd.io/default-inbound-policy',
  opaquePorts: 'config.linkerd.io/opaque-ports',
  requireIdentityPorts: 'config.linkerd.io/proxy-require-identity-inbound-ports',
} as const;

/** Present on every injected pod; the controller watches no other pods. */
export const CONTROL_PLANE_LABEL = 'linkerd.io/control-plane-ns';

/** What annotations change. An unreadable value is ignored whole. */
export interface WorkloadSettings {
  readonly defaultPolicy: DefaultPolicy | null;
  /** The default policy annotation's value where it is none of the six. */
  readonly ignoredDefaultPolicy: string | null;
  readonly opaquePorts: ReadonlySet<number>;
  readonly requireIdentityPorts: ReadonlySet<number>;
  /** Annotations whose value is no list of ports, as `name: value`. */
  readonly ignoredPortLists: readonly string[];
}

export interface Workload {
  readonly kind: 'Pod' | 'ExternalWorkload';
  readonly ref: ObjectRef;
  readonly resource: Resource;
  readonly labels: Labels;
  /** False: no policy is enforced here, the controller answers `unknown workload`. */
  readonly meshed: boolean;
  readonly settings: WorkloadSettings;
  /** TCP ports by their case-sensitive name, over all containers and init containers. */
  readonly portNames: ReadonlyMap<string, readonly number[]>;
  /** Every declared TCP port. */
  readonly ports: readonly number[];
  /** Paths of HTTP probes by port, sorted. */
  readonly probes: ReadonlyMap<number, readonly string[]>;
  readonly ips: readonly string[];
  readonly serviceAccount: string;
}

export function readPod(resource: Resource): Workload {
  const spec = isObject(resource.spec) ? resource.spec : {};
  const containers = [...listOf(spec['initContainers']), ...listOf(spec['containers'])].filter(isObject);
  const named = containers.flatMap((container) => tcpPorts(container));
  const portNames = new Map<string, number[]>();
  for (const { name, port } of named) {
    if (name === null) continue;
    const known = portNames.get(name);
    if (known === undefined) portNames.set(name, [port]);
    else if (!known.includes(port)) known.push(port);
  }
  const status = isObject(resource.status) ? resource.status : {};
  // The address of one that has ended is free for another pod, though it is written there for ever.
  const ips = hasEnded(status) ? [] : [status['podIP'], ...listOf(status['podIPs']).map((ip) => (isObject(ip) ? ip['ip'] : null))];
  return {
    ...common(resource, 'Pod'),
    portNames,
    ports: [...new Set(named.map((p) => p.port))],
    probes: httpProbes(containers),
    ips: [...new Set(ips.filter((ip) => typeof ip === 'string'))],
    serviceAccount: stringOr(spec['serviceAccountName'], 'default'),
  };
}

/** Its containers have ended and never run again (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase). */
export function hasEnded(status: unknown): boolean {
  return isObject(status) && (status['phase'] === 'Succeeded' || status['phase'] === 'Failed');
}

/** Of several TCP ports with one name only the last counts. */
export function readExternalWorkload(resource: Resource): Workload {
  const spec = isObject(resource.spec) ? resource.spec : {};
  const named = tcpPorts({ ports: spec['ports'] }, 'port');
  const portNames = new Map<string, number[]>();
  for (const { name, port } of named) if (name !== null) portNames.set(name, [port]);
  return {
    ...common(resource, 'ExternalWorkload'),
    meshed: true,
    portNames,
    ports: [...new Set(named.map((p) => p.port))],
    probes: new Map(),
    ips: listOf(spec['workloadIPs'])
      .map((ip) => (isObject(ip) ? ip['ip'] : null))
      .filter((ip) => typeof ip === 'string'),
    serviceAccount: '',
  };
}

function common(resource: Resource, kind: Workload['kind']) {
  const labels = resource.metadata.labels ?? {};
  return {
    kind,
    ref: refOf(resource),
    resource,
    labels,
    meshed: Object.hasOwn(labels, CONTROL_PLANE_LABEL),
    settings: readSettings(resource.metadata.annotations ?? {}),
  };
}

function readSettings(annotations: Readonly<Record<string, string>>): WorkloadSettings {
  const policyText = annotations[ANNOTATION.defaultInboundPolicy];
  const defaultPolicy = policyText === undefined ? null : parseDefaultPolicy(policyText);
  const opaque = readPortList(annotations[ANNOTATION.opaquePorts]);
  const requireIdentity = readPortList(annotations[ANNOTATION.requireIdentityPorts]);
  const ignored = (name: string, ports: unknown) => (ports === null ? [`${name}: ${annotations[name]}`] : []);
  return {
    defaultPolicy,
    ignoredDefaultPolicy: policyText !== undefined && defaultPolicy === null ? policyText : null,
    opaquePorts: opaque ?? NO_PORTS,
    requireIdentityPorts: requireIdentity ?? NO_PORTS,
    ignoredPortLists: [...ignored(ANNOTATION.opaquePorts, opaque), ...ignored(ANNOTATION.requireIdentityPorts, requireIdentity)],
  };
}

const NO_PORTS: ReadonlySet<number> = new Set();

/** Reads `80, 443,8000-8010`; one bad item spoils the whole list (null). */
export function readPortList(text: string | undefined): ReadonlySet<number> | null {
  if (text === undefined) return NO_PORTS;
  const ports = new Set<number>();
  for (const item of text.split(',')) {
    if (item.trim() === '') continue;
    const [first, last, ...rest] = item.split('-').map((part) => readPort(part.trim()));
    if (first === undefined || first === null || last === null || rest.length > 0) return null;
    if (last !== undefined && last < first) return null;
    for (let port = first; port <= (last ?? first); port++) ports.add(port);
  }
  return ports;
}

function readPort(text: string): number | null {
  const port = /^\+?\d{1,8}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : null;
}

/** Paths by port; Linkerd looks at the path alone, also where the probe is HTTPS. */
function httpProbes(containers: readonly Readonly<Record<string, unknown>>[]): ReadonlyMap<number, readonly string[]> {
  const byPort = new Map<number, Set<string>>();
  for (const { type, port, path } of probesOf(containers))
    if (type === 'httpGet') byPort.set(port, (byPort.get(port) ?? new Set()).add(path));
  return new Map([...byPort].map(([port, paths]) => [port, [...paths].sort()]));
}
