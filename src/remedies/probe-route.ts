/** The kubelet is let in on the paths of its probes: the first route of a Server ends the one that Linkerd makes for them. */
import { POLICY_GROUP } from '../policy/authorization-policy.ts';
import { listOf } from '../policy/reading.ts';
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
    return changes.length === 0
      ? []
      : [{ title: `Let the kubelet in on ${pathsOf(plea.pod, plea.port).join(', ')} by a route of its own.`, changes }];
  },
};

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
  const name = (kind: string) => freeName(snapshot, kind, namespace, server.name, 'probes');
  const route = made('HTTPRoute', namespace, name('HTTPRoute'), {
    parentRefs: [{ group: POLICY_GROUP, kind: 'Server', name: server.name }],
    rules: [{ matches: paths.map((value) => ({ path: { type: 'Exact', value }, method: 'GET' })) }],
  });
  const nodesOnly = made('NetworkAuthentication', namespace, name('NetworkAuthentication'), { networks: nodes.map((cidr) => ({ cidr })) });
  const policy = made('AuthorizationPolicy', namespace, name('AuthorizationPolicy'), {
    targetRef: refTo({ group: POLICY_GROUP, kind: 'HTTPRoute', name: route.metadata.name }),
    requiredAuthenticationRefs: [refTo({ group: POLICY_GROUP, kind: 'NetworkAuthentication', name: nodesOnly.metadata.name })],
  });
  return [{ apply: route }, { apply: nodesOnly }, { apply: policy }];
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
