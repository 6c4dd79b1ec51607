/**
 * What is read of a cluster, and nothing else: the rights that denywhy needs follow from this table alone. What is kept of each object stands in
 * policy/kept.ts.
 */

export interface WatchedKind {
  /** Empty for core kinds. */
  readonly group: string;
  readonly kind: string;
  /** As it stands in paths and in RBAC rules. */
  readonly resource: string;
  /** The first that is served is taken. */
  readonly versions: readonly string[];
  /** Of objects in every namespace, or of none. */
  readonly isNamespaced: boolean;
  /** Only the objects of this name are read, in every namespace; null: all of them. */
  readonly name: string | null;
  /** True: a cluster without this kind is an ordinary one. */
  readonly isOptional: boolean;
}

export const WATCHED_KINDS: readonly WatchedKind[] = [
  // Who is denied, and where: pods, whose they are, and what their annotations and those of their namespaces say.
  ...core('Namespace', 'namespaces', { isNamespaced: false }),
  ...core('Node', 'nodes', { isNamespaced: false }),
  ...core('Pod', 'pods'),
  ...core('Service', 'services'),
  ...core('ServiceAccount', 'serviceaccounts'),
  ...core('ReplicationController', 'replicationcontrollers'),
  ...of('apps', ['v1'], { Deployment: 'deployments', ReplicaSet: 'replicasets', StatefulSet: 'statefulsets', DaemonSet: 'daemonsets' }),
  ...of('batch', ['v1'], { Job: 'jobs', CronJob: 'cronjobs' }),
  ...of('discovery.k8s.io', ['v1'], { EndpointSlice: 'endpointslices' }),
  ...of('networking.k8s.io', ['v1'], { NetworkPolicy: 'networkpolicies' }),
  ...of('workload.linkerd.io', ['v1beta1', 'v1alpha1'], { ExternalWorkload: 'externalworkloads' }, { isOptional: true }),
  // Linkerd's settings. Those of the policy controller are arguments in Deployment linkerd-destination, which is among the Deployments.
  ...core('ConfigMap', 'configmaps', { name: 'linkerd-config' }),
  // The policy.
  ...of('policy.linkerd.io', ['v1beta3', 'v1beta2', 'v1beta1', 'v1alpha1'], { Server: 'servers', HTTPRoute: 'httproutes' }),
  ...of('policy.linkerd.io', ['v1beta1', 'v1alpha1'], { ServerAuthorization: 'serverauthorizations' }),
  ...of('policy.linkerd.io', ['v1alpha1'], {
    AuthorizationPolicy: 'authorizationpolicies',
    MeshTLSAuthentication: 'meshtlsauthentications',
    NetworkAuthentication: 'networkauthentications',
  }),
  ...of(
    'policy.linkerd.io',
    ['v1alpha1'],
    { HTTPLocalRateLimitPolicy: 'httplocalratelimitpolicies', EgressNetwork: 'egressnetworks' },
    { isOptional: true },
  ),
  ...of('gateway.networking.k8s.io', ['v1', 'v1beta1'], { HTTPRoute: 'httproutes' }, { isOptional: true }),
  ...of('gateway.networking.k8s.io', ['v1', 'v1alpha2'], { GRPCRoute: 'grpcroutes' }, { isOptional: true }),
  // Who counts denials, loads the rules, and passes alerts on.
  ...of(
    'monitoring.coreos.com',
    ['v1'],
    { Prometheus: 'prometheuses', PrometheusRule: 'prometheusrules', Alertmanager: 'alertmanagers' },
    { isOptional: true },
  ),
];

type Differing = Partial<Pick<WatchedKind, 'isNamespaced' | 'name' | 'isOptional'>>;

function core(kind: string, resource: string, differing: Differing = {}): readonly WatchedKind[] {
  return of('', ['v1'], { [kind]: resource }, differing);
}

function of(
  group: string,
  versions: readonly string[],
  kinds: Readonly<Record<string, string>>,
  differing: Differing = {},
): readonly WatchedKind[] {
  return Object.entries(kinds).map(([kind, resource]) => ({
    ...{ group, kind, resource, versions, isNamespaced: true, name: null, isOptional: false },
    ...differing,
  }));
}

/** `servers.policy.linkerd.io`, as kubectl writes it. */
export function nameOfKind({ group, resource }: Pick<WatchedKind, 'group' | 'resource'>): string {
  return group === '' ? resource : `${resource}.${group}`;
}
