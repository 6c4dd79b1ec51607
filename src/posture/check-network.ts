/** Whether somebody enforces NetworkPolicy: no object says so, but the network plugin's DaemonSet tells who runs. */
import { listOf } from '../policy/reading.ts';
import { isObject } from '../policy/selector.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import { type CheckLine, count, line } from './check-line.ts';

interface Plugin {
  /** Of the DaemonSet, or of one of its containers. */
  readonly names: readonly string[];
  readonly plugin: string;
  /** null: it depends on how it was set up. */
  readonly enforces: boolean | null;
}

const PLUGINS: readonly Plugin[] = [
  { names: ['calico-node', 'canal', 'rke2-canal'], plugin: 'Calico', enforces: true },
  { names: ['cilium', 'cilium-agent', 'anetd'], plugin: 'Cilium', enforces: true },
  { names: ['antrea-agent'], plugin: 'Antrea', enforces: true },
  { names: ['weave-net'], plugin: 'Weave Net', enforces: true },
  { names: ['kube-router'], plugin: 'kube-router', enforces: true },
  { names: ['ovnkube-node'], plugin: 'OVN-Kubernetes', enforces: true },
  { names: ['azure-npm'], plugin: 'Azure NPM', enforces: true },
  { names: ['aws-node'], plugin: 'Amazon VPC CNI', enforces: null },
  { names: ['kindnet', 'kindnet-cni'], plugin: 'kindnet', enforces: null },
  { names: ['kube-flannel', 'kube-flannel-ds'], plugin: 'Flannel', enforces: false },
];

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

/** The one that runs. Where several do, one that enforces is enough (Canal: Calico beside Flannel). null: none that is known. */
export function networkPlugin(snapshot: Snapshot): (Plugin & { readonly daemonSet: string }) | null {
  const found = [...snapshot.namespaces.keys()].flatMap((namespace) =>
    [...resourcesOfKind(snapshot, 'apps', 'DaemonSet', namespace)].flatMap(([name, { spec }]) => {
      const plugin = pluginOf([name, ...containerNames(spec)]);
      return plugin === undefined ? [] : [{ ...plugin, daemonSet: `${namespace}/${name}` }];
    }),
  );
  return found.toSorted((a, b) => rank(b) - rank(a))[0] ?? null;
}

function rank({ enforces }: Plugin): number {
  return enforces === true ? 2 : enforces === null ? 1 : 0;
}

function pluginOf(names: readonly string[]): Plugin | undefined {
  return PLUGINS.find((plugin) => names.some((name) => plugin.names.includes(name)));
}

function containerNames(spec: unknown): readonly string[] {
  const template = isObject(spec) ? spec['template'] : null;
  const pod = isObject(template) ? template['spec'] : null;
  const containers = isObject(pod) ? listOf(pod['containers']).filter(isObject) : [];
  return containers.map(({ name }) => name).filter((name) => typeof name === 'string');
}
