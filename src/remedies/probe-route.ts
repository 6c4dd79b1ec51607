/** The kubelet is let in on the paths of its probes: the first route of a Server ends the one that Linkerd makes for them. */
import { GATEWAY_GROUP, POLICY_GROUP } from '../policy/authorization-policy.ts';
import { probesOfPod } from '../policy/probes.ts';
import { listOf } from '../policy/reading.ts';
import { type ObjectRef, type Resource, refOf } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { type ObjectChange, resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { freeName, made, narrowest, refTo } from './objects.ts';
import { type Asking, after, type Candidate, type Kind } from './plea.ts';

export const probeRoute: Kind<Asking> = {
  id: 'probe-route',
  candidates(plea) {
    const { server } = plea.law.evaluation.policy;
    const changes = server === null ? [] : routeForProbes(plea.snapshot, plea.pod, plea.port, server);
    const byPath = `Let the kubelet in on ${pathsOf(plea.pod, plea.port).join(', ')} by a route of its own.`;
    return [...(changes.length === 0 ? [] : [{ title: byPath, changes }]), ...healthRoute(plea)];
  },
};

/** The gRPC health check alone, in the kind of route that the Server has: one with GRPCRoutes looks at no other. */
function healthRoute({ snapshot, pod, port, law }: Asking): readonly Candidate[] {
  const { server, routes } = law.evaluation.policy;
  const probe = probesOfPod(pod.resource.spec).find((one) => one.type === 'grpc' && one.port === port);
  const nodes = nodeNetworks(snapshot);
  if (server === null || probe === undefined || nodes.length === 0) return [];
  const { namespace } = server;
  const isGrpc = routes?.some(({ rules, object }) => object !== null && rules.type === 'grpc') === true;
  const kind = isGrpc ? 'GRPCRoute' : 'HTTPRoute';
  const name = freeName(snapshot, kind, namespace, server.name, 'health');
  const parentRefs = [{ group: POLICY_GROUP, kind: 'Server', name: server.name }];
  const [, service, method] = probe.path.split('/');
  const route: Resource = isGrpc
    ? {
        apiVersion: `${GATEWAY_GROUP}/v1`,
        kind,
        metadata: { name, namespace },
        spec: { parentRefs, rules: [{ matches: [{ method: { service, method } }] }] },
      }
    : made('HTTPRoute', namespace, name, {
        parentRefs,
        rules: [{ matches: [{ path: { type: 'Exact', value: probe.path }, method: 'POST' }] }],
      });
  const grant = nodesOn(snapshot, refOf(route));
  return [{ title: 'Let the kubelet in on its gRPC health check by a route of its own.', changes: [{ apply: route }, ...grant] }];
}

/** The nodes, on the whole of what is named. None where no node is known. */
export function nodesOn(snapshot: Snapshot, target: ObjectRef, ...suffix: readonly string[]): readonly ObjectChange[] {
  const nodes = nodeNetworks(snapshot);
  if (nodes.length === 0) return [];
  const { namespace } = target;
  const name = (kind: string) => freeName(snapshot, kind, namespace, target.name, ...suffix);
  const nodesOnly = made('NetworkAuthentication', namespace, name('NetworkAuthentication'), { networks: nodes.map((cidr) => ({ cidr })) });
  const policy = made('AuthorizationPolicy', namespace, name('AuthorizationPolicy'), {
    targetRef: refTo(target, namespace),
    requiredAuthenticationRefs: [refTo({ group: POLICY_GROUP, kind: 'NetworkAuthentication', name: nodesOnly.metadata.name })],
  });
  return [{ apply: nodesOnly }, { apply: policy }];
}

/** The candidate, and before it the same with a route for the probes, where the pod is probed on this port. */
export function withProbeRoute(plea: Asking, candidate: Candidate): readonly Candidate[] {
  const { policy, snapshot } = after(plea, candidate.changes);
  const { server } = policy;
  const more = server === null ? [] : routeForProbes(snapshot, plea.pod, plea.port, server);
  return more.length === 0 ? [candidate] : [{ ...candidate, changes: [...candidate.changes, ...more] }, candidate];
}

/** None where the pod is not probed there, or no node is known. */
export function routeForProbes(
  snapshot: Snapshot,
  pod: Workload,
  port: number,
  server: { readonly namespace: string; readonly name: string },
  paths: readonly string[] = pathsOf(pod, port),
): readonly ObjectChange[] {
  const nodes = nodeNetworks(snapshot);
  if (paths.length === 0 || nodes.length === 0) return [];
  const { namespace } = server;
  const route = made('HTTPRoute', namespace, freeName(snapshot, 'HTTPRoute', namespace, server.name, 'probes'), {
    parentRefs: [{ group: POLICY_GROUP, kind: 'Server', name: server.name }],
    rules: [{ matches: paths.map((value) => ({ path: { type: 'Exact', value }, method: 'GET' })) }],
  });
  return [{ apply: route }, ...nodesOn(snapshot, refOf(route))];
}

function pathsOf({ probes }: Workload, port: number): readonly string[] {
  return probes.get(port) ?? [];
}

/** Each node by itself: of the Node objects, else as pods name theirs. */
function nodeNetworks(snapshot: Snapshot): readonly string[] {
  const found = new Set<string>();
  for (const { status } of resourcesOfKind(snapshot, '', 'Node', '').values())
    for (const address of listOf(isObject(status) ? status['addresses'] : null).filter(isObject))
      if (address['type'] === 'InternalIP') found.add(String(address['address']));
  if (found.size === 0)
    for (const { workloads } of snapshot.namespaces.values())
      for (const { value } of workloads.values()) {
        const status = value?.resource.status;
        if (isObject(status) && typeof status['hostIP'] === 'string') found.add(status['hostIP']);
      }
  return [...found].sort().flatMap((ip) => narrowest(ip) ?? []);
}
