/** Servers, and the pods and ports that they take. */
import { UNMESHED } from '../access/can.ts';
import { probesOf } from '../access/standing.ts';
import { evaluate } from '../policy/evaluate.ts';
import type { InboundServer } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { injectionDecision } from '../policy/injection.ts';
import { type Probe, type ProbeKind, probesOfPod } from '../policy/probes.ts';
import { objectKey, type Resource, refOf } from '../policy/resource.ts';
import { selects } from '../policy/selector.ts';
import type { Server } from '../policy/server.ts';
import { namespaceIndex, resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { meshedIn, podsIn } from './effect.ts';
import { policiesOf, some } from './objects.ts';

/** Those of the objects that Linkerd can read. */
export function* readServers(
  snapshot: Snapshot,
  resources: readonly Resource[],
): Generator<{ readonly object: Resource; readonly server: Server }> {
  for (const object of policiesOf(resources, 'Server')) {
    const entries = namespaceIndex(snapshot, object.metadata.namespace).servers;
    const server = entries.get(`policy.linkerd.io/Server/${object.metadata.name}`)?.value;
    if (server != null) yield { object, server };
  }
}

/** Pods (or ExternalWorkloads) whose labels it selects, with a proxy or without. */
export function podsOfServer(snapshot: Snapshot, server: Server): readonly Workload[] {
  return podsIn(snapshot, server.ref.namespace).filter((pod) => pod.kind === server.selects && selects(server.selector, pod.labels));
}

export function portsTaken({ port }: Server, pod: Workload): readonly number[] {
  return typeof port === 'number' ? [port] : (pod.portNames.get(port) ?? []);
}

export interface ServedPort {
  readonly pod: Workload;
  readonly port: number;
  readonly policy: InboundServer;
}

/** The ports that the Server really takes of meshed pods, one for each policy that comes out. */
export function portsServed(snapshot: Snapshot, server: Server): readonly ServedPort[] {
  const found = new Map<string, ServedPort>();
  for (const pod of podsOfServer(snapshot, server)) {
    if (!pod.meshed) continue;
    for (const port of portsTaken(server, pod)) {
      const policy = inboundServer(snapshot, pod, port);
      const key = `${port} ${pod.labels['app'] ?? pod.ref.name} ${pod.serviceAccount}`;
      if (policy.server?.name === server.ref.name && !found.has(key)) found.set(key, { pod, port, policy });
    }
  }
  return [...found.values()];
}

/** Every Server-less and served port of the meshed pods of these namespaces. */
export function declaredPorts(snapshot: Snapshot, namespaces: Iterable<string>): readonly ServedPort[] {
  return [...new Set(namespaces)].flatMap((namespace) =>
    meshedIn(snapshot, namespace).flatMap((pod) => pod.ports.map((port) => ({ pod, port, policy: inboundServer(snapshot, pod, port) }))),
  );
}

/** Probes of this port. */
export function probesAt(pod: Workload, port: number): readonly Probe[] {
  return probesOfPod(pod.resource.spec).filter((probe) => probe.port === port);
}

/** Whether the kubelet's request is let in; on a port without HTTP it is a connection. */
export function isProbeAllowed({ pod, policy, port }: ServedPort, probe: Probe): boolean {
  const tcp = { type: 'tcp' } as const;
  const isHttp = probe.type === 'httpGet' && !probe.isTls && policy.routes !== null;
  const own = probesOf(pod).find((standing) => standing.port === port && standing.request.text === `GET ${probe.path}`);
  const traffic = isHttp && own !== undefined ? own.request.traffic : tcp;
  const { verdict } = evaluate(policy, { clientIp: own?.caller.ip ?? null, tls: UNMESHED }, traffic);
  return verdict !== 'deny' && verdict !== 'route_not_found';
}

const FAILING: Readonly<Record<ProbeKind, string>> = {
  startupProbe: 'the kubelet kills their containers before they have started',
  livenessProbe: 'the kubelet restarts their containers again and again',
  readinessProbe: 'they become unready, and then no client reaches them',
};

/** `the readinessProbe /health` and `they become unready…`: which ones fail, and what the kubelet does then. */
export function showFailing(probes: readonly Probe[]): { readonly which: string; readonly consequence: string } {
  const named = probes.map(({ kind, type, path }) => `${kind} ${type === 'httpGet' ? path : `by ${type}`}`);
  const kinds = new Set(probes.map(({ kind }) => kind));
  const [first = ''] = named;
  const which = [...new Set(named)];
  const consequence = Object.entries(FAILING).flatMap(([kind, what]) => (kinds.has(kind as ProbeKind) ? [what] : []));
  return { which: which.length === 1 ? first : some(which, 4), consequence: consequence.join('; ') };
}

/** A set of the objects, to ask whether one is among them. */
export function keysOf(resources: readonly Resource[]): ReadonlySet<string> {
  return new Set(resources.map((resource) => objectKey(refOf(resource))));
}

/** Why a pod without a proxy has none. null: the annotation may stand on a Namespace that is not among the objects. */
export function whyWithoutProxy(snapshot: Snapshot, { ref, resource }: Workload, isWhole: boolean): string | null {
  const namespace = resourcesOfKind(snapshot, '', 'Namespace', '').get(ref.namespace) ?? null;
  const isAsked = Object.hasOwn(resource.metadata.annotations ?? {}, 'linkerd.io/inject');
  const isOfNode = (resource.spec as { readonly hostNetwork?: unknown } | undefined)?.hostNetwork === true;
  if (!isWhole && namespace === null && !isAsked && !isOfNode) return null;
  const decision = injectionDecision(resource, namespace);
  return decision.inject ? 'it was made before one was asked for, and takes it when it is made anew' : decision.why;
}
