/** The kubelet is let in by the addresses of the nodes on a whole Server: for probes that no route of their own takes. */
import { showRef } from '../policy/resource.ts';
import type { Asking, Kind } from './plea.ts';
import { nodesOn } from './probe-route.ts';

export const admitNodes: Kind<Asking> = {
  id: 'network-authentication',
  candidates({ snapshot, law }) {
    const { server } = law.evaluation.policy;
    const changes = server === null ? [] : nodesOn(snapshot, server, 'nodes');
    if (server === null || changes.length === 0) return [];
    return [
      {
        title: `Authorize the addresses of the nodes on ${showRef(server)}, for the kubelet’s probes.`,
        changes,
        widens:
          'All that comes from a node gets in on the whole port. A route for the probe alone is narrower, where the Server has routes.',
      },
    ];
  },
};
