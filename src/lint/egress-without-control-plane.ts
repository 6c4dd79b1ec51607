import type { PolicyRule } from '../policy/network-policy.ts';
import type { Resource } from '../policy/resource.ts';
import { isObject, selects } from '../policy/selector.ts';
import { namespaceIndex, resourcesOfKind, type Snapshot, withChanges } from '../policy/snapshot.ts';
import { CONTROL_PLANE_LABEL, type Workload } from '../policy/workload.ts';
import { nameWorkload } from './effect.ts';
import type { Draft } from './finding.ts';
import { isolatedBy, networkPoliciesIn, networkSays } from './networks.ts';
import { some } from './objects.ts';
import type { LintRule } from './rule.ts';

/** What every proxy dials (linkerd2 `charts/linkerd-control-plane/templates`). */
const NEEDED: readonly (readonly [component: string, port: number, what: string])[] = [
  ['destination', 8086, '8086 (destination)'],
  ['destination', 8090, '8090 (policy)'],
  ['identity', 8080, '8080 (identity)'],
];

export const egressWithoutControlPlane: LintRule = {
  code: 'egress-without-control-plane',
  title: 'a NetworkPolicy cuts proxies off from their control plane or DNS',
  *check({ resources, snapshot }) {
    const policies = networkPoliciesIn(resources).filter(({ policy }) => policy.egress !== null);
    if (policies.length === 0) return;
    const whole = withControlPlane(snapshot);
    const all = networkPoliciesIn([
      ...resourcesOfKind(snapshot, 'networking.k8s.io', 'NetworkPolicy', '').values(),
      ...policiesOf(snapshot),
    ]);
    const said = new Set<string>();
    for (const read of policies) {
      const byCut = new Map<string, { readonly cut: readonly string[]; readonly names: string[] }>();
      for (const pod of isolatedBy(snapshot, read)) {
        const key = `${pod.ref.namespace} ${nameWorkload(snapshot, pod)}`;
        const rules = all
          .filter(({ policy }) => policy.ref.namespace === pod.ref.namespace && selects(policy.podSelector, pod.labels))
          .flatMap(({ policy }) => policy.egress ?? []);
        const cut = [
          ...NEEDED.filter(([component, port]) => !reaches(whole, pod, component, port)).map(([, , what]) => what),
          ...(allowsDns(rules) ? [] : ['53 (DNS)']),
        ];
        if (cut.length === 0 || said.has(key)) continue;
        said.add(key);
        const known = byCut.get(cut.join());
        if (known === undefined) byCut.set(cut.join(), { cut, names: [nameWorkload(snapshot, pod)] });
        else known.names.push(nameWorkload(snapshot, pod));
      }
      for (const { cut, names } of byCut.values()) yield findingOf(snapshot, read.object, cut, names);
    }
  },
};

function findingOf({ info }: Snapshot, object: Resource, cut: readonly string[], names: readonly string[]): Draft {
  const isWithoutIdentity = cut.some((what) => what.startsWith('8080'));
  return {
    severity: 'error',
    object,
    path: ['spec', 'egress'],
    problem: `It isolates ${some(names, 5)}, and no NetworkPolicy lets the proxies there out to ${some(cut, 4)}.`,
    effect: isWithoutIdentity
      ? 'Pods cannot get a certificate: they do not become ready after the next restart.'
      : 'Proxies do not learn of changes: they go on with the last policy and the last addresses, and new pods do not become ready.',
    right: `Egress to namespace ${info.controlPlaneNamespace} (kubernetes.io/metadata.name) on TCP 8080, 8086 and 8090, and to DNS on UDP and TCP 53`,
    edits: [],
  };
}

function policiesOf(snapshot: Snapshot): readonly Resource[] {
  return [...snapshot.namespaces.keys()].flatMap((namespace) => [
    ...resourcesOfKind(snapshot, 'networking.k8s.io', 'NetworkPolicy', namespace).values(),
  ]);
}

function reaches(snapshot: Snapshot, pod: Workload, component: string, port: number): boolean {
  const servers = [...namespaceIndex(snapshot, snapshot.info.controlPlaneNamespace).workloads.values()];
  const server = servers.find(({ value }) => value?.labels['linkerd.io/control-plane-component'] === component)?.value;
  return server == null || networkSays(snapshot, pod, server, port, false, 'egress')?.verdict !== 'deny';
}

/** Of whatever peer: where DNS runs is nothing that objects tell for sure. */
function allowsDns(rules: readonly PolicyRule[]): boolean {
  return rules.some(
    ({ ports }) =>
      ports.length === 0 || ports.some(({ protocol, port }) => protocol === 'UDP' && (port === null || port === 53 || port === 'dns')),
  );
}

/** Where the control plane is not among the objects: as linkerd install makes it. */
function withControlPlane(snapshot: Snapshot): Snapshot {
  const namespace = snapshot.info.controlPlaneNamespace;
  const known = namespaceIndex(snapshot, namespace).workloads;
  const hasComponents = [...known.values()].some(
    ({ value }) => value !== null && Object.hasOwn(value.labels, 'linkerd.io/control-plane-component'),
  );
  if (hasComponents) return snapshot;
  const isThere = isObject(resourcesOfKind(snapshot, '', 'Namespace', '').get(namespace));
  const labels = { [CONTROL_PLANE_LABEL]: namespace, 'linkerd.io/is-control-plane': 'true' };
  const made: Resource = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, namespace: '', labels } };
  const pods = ['destination', 'identity'].map(
    (component): Resource => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `linkerd-${component}`,
        namespace,
        labels: { [CONTROL_PLANE_LABEL]: namespace, 'linkerd.io/control-plane-component': component },
      },
      spec: { containers: [] },
    }),
  );
  return withChanges(snapshot, [...(isThere ? [] : [{ apply: made }]), ...pods.map((apply) => ({ apply }))]);
}
