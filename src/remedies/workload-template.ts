/** The ServiceAccount that a workload's template gives to its pods. */
import type { PatchOperation } from '../manifests/json-patch.ts';
import { stringOr } from '../policy/reading.ts';
import { groupOf, type Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Of each kind whose pods follow a change of its template, where the pods' spec stands. */
const POD_SPEC: ReadonlyMap<string, readonly string[]> = new Map([
  ...['apps/Deployment', 'apps/StatefulSet', 'apps/DaemonSet', 'batch/Job'].map((kind): [string, readonly string[]] => [
    kind,
    ['spec', 'template', 'spec'],
  ]),
  ['batch/CronJob', ['spec', 'jobTemplate', 'spec', 'template', 'spec']],
]);

const ACCOUNT = 'serviceAccountName';
/** An older name of the same field, which an API server writes beside it. */
const ALIAS = 'serviceAccount';

/** API group and kind, as `kubectl` would look it up. null: its pods do not follow a template. */
export function groupOfWorkload(kind: string): string | null {
  const [found] = [...POD_SPEC.keys()].filter((groupKind) => groupKind.endsWith(`/${kind}`));
  return found === undefined ? null : (found.split('/', 1)[0] ?? null);
}

/** null: it has no template of pods. */
export function accountOfTemplate(workload: Resource): string | null {
  const spec = podSpecOf(workload);
  return spec === null ? null : stringOr(spec[ACCOUNT], '') || stringOr(spec[ALIAS], '') || 'default';
}

/** The same workload, whose next pods run as the account. A Job that is made anew gets its selector and what belongs to it anew. */
export function withAccount(workload: Resource, account: string): Resource {
  const [, ...path] = pathOf(workload) ?? [];
  const spec = edited(workload.spec, path, (pod) => ({
    ...pod,
    [ACCOUNT]: account,
    ...(Object.hasOwn(pod, ALIAS) ? { [ALIAS]: account } : {}),
  }));
  if (workload.kind !== 'Job') return { ...workload, spec };
  const { labels } = workload.metadata;
  const metadata = labels === undefined ? workload.metadata : { ...workload.metadata, labels: notGenerated(labels) };
  return { ...workload, metadata, spec: withoutGenerated(spec) };
}

/** For the object as the cluster has it, whatever else stands in it: null tests that the field is not there. */
export function accountPatch(before: Resource, after: Resource): readonly PatchOperation[] {
  const [old, now] = [podSpecOf(before), podSpecOf(after)];
  const path = `/${(pathOf(before) ?? []).join('/')}`;
  if (old === null || now === null) return [];
  return [ACCOUNT, ALIAS].flatMap((field): readonly PatchOperation[] => {
    if (old[field] === now[field]) return [];
    const was = Object.hasOwn(old, field) ? old[field] : null;
    return [
      { op: 'test', path: `${path}/${field}`, value: was },
      { op: was === null ? 'add' : 'replace', path: `${path}/${field}`, value: now[field] },
    ];
  });
}

/**
 * Whether nothing is left out of it. Of workloads in a cluster only what decides is kept (`policy/kept.ts`), so that applying the rest would take
 * environments and volumes away; `isWritten`: it stands so in a file.
 */
export function isWholeWorkload(workload: Resource, isWritten: boolean): boolean {
  const spec = podSpecOf(workload);
  // An API server writes it into every template.
  return spec !== null && (Object.hasOwn(spec, 'restartPolicy') || (isWritten && workload.metadata.uid === undefined));
}

export function isWorkload(resource: Resource): boolean {
  return pathOf(resource) !== null;
}

function pathOf({ apiVersion, kind }: Resource): readonly string[] | null {
  return POD_SPEC.get(`${groupOf(apiVersion)}/${kind}`) ?? null;
}

function podSpecOf(workload: Resource): Fields | null {
  const path = pathOf(workload);
  if (path === null) return null;
  let at: unknown = workload;
  for (const key of path) at = isObject(at) ? at[key] : null;
  return isObject(at) ? at : null;
}

function edited(value: unknown, path: readonly string[], edit: (fields: Fields) => Fields): unknown {
  const [key, ...rest] = path;
  const fields: Fields = isObject(value) ? value : {};
  return key === undefined ? edit(fields) : { ...fields, [key]: edited(fields[key], rest, edit) };
}

/** What the API server adds to a Job: another Job cannot bring it along. */
const GENERATED: ReadonlySet<string> = new Set(['controller-uid', 'batch.kubernetes.io/controller-uid']);

function withoutGenerated(spec: unknown): unknown {
  const { selector, manualSelector, ...rest } = spec as Fields;
  if (manualSelector === true) return spec;
  return edited(rest, ['template', 'metadata'], (metadata) => {
    const { labels } = metadata;
    return isObject(labels) ? { ...metadata, labels: notGenerated(labels) } : metadata;
  });
}

function notGenerated<T>(labels: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !GENERATED.has(key)));
}
