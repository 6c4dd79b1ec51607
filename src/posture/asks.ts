/** Where what is lacking is to be had, in the words of the one who answers: options of the command, settings of the service. */
export interface Asks {
  /** A Prometheus to be asked for targets, rules and retention. */
  readonly prometheus: string;
  readonly traffic: string;
  readonly history: string;
  readonly defaultPolicy: string;
  /** Objects of these resources, in every namespace or in the one given, quoted for a shell. */
  readonly objects: (resources: string, namespace: string | null) => string;
}

const get = (resources: string, namespace: string | null) =>
  `kubectl get ${resources} ${namespace === null ? '-A' : `-n ${namespace}`} -o yaml`;

/** `denywhy posture` of files. */
export const ASKS_OF_FILES: Asks = {
  prometheus: '--prometheus URL',
  traffic: '--metrics or --logs, or a live cluster',
  history: 'a history of the policy: denywhy serve records one, and --cluster takes a watch’s output',
  defaultPolicy: `${get('deploy/linkerd-destination configmap/linkerd-config', 'linkerd')}, or --default-inbound-policy`,
  objects: get,
};

/** `denywhy posture` of a live cluster: its objects have been read. */
export const ASKS_OF_CLUSTER: Asks = {
  ...ASKS_OF_FILES,
  traffic: '--prometheus URL of one that reads these proxies, --metrics or --logs',
  defaultPolicy:
    'the right to read Deployment linkerd-destination and ConfigMap linkerd-config of namespace linkerd, or --default-inbound-policy',
  objects: (resources) => `${resources} of the cluster were read, and none tells`,
};

/** `GET /api/v1/posture`: settings by their names in the file, and in the environment. */
export const ASKS_OF_SERVICE: Asks = {
  prometheus: 'prometheus.url of the service (DENYWHY_PROMETHEUS_URL)',
  traffic: 'prometheus.url of the service, logs.follow, or POST /api/v1/metrics and /api/v1/logs; it keeps what it sees from then on',
  history: 'a history of the policy: the service records one from its start, of what kubernetes.watch or cluster.manifests show it',
  defaultPolicy:
    'Deployment linkerd-destination and ConfigMap linkerd-config of namespace linkerd, by kubernetes.watch or in cluster.manifests',
  objects: (resources) => `${resources}, by kubernetes.watch or in cluster.manifests of the service`,
};
