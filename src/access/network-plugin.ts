/** Which network plugin runs: no object says whether NetworkPolicy is enforced, but its DaemonSet tells. */
import { memo } from '../policy/memo.ts';
import { listOf } from '../policy/reading.ts';
import { isObject } from '../policy/selector.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';

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

/** The one that runs. Where several do, one that enforces is enough (Canal: Calico beside Flannel). null: none that is known. */
export const networkPlugin = memo((snapshot: Snapshot): NetworkPlugin | null => {
  const found = [...snapshot.namespaces.keys()].flatMap((namespace) =>
    [...resourcesOfKind(snapshot, 'apps', 'DaemonSet', namespace)].flatMap(([name, { spec }]) => {
      const plugin = pluginOf([name, ...containerNames(spec)]);
      return plugin === undefined ? [] : [{ ...plugin, daemonSet: `${namespace}/${name}` }];
    }),
  );
  return found.toSorted((a, b) => rank(b) - rank(a))[0] ?? null;
});

export type NetworkPlugin = Plugin & { readonly daemonSet: string };

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
