/** What a pod does not have yet: its namespace and its owner's template ask for something else, which a new pod would get. */
import { injectionDecision } from '../policy/injection.ts';
import type { Resource } from '../policy/resource.ts';
import { isObject, type Labels } from '../policy/selector.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { resourcesOfKind, withChanges } from '../policy/snapshot.ts';
import { isStandIn } from '../policy/templates.ts';
import { ANNOTATION, type Workload } from '../policy/workload.ts';

/** One annotation or label that a restart would change; `injection`: the pod would get a proxy. */
export interface PendingChange {
  readonly what: 'annotation' | 'label' | 'injection';
  readonly key: string;
  /** null: not there. */
  readonly now: string | null;
  readonly next: string | null;
  readonly by: 'template' | 'namespace';
}

/** Who wrote the default policy in force. `pod`: the pod's own annotation, which neither template nor namespace has (any more). */
export type DefaultSource = 'pod' | 'template' | 'namespace' | 'cluster';

/** `owner`: the last of the pod's owners (its Deployment, …); null: it has none, or it is not among the objects. */
export function pendingChanges(snapshot: Snapshot, workload: Workload, owner: Resource | null): readonly PendingChange[] {
  const { resource, meshed } = workload;
  if (workload.kind !== 'Pod' || isStandIn(resource)) return [];
  const namespace = namespaceOf(snapshot, workload);
  const template = templateOf(owner);
  if (!meshed) return injectionOf(resource, template, namespace);
  const annotations = Object.values(ANNOTATION).flatMap((key) => annotationChange(key, resource, template, namespace));
  const labels = template === null ? [] : labelChanges(resource.metadata.labels ?? {}, template.labels);
  return [...annotations, ...labels];
}

/** As if the pod were made anew. Of ports and probes nothing changes. */
export function asRestarted(snapshot: Snapshot, { resource }: Workload, pending: readonly PendingChange[]): Snapshot {
  const { metadata } = resource;
  const changed = (what: PendingChange['what'], values: Labels): Labels => {
    const next = new Map(Object.entries(values));
    for (const change of pending.filter((one) => one.what === what)) {
      if (change.next === null) next.delete(change.key);
      else next.set(change.key, change.next);
    }
    return Object.fromEntries(next);
  };
  const labels = changed('label', metadata.labels ?? {});
  const annotations = changed('annotation', metadata.annotations ?? {});
  return withChanges(snapshot, [{ apply: { ...resource, metadata: { ...metadata, labels, annotations } } }]);
}

export function defaultSource(snapshot: Snapshot, workload: Workload, owner: Resource | null): DefaultSource {
  const own = workload.settings.defaultPolicy;
  if (own === null) return 'cluster';
  const key = ANNOTATION.defaultInboundPolicy;
  if (textAt(templateOf(owner)?.annotations, key) === own) return 'template';
  return textAt(namespaceOf(snapshot, workload)?.metadata.annotations, key) === own ? 'namespace' : 'pod';
}

function namespaceOf(snapshot: Snapshot, { ref }: Workload): Resource | null {
  return resourcesOfKind(snapshot, '', 'Namespace', '').get(ref.namespace) ?? null;
}

interface Template {
  readonly labels: Labels;
  readonly annotations: Labels;
}

/** null: nothing makes the pods from a template that is known. */
export function templateOf(owner: Resource | null): Template | null {
  const spec = owner !== null && isObject(owner.spec) ? owner.spec : {};
  const job = isObject(spec['jobTemplate']) && isObject(spec['jobTemplate']['spec']) ? spec['jobTemplate']['spec'] : spec;
  const template = job['template'];
  if (!isObject(template)) return null;
  const metadata = isObject(template['metadata']) ? template['metadata'] : {};
  return { labels: textsOf(metadata['labels']), annotations: textsOf(metadata['annotations']) };
}

function textsOf(value: unknown): Labels {
  return isObject(value) ? Object.fromEntries(Object.entries(value).filter((e): e is [string, string] => typeof e[1] === 'string')) : {};
}

function textAt(values: Labels | undefined, key: string): string | null {
  return values !== undefined && Object.hasOwn(values, key) ? (values[key] ?? null) : null;
}

/** Without the template an annotation of the pod may be the template's own, so that the namespace has no say. */
function annotationChange(key: string, pod: Resource, template: Template | null, namespace: Resource | null): readonly PendingChange[] {
  const now = textAt(pod.metadata.annotations, key);
  const own = textAt(template?.annotations, key);
  const inherited = textAt(namespace?.metadata.annotations, key);
  const next = own ?? inherited;
  if (next === now || (template === null && (now !== null || next === null))) return [];
  // The injector writes a list of its own where nobody gives one.
  if (next === null && (key === ANNOTATION.opaquePorts || namespace === null)) return [];
  return [{ what: 'annotation', key, now, next, by: own !== null || next === null ? 'template' : 'namespace' }];
}

function labelChanges(labels: Labels, wanted: Labels): readonly PendingChange[] {
  return Object.entries(wanted).flatMap(([key, next]) => {
    const now = textAt(labels, key);
    return now === next ? [] : [{ what: 'label' as const, key, now, next, by: 'template' as const }];
  });
}

function injectionOf(pod: Resource, template: Template | null, namespace: Resource | null): readonly PendingChange[] {
  const { metadata } = pod;
  const made = template === null ? pod : { ...pod, metadata: { ...metadata, ...template } };
  if (!injectionDecision(made, namespace).inject) return [];
  const by = textAt(template?.annotations, 'linkerd.io/inject') === null ? 'namespace' : 'template';
  return [{ what: 'injection', key: 'linkerd.io/inject', now: null, next: 'enabled', by }];
}
