import type { Path } from '../manifests/document.ts';
import { groupOf, type Resource } from '../policy/resource.ts';
import { effectOfEdits } from './effect.ts';
import type { Edit } from './finding.ts';
import { valueAt } from './objects.ts';
import type { LintRule } from './rule.ts';

/** Where the template of the pods stands. */
const TEMPLATES: ReadonlyMap<string, Path> = new Map<string, Path>([
  ['apps/Deployment', ['spec', 'template', 'metadata', 'annotations']],
  ['apps/StatefulSet', ['spec', 'template', 'metadata', 'annotations']],
  ['apps/DaemonSet', ['spec', 'template', 'metadata', 'annotations']],
  ['apps/ReplicaSet', ['spec', 'template', 'metadata', 'annotations']],
  ['/ReplicationController', ['spec', 'template', 'metadata', 'annotations']],
  ['batch/Job', ['spec', 'template', 'metadata', 'annotations']],
  ['batch/CronJob', ['spec', 'jobTemplate', 'spec', 'template', 'metadata', 'annotations']],
]);

/** Labels that are meant to be labels. */
const REAL_LABELS: ReadonlySet<string> = new Set(['config.linkerd.io/admission-webhooks']);
/** On a Service, Linkerd's destination controller reads it. */
const ON_SERVICES: ReadonlySet<string> = new Set(['config.linkerd.io/opaque-ports']);

export const annotationOnWrongObject: LintRule = {
  code: 'annotation-on-wrong-object',
  title: 'an annotation where Linkerd does not read it',
  *check({ resources, snapshot }) {
    for (const object of resources) {
      const groupKind = `${groupOf(object.apiVersion)}/${object.kind}`;
      const template = TEMPLATES.get(groupKind);
      const isRead = groupKind === '/Namespace' || groupKind === '/Pod';
      const owned = (object.metadata.ownerReferences ?? []).length > 0;
      const wrong =
        isRead || owned
          ? []
          : settingsIn(object.metadata.annotations).filter((name) => !(groupKind === '/Service' && ON_SERVICES.has(name)));
      const labels = isRead || template !== undefined ? settingsIn(object.metadata.labels).filter((name) => !REAL_LABELS.has(name)) : [];
      const found = [
        ...wrong.map((name) => ({ name, field: 'annotations' as const })),
        ...labels.map((name) => ({ name, field: 'labels' as const })),
      ];
      for (const { name, field } of found) {
        const path = ['metadata', field, name];
        const target = template ?? (isRead ? ['metadata', 'annotations'] : null);
        const edits = target === null ? [] : movedTo(object, path, [...target, name]);
        const where =
          target === null
            ? 'the pod template of the workload, or its Namespace'
            : target.length === 2
              ? 'metadata.annotations'
              : target.join('.');
        yield {
          severity: 'error',
          object,
          path,
          problem: `${name} is ${field === 'labels' ? 'a label here, and an annotation to Linkerd' : `read on pods and Namespaces, not on a ${object.kind}`}.`,
          effect: `It does nothing. ${edits.length === 0 ? '' : effectOfEdits(snapshot, object, edits, 'where it belongs')}`.trim(),
          right: `Write it in ${where}${template !== undefined || groupKind === '/Namespace' ? '; pods take it when they are made anew' : ''}.`,
          edits,
        };
      }
    }
  },
};

function settingsIn(entries: Readonly<Record<string, string>> | undefined): readonly string[] {
  return Object.keys(entries ?? {}).filter((name) => name === 'linkerd.io/inject' || /^config(\.alpha|\.beta)?\.linkerd\.io\//.test(name));
}

function movedTo(object: Resource, from: Path, to: Path): readonly Edit[] {
  const around = from.slice(0, -1);
  const isLast = Object.keys((valueAt(object, around) ?? {}) as object).length === 1;
  const isSet = valueAt(object, to) !== undefined;
  return [...(isSet ? [] : [{ set: to, value: valueAt(object, from) }]), { remove: isLast ? around : from }];
}
