/**
 * What the law and its explanation read of an object. The rest is most of a cluster's bytes (environments, volumes, managed fields) and most of
 * its changes (heartbeats, restarts), which are no changes of the policy.
 */
import { kindOf } from './kinds.ts';
import { listOf } from './reading.ts';
import { type FieldManager, groupOf, type Metadata, type Resource } from './resource.ts';
import { isObject } from './selector.ts';
import { hasEnded } from './workload.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The same object without what is never read; null: of its kind nothing is. Reading it gives what reading the whole gives. */
export function keptOf(resource: Resource): Resource | null {
  const group = groupOf(resource.apiVersion);
  const groupKind = `${group}/${resource.kind}`;
  const read = READ.get(groupKind);
  if (read === undefined && kindOf(groupKind) === null && !WHOLE.has(groupKind)) return null;
  const { apiVersion, kind, spec, status, data, origin } = resource;
  const parts = read?.(resource) ?? { spec, status, data };
  return {
    apiVersion,
    kind,
    metadata: metadataOf(resource.metadata, read !== undefined, OF_PODS.has(groupKind) || groupKind === '/Node'),
    ...defined(parts),
    ...(origin === undefined ? {} : { origin }),
  };
}

/** True when the two say the same, whoever wrote it, and however often. */
export function isSameContent(a: Resource, b: Resource): boolean {
  return contentOf(a) === contentOf(b);
}

/** What an object says, as text that is the same for the same; not where it stands, nor who wrote it. */
export function contentOf({ origin: _, metadata, ...rest }: Resource): string {
  const { resourceVersion: __, generation: ___, managedFields: ____, ...said } = metadata;
  return JSON.stringify([said, rest]);
}

/** What of an object a verdict can turn on, as text that is the same for the same: a pod's readiness decides nothing. */
export function decidingContentOf(resource: Resource): string {
  const kept = keptOf(resource) ?? resource;
  if (kept.kind !== 'Pod' || !isObject(kept.status)) return contentOf(kept);
  const { conditions: _, ...status } = kept.status;
  return contentOf({ ...kept, status });
}

/** Small, and whoever reads them reads all of them. */
const WHOLE: ReadonlySet<string> = new Set([
  'networking.k8s.io/NetworkPolicy',
  'policy.linkerd.io/EgressNetwork',
  'monitoring.coreos.com/Prometheus',
  'monitoring.coreos.com/Alertmanager',
]);

/** Pods and what comes and goes with them: controllers write it, without anybody's decision about policy. */
const OF_PODS: ReadonlySet<string> = new Set(['/Pod', 'apps/ReplicaSet', 'batch/Job', 'discovery.k8s.io/EndpointSlice']);

export function isOfPods({ apiVersion, kind }: Pick<Resource, 'apiVersion' | 'kind'>): boolean {
  return OF_PODS.has(`${groupOf(apiVersion)}/${kind}`);
}

const OWN_MANAGERS: ReadonlySet<string> = new Set([
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'k3s',
  'cloud-controller-manager',
]);

interface Parts {
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly data?: unknown;
}

const ofTemplate = ({ spec }: Resource): Parts => templateParts(spec);

const READ: ReadonlyMap<string, (resource: Resource) => Parts> = new Map<string, (resource: Resource) => Parts>([
  ['/Pod', ({ spec, status }) => ({ spec: podSpec(spec), status: podStatus(status) })],
  ['/Namespace', () => ({})],
  ['/ServiceAccount', () => ({})],
  ['/Service', ({ spec }) => ({ spec })],
  ['/Node', ({ status }) => ({ status: pick(status, ['addresses']) })],
  ['/ConfigMap', ({ metadata, data }) => (metadata.name === 'linkerd-config' ? { data } : {})],
  ['/ReplicationController', ofTemplate],
  ['apps/Deployment', ofTemplate],
  ['apps/StatefulSet', ofTemplate],
  ['apps/DaemonSet', ofTemplate],
  // A former revision makes no pods: it only says whose its pods were.
  ['apps/ReplicaSet', ({ spec }) => (isObject(spec) && spec['replicas'] === 0 ? { spec: { replicas: 0 } } : templateParts(spec))],
  ['batch/Job', ({ spec, status }) => ({ ...templateParts(spec), status: conditionsOf(status) })],
  ['discovery.k8s.io/EndpointSlice', ({ data }) => ({ data: isObject(data) ? endpointsOf(data) : data })],
  ['monitoring.coreos.com/PrometheusRule', ({ spec }) => ({ spec: isObject(spec) ? ruleNames(spec) : spec })],
  ['batch/CronJob', ({ spec }) => ({ spec: isObject(spec) ? { jobTemplate: jobTemplate(spec['jobTemplate']) } : spec })],
]);

