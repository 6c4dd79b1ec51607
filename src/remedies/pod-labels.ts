/** How pods of one workload are told from others. */
import { isObject, readSelector, selects } from '../policy/selector.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';

/** As a Service selects it, else by the labels that name an application, else by all that its owner does not count up. null: it has none. */
export function selectorOf(snapshot: Snapshot, pod: Workload): Readonly<Record<string, string>> | null {
  for (const { spec } of resourcesOfKind(snapshot, '', 'Service', pod.ref.namespace).values()) {
    const matchLabels = isObject(spec) && isObject(spec['selector']) ? spec['selector'] : {};
    const selector = readSelector({ matchLabels });
    if (selector !== null && selector.matchLabels.length > 0 && selects(selector, pod.labels))
      return Object.fromEntries(selector.matchLabels);
  }
  const own = Object.entries(pod.labels).filter(([key]) => !COUNTED.has(key) && !key.includes('linkerd.io/'));
  const naming = own.filter(([key]) => NAMING.has(key));
  const chosen = naming.length > 0 ? naming : own;
  return chosen.length === 0 ? null : Object.fromEntries(chosen);
}
const COUNTED: ReadonlySet<string> = new Set([
  'pod-template-hash',
  'controller-revision-hash',
  'pod-template-generation',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
  'controller-uid',
  'job-name',
  'batch.kubernetes.io/controller-uid',
  'batch.kubernetes.io/job-name',
]);
const NAMING: ReadonlySet<string> = new Set([
  'app',
  'k8s-app',
  'app.kubernetes.io/name',
  'app.kubernetes.io/instance',
  'app.kubernetes.io/component',
]);
