/** Findings as a person reads them: the place first, then what is wrong, what it does, and the right form. */
import type { PlacedFinding } from '../lint/lint.ts';
import { showOrigin } from '../manifests/place.ts';
import { refOf, showRef } from '../policy/resource.ts';
import { countsOf } from './lint-forms.ts';
import { type Palette, safe, wrap } from './terminal.ts';

const LABELS: readonly (readonly [label: string, field: 'effect' | 'right'])[] = [
  ['in effect', 'effect'],
  ['right', 'right'],
];
const INDENT = 13;

/** Suppressed ones are left out. */
export function showFindings(findings: readonly PlacedFinding[], width: number, palette: Palette): readonly string[] {
  return findings.filter(({ suppressed }) => suppressed === null).flatMap((finding) => [...showFinding(finding, width, palette), '']);
}

function showFinding(finding: PlacedFinding, width: number, palette: Palette): readonly string[] {
  const { severity, code, place, object, problem, edits } = finding;
  const paint = severity === 'error' ? palette.red : severity === 'warning' ? palette.yellow : palette.dim;
  const where = showOrigin(place);
  const pad = ' '.repeat(INDENT);
  return [
    `${where === '' ? '' : `${palette.bold(safe(where))}  `}${paint(severity)}  ${code}`,
    `  ${safe(showRef(refOf(object)))}`,
    ...wrap(safe(problem), width, '  ', '  '),
    ...LABELS.flatMap(([label, field]) => {
      const text = safe(finding[field]);
      return text === '' ? [] : wrap(text, width, pad, `  ${palette.dim(label)}${' '.repeat(INDENT - 2 - label.length)}`);
    }),
    ...(edits.length === 0 ? [] : [`  ${palette.dim('--fix')}      does it`]),
  ].map((line) => line.trimEnd());
}

/** `3 errors, 1 warning; 2 can be repaired by --fix`. */
export function showSummary(findings: readonly PlacedFinding[]): string {
  const { errors, warnings, infos, suppressed, fixable } = countsOf(findings);
  const parts = [
    ...(errors > 0 ? [count(errors, 'error')] : []),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
    ...(infos > 0 ? [`${infos} for information`] : []),
    ...(suppressed > 0 ? [`${suppressed} suppressed`] : []),
  ];
  const said = parts.length === 0 ? 'Nothing is wrong.' : `${parts.join(', ')}.`;
  return `${said}${fixable > 0 ? ` ${fixable} can be repaired: --fix.` : ''}${parts.length === 0 ? '' : ' denywhy lint --code CODE explains one.'}`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
