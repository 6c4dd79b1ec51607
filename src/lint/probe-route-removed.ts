import { objectKey, refOf } from '../policy/resource.ts';
import { nameWorkload } from './effect.ts';
import type { LintRule } from './rule.ts';
import { declaredPorts, isProbeAllowed, probesAt, showFailing } from './servers.ts';

export const probeRouteRemoved: LintRule = {
  code: 'probe-route-removed',
  title: 'the first route of a Server removes the kubelet’s probe route',
  *check({ resources, snapshot }) {
    const routes = resources.filter(({ kind }) => kind === 'HTTPRoute' || kind === 'GRPCRoute');
    const said = new Set<string>();
    for (const served of declaredPorts(
      snapshot,
      routes.map(({ metadata }) => metadata.namespace),
    )) {
      const { pod, port, policy } = served;
      const attached = new Set((policy.routes ?? []).flatMap((route) => (route.object === null ? [] : [objectKey(route.object)])));
      const object = routes.find((route) => attached.has(objectKey(refOf(route))));
      if (object === undefined) continue;
      const closed = probesAt(pod, port).filter((probe) => probe.type === 'httpGet' && !probe.isTls && !isProbeAllowed(served, probe));
      const [probe] = closed;
      const key = `${object.metadata.name} ${nameWorkload(snapshot, pod)} ${port}`;
      if (probe === undefined || said.has(key)) continue;
      said.add(key);
      const { which, consequence } = showFailing(closed);
      yield {
        severity: 'error',
        object,
        path: ['spec', 'rules'],
        problem: `The kubelet probes port ${port} of ${nameWorkload(snapshot, pod)} (${which}). Linkerd makes a route for that, until the first route of the Server takes its place.`,
        effect: `GET ${probe.path} from the node is refused. The pods of ${nameWorkload(snapshot, pod)} fail as soon as the route is there: ${consequence}.`,
        right: `A route for the probe (Exact ${probe.path}, method GET) of Server ${policy.server?.name ?? ''}, and an AuthorizationPolicy on it that requires a NetworkAuthentication of the nodes`,
        edits: [],
      };
    }
  },
};