const NODE_ADDRESSES = ['hostIP', 'hostIPs'];
const ADDRESSES = ['podIP', 'podIPs', ...NODE_ADDRESSES];

/** Of the conditions whether it is ready, and since when: an unready pod is trouble that leaves no denial. */
function podStatus(status: unknown): unknown {
  if (hasEnded(status)) return pick(status, NODE_ADDRESSES);
  const kept = pick(status, ADDRESSES);
  const ready = isObject(status) ? listOf(status['conditions']).find((c) => isObject(c) && c['type'] === 'Ready') : undefined;
  return isObject(kept) && ready !== undefined ? { ...kept, conditions: [pick(ready, ['type', 'status', 'lastTransitionTime'])] } : kept;
}

/** Whether an endpoint is ready comes and goes. */
function endpointsOf({ addressType, endpoints, ports }: Fields): Fields {
  const kept = listOf(endpoints).map((endpoint) => pick(endpoint, ['addresses', 'targetRef', 'nodeName']));
  return defined({ addressType, endpoints: kept, ports });
}

/** What is loaded, by its name. */
function ruleNames({ groups }: Fields): Fields {
  const named = (rules: unknown) => listOf(rules).map((rule) => pick(rule, ['alert', 'record']));
  return { groups: listOf(groups).map((group) => (isObject(group) ? { name: group['name'], rules: named(group['rules']) } : group)) };
}

function templateParts(spec: unknown): Parts {
  return { spec: isObject(spec) ? templateSpec(spec) : spec };
}

function templateSpec(spec: Fields): Fields {
  const { selector, template } = spec;
  return defined({ selector, template: podTemplate(template) });
}

function jobTemplate(template: unknown): unknown {
  if (!isObject(template) || !isObject(template['spec'])) return template;
  return { spec: templateSpec(template['spec']) };
}

function podTemplate(template: unknown): unknown {
  if (!isObject(template)) return template;
  return defined({ metadata: pick(template['metadata'], ['labels', 'annotations']), spec: podSpec(template['spec']) });
}

function podSpec(spec: unknown): unknown {
  if (!isObject(spec)) return spec;
  const { initContainers, containers } = spec;
  const lists = { initContainers: containerList(initContainers), containers: containerList(containers) };
  return { ...(pick(spec, ['serviceAccountName', 'serviceAccount', 'nodeName', 'hostNetwork']) as Fields), ...defined(lists) };
}

function containerList(value: unknown): unknown {
  return Array.isArray(value) ? value.map((container) => (isObject(container) ? containerOf(container) : container)) : value;
}

const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'];

function containerOf(container: Fields): unknown {
  const probes = PROBES.map((name): [string, unknown] => [name, pick(container[name], ['httpGet', 'tcpSocket', 'grpc'])]);
  // The arguments of the policy controller are the cluster's settings.
  const own =
    container['name'] === 'policy' ? ['name', 'image', 'ports', 'restartPolicy', 'args'] : ['name', 'image', 'ports', 'restartPolicy'];
  return { ...(pick(container, own) as Fields), ...defined(Object.fromEntries(probes)) };
}

function conditionsOf(status: unknown): unknown {
  if (!isObject(status)) return status;
  return { conditions: listOf(status['conditions']).map((condition) => pick(condition, ['type', 'status'])) };
}

/** kubectl's copy of the whole object, which it writes on everything that it applies. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

function metadataOf(metadata: Metadata, isCut: boolean, isControllers: boolean): Metadata {
  const { resourceVersion, generation, managedFields, ...other } = metadata;
  const managers = isControllers ? managedFields?.filter(isByPerson) : managedFields;
  const rest: Metadata = {
    ...other,
    ...(isControllers ? {} : defined({ resourceVersion, generation })),
    ...(managers === undefined || managers.length === 0 ? {} : { managedFields: managers }),
  };
  if (!isCut || rest.annotations === undefined || !Object.hasOwn(rest.annotations, LAST_APPLIED)) return rest;
  const { [LAST_APPLIED]: __, ...annotations } = rest.annotations;
  return { ...rest, annotations };
}

function isByPerson({ manager, subresource }: FieldManager): boolean {
  return subresource === undefined && !OWN_MANAGERS.has(manager);
}

/** What is no mapping stays as it is: its reader says what is wrong with it. */
function pick(value: unknown, names: readonly string[]): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(names.flatMap((name) => (Object.hasOwn(value, name) ? [[name, value[name]]] : [])));
}

function defined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
