/** The mechanical repairs, in the files that the objects stand in: comments and form of everything else stay. */
import { changedSource } from '../manifests/source-edit.ts';
import { unifiedDiff } from '../manifests/unified-diff.ts';
import { objectKey, refOf } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import type { Edit, LintFinding } from './finding.ts';

export interface FixedFile {
  readonly file: string;
  readonly text: string;
  readonly diff: string;
  /** How many findings are repaired by it. */
  readonly findings: number;
}

/** Files that come out otherwise. What cannot be edited in place (a dump, a template, JSON in one line) is left as it is. */
export function fixedFiles(findings: readonly LintFinding[], files: ReadonlyMap<string, string>): readonly FixedFile[] {
  const fixable = findings.filter(({ edits, suppressed }) => edits.length > 0 && suppressed === null);
  const byFile = Map.groupBy(fixable, ({ object }) => object.origin?.file ?? '');
  return [...byFile].flatMap(([file, own]) => {
    const source = files.get(file);
    if (source === undefined) return [];
    let text = source;
    let repaired = 0;
    for (const [, ofObject] of Map.groupBy(own, ({ object }) => objectKey(refOf(object)))) {
      const [first] = ofObject;
      if (first === undefined) continue;
      const edits = ofObject.flatMap((finding) => finding.edits);
      const edited = changedSource(text, refOf(first.object), (written) => withEdits(written, edits));
      if (edited === null || edited === text) continue;
      text = edited;
      repaired += ofObject.length;
    }
    return text === source ? [] : [{ file, text, diff: unifiedDiff(file, source, text), findings: repaired }];
  });
}

/** A copy of the value with the edits made, in their order. */
export function withEdits(value: unknown, edits: readonly Edit[]): unknown {
  return edits.reduce((now, edit) => ('remove' in edit ? without(now, edit.remove) : withValue(now, edit.set, edit.value)), value);
}

function withValue(at: unknown, [step, ...rest]: readonly (string | number)[], value: unknown): unknown {
  if (step === undefined) return value;
  if (Array.isArray(at)) return at.map((item, i) => (i === step ? withValue(item, rest, value) : item));
  const fields = isObject(at) ? at : {};
  return { ...fields, [step]: withValue(Object.hasOwn(fields, step) ? fields[step] : undefined, rest, value) };
}

function without(at: unknown, [step, ...rest]: readonly (string | number)[]): unknown {
  if (step === undefined) return at;
  if (Array.isArray(at)) {
    if (rest.length === 0) return at.filter((_, i) => i !== step);
    return at.map((item, i) => (i === step ? without(item, rest) : item));
  }
  if (!isObject(at) || !Object.hasOwn(at, step)) return at;
  if (rest.length > 0) return { ...at, [step]: without(at[step], rest) };
  return Object.fromEntries(Object.entries(at).filter(([key]) => key !== step));
}
