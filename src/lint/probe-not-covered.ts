import { showProtocol } from '../policy/wording.ts';
import { effectOf, nameWorkload } from './effect.ts';
import type { LintRule } from './rule.ts';
import { isProbeAllowed, portsServed, probesAt, readServers, showFailing } from './servers.ts';

export const probeNotCovered: LintRule = {
  code: 'probe-not-covered',
  title: 'a Server closes its port to the kubelet’s probes',
  *check({ resources, snapshot }) {
    for (const { object, server } of readServers(snapshot, resources)) {
      for (const served of portsServed(snapshot, server)) {
        const { pod, port, policy } = served;
        const hasRoutes = (policy.routes ?? []).some((route) => route.object !== null);
        const isHttp = policy.routes !== null;
        const refused = probesAt(pod, port).filter((probe) => {
          // What a route took away, and HTTP/1 before HTTP/2, are codes of their own.
          if (probe.type === 'httpGet' && !probe.isTls && isHttp && (hasRoutes || policy.protocol !== 'detect')) return false;
          return !isProbeAllowed(served, probe);
        });
        const [closed] = refused;
        if (closed === undefined) continue;
        const { which, consequence } = showFailing(refused);
        const what = closed.type === 'httpGet' ? `${closed.isTls ? 'HTTPS' : 'HTTP'} probe ${closed.path}` : `${closed.type} probe`;
        yield {
          severity: 'error',
          object,
          path: ['spec', 'proxyProtocol'],
          problem: `The ${what} on port ${port} of ${nameWorkload(snapshot, pod)} is not covered by the route that Linkerd makes for probes: ${isHttp ? 'that is for plain HTTP alone' : `a Server of protocol ${showProtocol(policy.protocol)} has no routes`}.`,
          effect: `The kubelet has no identity and is refused (${which}). The pods fail: ${consequence}. ${effectOf(snapshot, object)}`,
          right:
            'An AuthorizationPolicy on this Server that requires a NetworkAuthentication of the nodes; or a port of its own for probes.',
          edits: [],
        };
        break;
      }
    }
  },
};
