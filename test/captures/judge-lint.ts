/** Holds what lint says against why a situation's clients were really denied, and what its fix changed. */

import type { PlacedFinding } from '../../src/lint/lint.ts';
import { isEqual } from '../../src/manifests/json-patch.ts';
import { manifestOf } from '../../src/manifests/manifest.ts';
import { objectKey, type Resource, refOf, showRef } from '../../src/policy/resource.ts';
import { ROOT_CAUSES } from '../root-causes.ts';
import { lintOf, objectsIn } from './lint.ts';
import type { Folder } from './report.ts';

/** Root causes that manifests show. */
const VISIBLE: ReadonlySet<number> = new Set([8, 9, 13, 14, 15, 16, 17, 19, 20, 21, 22, 26, 29, 31, 32, 45, 46, 47, 49, 55, 56]);

export interface LintReport {
  readonly name: string;
  readonly findings: readonly PlacedFinding[];
  readonly judgements: readonly { readonly about: string; readonly difference: string }[];
  /** What is not judged, and why. */
  readonly aside: readonly string[];
}

export function judgeLint(folder: Folder): LintReport {
  const { policies, findings } = lintOf(folder);
  const { rootCauses = [] } = JSON.parse(folder.read('truth.json') ?? '{}') as { rootCauses?: readonly number[] };
  const changed = changedBy(folder, policies);
  return {
    name: folder.name,
    findings,
    judgements: rootCauses
      .filter((row) => VISIBLE.has(row))
      .map((row) => ({ about: `root cause ${row}`, difference: differenceOf(row, findings, changed) })),
    aside: rootCauses.filter((row) => !VISIBLE.has(row)).map((row) => `root cause ${row} is not visible in manifests`),
  };
}

function differenceOf(row: number, findings: readonly PlacedFinding[], changed: ReadonlySet<string>): string {
  const own = findings.filter(({ code }) => ROOT_CAUSES.lint[code]?.includes(row) === true);
  if (own.length === 0) return `nothing is found (${[...new Set(findings.map(({ code }) => code))].join(', ') || 'no finding at all'})`;
  if (changed.size === 0 || own.some(({ object }) => changed.has(objectKey(refOf(object))))) return '';
  return `the fix changes ${[...changed].join(', ')}, and found is ${own.map(({ code, object }) => `${code} in ${showRef(refOf(object))}`).join(', ')}`;
}

/** Objects of the policy that the fix makes otherwise or takes away; what it adds is not there to be found. */
function changedBy(folder: Folder, policies: readonly Resource[]): ReadonlySet<string> {
  const applied = new Map(objectsIn(folder, 'fix.yaml').map((object) => [objectKey(refOf(object)), object]));
  const after = objectsIn(folder, 'policy-after-fix.yaml');
  const left = new Map(after.map((object) => [objectKey(refOf(object)), object]));
  const changed = policies.filter((object) => {
    const key = objectKey(refOf(object));
    const now = left.get(key) ?? applied.get(key);
    return now === undefined ? after.length > 0 : !isEqual(manifestOf(object)['spec'], manifestOf(now)['spec']);
  });
  return new Set(changed.map((object) => objectKey(refOf(object))));
}

/** One line for each finding; nothing of the expectation. */
export function lintLines({ name, findings }: LintReport): readonly string[] {
  return findings.map(({ code, severity, object, path, problem }) => {
    const { namespace, name: own } = object.metadata;
    return JSON.stringify({
      situation: name,
      code,
      severity,
      object: { kind: object.kind, namespace, name: own },
      path: path.join('.'),
      problem,
    });
  });
}

export function lintText({ name, judgements, aside }: LintReport): readonly string[] {
  const agreed = judgements.filter(({ difference }) => difference === '').length;
  return [
    `${name}: agree ${agreed} of ${judgements.length}`,
    ...aside.map((text) => `  – ${text}`),
    ...judgements.flatMap(({ about, difference }) => (difference === '' ? [] : [`  ✗ ${about}: ${difference}`])),
  ];
}

export function countOfLint(reports: readonly LintReport[]): { readonly agreed: number; readonly all: number } {
  const all = reports.flatMap(({ judgements }) => judgements);
  return { agreed: all.filter(({ difference }) => difference === '').length, all: all.length };
}
