/** Whether somebody enforces NetworkPolicy: no object says so, but the network plugin's DaemonSet tells who runs. */
import { networkPlugin } from '../access/network-plugin.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import { type CheckLine, count, line } from './check-line.ts';

/** `isWhole`: the DaemonSets of every namespace are among the objects. */
export function checkNetwork(snapshot: Snapshot, isWhole: boolean): CheckLine {
  const namespaces = [...snapshot.namespaces.keys()];
  const policies = namespaces.reduce((n, ns) => n + resourcesOfKind(snapshot, 'networking.k8s.io', 'NetworkPolicy', ns).size, 0);
  const there = policies === 0 ? 'there is none' : `there ${policies === 1 ? 'is' : 'are'} ${count(policies, 'object')}`;
  const best = networkPlugin(snapshot);
  if (best?.enforces === true)
    return line('network', 'network-policy', 'ok', `NetworkPolicy is enforced by ${best.plugin} (DaemonSet ${best.daemonSet}); ${there}`);
  if (best?.enforces === false && policies > 0)
    return line(
      'network',
      'network-policy',
      'failed',
      `NetworkPolicy: ${there}, and ${best.plugin} (DaemonSet ${best.daemonSet}) enforces none`,
      'Only Linkerd’s policy protects; install a plugin that enforces NetworkPolicy, or remove objects that promise what nobody keeps.',
    );
  if (best === null)
    return line(
      'network',
      'network-policy',
      'unknown',
      `NetworkPolicy: no CNI known to enforce it was found; ${there}`,
      ...(isWhole
        ? ['Your provider’s documentation says whether it enforces NetworkPolicy.']
        : ['Add the DaemonSets: kubectl get ds -A -o yaml']),
    );
  return line(
    'network',
    'network-policy',
    'unknown',
    `NetworkPolicy: ${best.plugin} (DaemonSet ${best.daemonSet}) enforces it only where it was set up to; ${there}`,
  );
}
