/**
 * What Linkerd's proxy-injector does to a pod when it is created, as far as policy can tell
 * (linkerd2 `controller/proxy-injector/webhook.go`, `pkg/inject/{inject,report}.go`, chart values `proxyInjector`).
 */
import { listOf } from './reading.ts';
import type { Resource } from './resource.ts';
import { isObject, type Labels } from './selector.ts';
import type { ClusterInfo } from './settings.ts';
import { ANNOTATION, CONTROL_PLANE_LABEL, readPortList } from './workload.ts';

const INJECT = 'linkerd.io/inject';
const INJECT_VALUES = ['enabled', 'disabled', 'ingress'];
const CONFIG_PREFIXES = ['config.linkerd.io/', 'config.alpha.linkerd.io/', 'config.beta.linkerd.io/'];
const NATIVE_SIDECAR = ['config.beta.linkerd.io/proxy-enable-native-sidecar', 'config.alpha.linkerd.io/proxy-enable-native-sidecar'];
const INBOUND_PORT = 'config.linkerd.io/inbound-port';
const ADMIN_PORT = 'config.linkerd.io/admin-port';
/** Namespaces that the webhook is not called for: by this label, and by name. */
const WEBHOOKS_LABEL = 'config.linkerd.io/admission-webhooks';
const EXCLUDED_NAMESPACES = ['kube-system', 'cert-manager'];
/** Pods that the webhook is not called for. */
const EXCLUDED_LABELS = ['linkerd.io/control-plane-component', 'linkerd.io/cni-resource'];

export type InjectionDecision =
  | { readonly inject: true }
  /** `why` in plain words. */
  | { readonly inject: false; readonly why: string };

/** The workload that the injector names on the pod: what really owns it, over all steps. */
export interface PodOwner {
  readonly kind: string;
  readonly name: string;
}

/**
 * Whether the injector adds a proxy. `namespace` null: the Namespace is not among the objects and asks for nothing.
 * `automountServiceAccountToken: false` is no obstacle since 2.12, where the proxy brings its own token (linkerd/website#1547).
 */
export function injectionDecision(pod: Resource, namespace: Resource | null): InjectionDecision {
  const no = (why: string): InjectionDecision => ({ inject: false, why });
  const spec = isObject(pod.spec) ? pod.spec : {};
  if (EXCLUDED_NAMESPACES.includes(pod.metadata.namespace)) return no(`namespace ${pod.metadata.namespace} is never injected`);
  if (namespace?.metadata.labels?.[WEBHOOKS_LABEL] === 'disabled') return no(`the namespace has the label ${WEBHOOKS_LABEL}: disabled`);
  const excluded = EXCLUDED_LABELS.find((label) => Object.hasOwn(pod.metadata.labels ?? {}, label));
  if (excluded !== undefined) return no(`the pod has the label ${excluded}`);
  if (hasProxy(spec)) return no('the pod has a proxy already');
  if (spec['hostNetwork'] === true) return no('the pod uses the network of its node (hostNetwork)');

  const own = pod.metadata.annotations?.[INJECT] ?? '';
  const inherited = namespace?.metadata.annotations?.[INJECT] ?? '';
  if (inherited !== '' && !INJECT_VALUES.includes(inherited)) return no(`the namespace's annotation ${INJECT} has no valid value`);
  if (own !== '' && !INJECT_VALUES.includes(own)) return no(`the pod's annotation ${INJECT} has no valid value`);
  const effective = own === '' ? inherited : own;
  if (effective === 'enabled' || effective === 'ingress') return { inject: true };
  if (own === 'disabled') return no(`the pod has the annotation ${INJECT}: disabled`);
  return no(`neither the namespace nor the pod has the annotation ${INJECT}: enabled`);
}

