/** Services, and the ports by which they lead to those of pods. */
import type { Resource } from '../policy/resource.ts';
import type { Workload } from '../policy/workload.ts';
import { fieldsAt, itemsAt, textAt } from './objects.ts';

/** The numbers that are dialled at the Service to come to this port of the pod; none where it does not select the pod. */
export function servicePortsOf(service: Resource, pod: Workload, port: number): readonly number[] {
  const selector = Object.entries(fieldsAt(service, 'spec', 'selector'));
  const isSelected = selector.length > 0 && selector.every(([key, value]) => pod.labels[key] === value);
  if (!isSelected || service.metadata.namespace !== pod.ref.namespace) return [];
  return itemsAt(service, 'spec', 'ports').flatMap(([, item]) => {
    const { port: own, targetPort = own } = item;
    const targets = typeof targetPort === 'string' ? (pod.portNames.get(targetPort) ?? []) : [targetPort];
    return typeof own === 'number' && (textAt(item, 'protocol') ?? 'TCP') === 'TCP' && targets.includes(port) ? [own] : [];
  });
}
