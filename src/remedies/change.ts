/** One change as people apply it: whole, as a patch, and against the file that the object stands in. */
import { isEqual, jsonPatch } from '../manifests/json-patch.ts';
import { keeperOf } from '../manifests/keeper.ts';
import { manifestOf } from '../manifests/manifest.ts';
import { editedDiff } from '../manifests/source-edit.ts';
import { unifiedDiff } from '../manifests/unified-diff.ts';
import { showYaml } from '../manifests/yaml-show.ts';
import { type ObjectRef, refOf } from '../policy/resource.ts';
import { findResource, type ObjectChange, type Snapshot } from '../policy/snapshot.ts';
import type { Change } from './remedy.ts';
import { accountPatch, isWholeWorkload, isWorkload } from './workload-template.ts';

/** The text of files, by name. */
export type Files = ReadonlyMap<string, string>;

/** `change` with the status that Linkerd gives. */
export function toChange(snapshot: Snapshot, change: ObjectChange, files: Files): Change {
  const object = 'delete' in change ? change.delete : refOf(change.apply);
  const before = findResource(snapshot, object);
  const after = 'delete' in change ? null : change.apply;
  const [old, now] = [before === null ? null : manifestOf(before), after === null ? null : manifestOf(after)];
  const origin = before?.origin ?? null;
  const text = origin?.file === undefined ? undefined : files.get(origin.file);
  const workload = before !== null && isWorkload(before) ? before : null;
  const isPartial = workload !== null && after !== null && !isWholeWorkload(workload, text !== undefined);
  const isEdit = old !== null && now !== null && !isEqual(old, now);
  const ofFile = isEdit && text !== undefined && origin?.file !== undefined ? editedDiff(text, origin.file, object, old, now) : null;
  return {
    action: after === null ? 'delete' : before === null ? 'create' : 'edit',
    object,
    before,
    after,
    manifest: isPartial ? null : now,
    patch: isEdit ? (workload === null || after === null ? jsonPatch(old, now) : accountPatch(workload, after)) : [],
    origin,
    diff: ofFile ?? unifiedDiff(nameOf(object), old === null ? '' : showYaml(old), now === null ? '' : showYaml(now)),
    isOfFile: ofFile !== null,
    keeper: before === null ? null : keeperOf(before),
  };
}

function nameOf({ kind, namespace, name }: ObjectRef): string {
  return `${namespace}/${kind.toLowerCase()}-${name}.yaml`;
}