/** A sidecar of Linkerd or Istio, by name or image, as `pkg/healthcheck/sidecar.go` knows them; a native one stands among the init containers. */
function hasProxy(spec: Readonly<Record<string, unknown>>): boolean {
  const named = (field: string, names: readonly string[], images: readonly string[]) =>
    listOf(spec[field]).some((c) => {
      if (!isObject(c)) return false;
      const { name, image } = c as { name?: unknown; image?: unknown };
      return names.some((n) => n === name) || (typeof image === 'string' && images.some((i) => image.startsWith(i)));
    });
  return (
    named('containers', ['linkerd-proxy', 'istio-proxy'], ['cr.l5d.io/linkerd/proxy:', 'gcr.io/istio-release/proxyv2:']) ||
    named(
      'initContainers',
      ['linkerd-proxy', 'linkerd-init', 'istio-proxy', 'istio-init'],
      ['cr.l5d.io/linkerd/proxy-init:', 'gcr.io/istio-release/proxy_init:'],
    )
  );
}

/** The pod with a proxy. Call it only where `injectionDecision` says so. */
export function injectProxy(pod: Resource, namespace: Resource | null, owner: PodOwner | null, info: ClusterInfo): Resource {
  const annotations = injectedAnnotations(pod, namespace, info);
  const spec = isObject(pod.spec) ? pod.spec : {};
  const native = !NATIVE_SIDECAR.some((key) => annotations[key] === 'false');
  const field = native ? 'initContainers' : 'containers';
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations, labels: injectedLabels(pod, owner, info) },
    spec: { ...spec, [field]: [proxyContainer(annotations, native), ...listOf(spec[field])] },
  };
}

/** Kinds for which the webhook writes `linkerd.io/proxy-<kind>`; it resolves a CronJob's pods to the CronJob and writes none. */
const LABELLED_OWNERS = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'ReplicationController', 'Job'];

function injectedLabels(pod: Resource, owner: PodOwner | null, info: ClusterInfo): Labels {
  return {
    ...pod.metadata.labels,
    [CONTROL_PLANE_LABEL]: info.controlPlaneNamespace,
    'linkerd.io/workload-ns': pod.metadata.namespace,
    ...(owner !== null && LABELLED_OWNERS.includes(owner.kind) ? { [`linkerd.io/proxy-${owner.kind.toLowerCase()}`]: owner.name } : {}),
  };
}

/** The namespace's configuration where the pod has none of its own, and the default opaque ports that the pod exposes. */
function injectedAnnotations(pod: Resource, namespace: Resource | null, info: ClusterInfo): Labels {
  const inherited = Object.entries(namespace?.metadata.annotations ?? {}).filter(
    ([key]) => key === INJECT || CONFIG_PREFIXES.some((prefix) => key.startsWith(prefix)),
  );
  const annotations: Labels = { ...Object.fromEntries(inherited), ...pod.metadata.annotations };
  if (Object.hasOwn(annotations, ANNOTATION.opaquePorts)) return annotations;
  const opaque = exposedPorts(pod).filter((port) => readPortList(info.opaquePorts)?.has(port));
  return opaque.length === 0 ? annotations : { ...annotations, [ANNOTATION.opaquePorts]: opaque.join(',') };
}

function exposedPorts(pod: Resource): readonly number[] {
  const spec = isObject(pod.spec) ? pod.spec : {};
  const ports = [...listOf(spec['initContainers']), ...listOf(spec['containers'])].filter(isObject).flatMap((c) => listOf(c['ports']));
  return ports
    .filter(isObject)
    .filter((p) => (p['protocol'] ?? 'TCP') === 'TCP')
    .map((p) => p['containerPort'])
    .filter((p) => typeof p === 'number');
}

/** As `charts/partials/templates/_proxy.tpl` writes it, without what policy does not look at. */
function proxyContainer(annotations: Labels, native: boolean): Readonly<Record<string, unknown>> {
  const admin = portOf(annotations[ADMIN_PORT]) ?? 4191;
  const probe = (path: string) => ({ httpGet: { path, port: admin } });
  return {
    name: 'linkerd-proxy',
    ports: [
      { name: 'linkerd-proxy', containerPort: portOf(annotations[INBOUND_PORT]) ?? 4143, protocol: 'TCP' },
      { name: 'linkerd-admin', containerPort: admin, protocol: 'TCP' },
    ],
    livenessProbe: probe('/live'),
    readinessProbe: probe('/ready'),
    ...(native ? { restartPolicy: 'Always', startupProbe: probe('/ready') } : {}),
  };
}

function portOf(text: string | undefined): number | null {
  const port = text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : null;
}
