/** The object in which an annotation of a pod was written. */
import type { Path } from '../manifests/document.ts';
import { workloadOf } from '../policy/owner.ts';
import { type ObjectRef, objectKey, type Resource } from '../policy/resource.ts';
import { findResource, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { valueAt } from './objects.ts';

/** The workload, or its Namespace, with the path to the annotation. null: it is not among those looked at. */
export function annotatedBy(
  snapshot: Snapshot,
  pod: Workload,
  annotation: string,
  linted: ReadonlySet<string>,
): { readonly object: Resource; readonly path: Path } | null {
  const workload = workloadOf(pod.resource, (ref) => findResource(snapshot, ref) ?? undefined);
  const namespace = { group: '', kind: 'Namespace', namespace: '', name: pod.ref.namespace };
  const template = ['spec', ...(workload.kind === 'CronJob' ? ['jobTemplate', 'spec'] : []), 'template', 'metadata', 'annotations'];
  const places: readonly (readonly [ObjectRef, Path])[] = [
    [workload, workload.kind === 'Pod' ? ['metadata', 'annotations'] : template],
    [namespace, ['metadata', 'annotations']],
  ];
  for (const [ref, path] of places) {
    const object = linted.has(objectKey(ref)) ? findResource(snapshot, ref) : null;
    const own = [...path, annotation];
    if (object !== null && valueAt(object, own) !== undefined) return { object, path: own };
  }
  return null;
}
