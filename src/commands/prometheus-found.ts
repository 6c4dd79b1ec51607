/** A Prometheus that the cluster's own objects tell of: that of linkerd-viz, one of the operator, or a Service of that name. */
import { listOf, stringOr } from '../policy/reading.ts';
import type { Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import type { ProxyPod } from '../ports.ts';

export interface FoundPrometheus {
  /** `SERVICE.NAMESPACE`. */
  readonly name: string;
  /** One that runs behind the Service. */
  readonly pod: ProxyPod;
  /** Of the pod. */
  readonly port: number;
}

const PORT = 9090;

/** null: none is there, or no pod of it runs. */
export function findPrometheus(resources: readonly Resource[]): FoundPrometheus | null {
  const services = resources
    .filter((r) => r.kind === 'Service' && r.apiVersion === 'v1' && rankOf(r) > 0)
    .toSorted((a, b) => rankOf(b) - rankOf(a));
  for (const service of services) {
    const pod = resources.find((r) => r.kind === 'Pod' && r.apiVersion === 'v1' && isBehind(service, r));
    if (pod === undefined) continue;
    const { namespace, name } = pod.metadata;
    return { name: `${service.metadata.name}.${service.metadata.namespace}`, pod: { namespace, pod: name }, port: portOf(service) };
  }
  return null;
}

/** Linkerd's own scrapes every proxy; another one may. 0: it is none. */
function rankOf({ metadata: { name, labels = {} }, spec }: Resource): number {
  const ports = isObject(spec) ? listOf(spec['ports']).filter(isObject) : [];
  if (!ports.some((port) => port['port'] === PORT || port['targetPort'] === PORT)) return 0;
  const isViz = Object.hasOwn(labels, 'linkerd.io/extension') && labels['linkerd.io/extension'] === 'viz' && name === 'prometheus';
  if (isViz) return 4;
  if (name === 'prometheus-operated') return 3;
  const component = Object.hasOwn(labels, 'app.kubernetes.io/name') ? labels['app.kubernetes.io/name'] : undefined;
  return component === 'prometheus' ? 2 : name === 'prometheus' ? 1 : 0;
}

function isBehind(service: Resource, pod: Resource): boolean {
  const selector = isObject(service.spec) && isObject(service.spec['selector']) ? Object.entries(service.spec['selector']) : [];
  const labels = pod.metadata.labels ?? {};
  const isRunning = isObject(pod.status) && typeof pod.status['podIP'] === 'string';
  return (
    isRunning &&
    selector.length > 0 &&
    pod.metadata.namespace === service.metadata.namespace &&
    selector.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === stringOr(value, ''))
  );
}

/** A number stands for itself; a named port of Prometheus is 9090 everywhere. */
function portOf({ spec }: Resource): number {
  const ports = isObject(spec) ? listOf(spec['ports']).filter(isObject) : [];
  const target = ports.find((port) => port['port'] === PORT)?.['targetPort'];
  return typeof target === 'number' ? target : PORT;
}
