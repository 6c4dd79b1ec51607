/** What diagnoses found, in lines: how sure it is and under which name, what else holds, what to do, and trouble that left no denial. */
import type { Finding } from '../diagnoses/finding.ts';
import type { Explanation, TargetExplanation, Trouble } from '../explain.ts';
import { showOrigin } from '../manifests/place.ts';
import { objectKey } from '../policy/resource.ts';
import { showInstant } from '../policy/time.ts';
import { showDifference } from './explain-difference.ts';
import { paragraph, type Style } from './explain-lines.ts';
import { showWayOut } from './explain-remedies.ts';
import { safe, wrap } from './terminal.ts';

const INDENT = ' '.repeat(9);
const MOST_MORE = 4;

type Found = Pick<TargetExplanation, 'findings'> & Partial<Pick<TargetExplanation, 'agrees' | 'changed' | 'now'>>;

/** `certain · identity-wrong-namespace`, and what else was found. */
export function showFindings(found: Found, style: Style): readonly string[] {
  const [first, ...more] = found.findings;
  if (first === undefined) return [];
  const shown = more.slice(0, MOST_MORE).flatMap((finding) => {
    const said = finding.summary === first.summary ? '' : `: ${saidBelow(finding, found) ?? finding.summary}`;
    return wrap(safe(`${nameOf(finding)}${said}`), style.columns, INDENT);
  });
  return [`${INDENT}${style.palette.dim(nameOf(first))}`, ...shown];
}

/** Of what a section below says whole; null: none does. */
function saidBelow({ id }: Finding, { agrees, changed = null, now = null }: Found): string | null {
  if (id === 'policy-changed' && changed?.turned != null) return 'before what CHANGED shows, this client was let in.';
  return id === 'allowed-now' && agrees === true && now !== null ? 'see NOW.' : null;
}

function nameOf({ certainty, id }: Finding): string {
  return `${certainty} · ${id}`;
}

/** Clients that met trouble without a denial, and what the objects show by themselves. */
export function showTroubles({ troubles, standing, repairs, tightenings }: Explanation, style: Style): readonly string[] {
  const lines = troubles.flatMap((trouble) => troubleLines(trouble, style));
  const said = troubles.flatMap(({ findings }) => findings);
  const objects = standing
    .filter((finding) => !said.some((other) => isAlike(finding, other)))
    .flatMap((finding) => {
      const narrowed = [...repairs, ...tightenings].find((one) => one.finding === finding)?.wayOut ?? null;
      const note = ['', ...paragraph('NOTE', finding.summary, style), ...showFindings({ findings: [finding] }, style)];
      return narrowed === null ? note : [...note, ...showWayOut({ findings: [finding], wayOut: narrowed }, style)];
    });
  return [...lines, ...objects];
}

/** The same cause, at one object at least. */
function isAlike(a: Finding, b: Finding): boolean {
  return a.id === b.id && a.objects.some(({ ref }) => b.objects.some((other) => objectKey(other.ref) === objectKey(ref)));
}

function troubleLines({ client, destination, findings, wayOut }: Trouble, style: Style): readonly string[] {
  const [first] = findings;
  if (first === undefined) return [];
  const who = [client?.key, destination?.dialled].filter((part) => part !== undefined).join(' → ');
  return [
    '',
    ...wrap(style.palette.bold(safe(`TROUBLE  ${who}`)), style.columns, INDENT, ''),
    ...paragraph('WHY', first.summary, style),
    ...showDifference({ ...first, sentence: first.summary, object: null }, style.columns, style.palette),
    ...showFindings({ findings }, style),
    ...showWayOut({ findings, wayOut }, style),
  ];
}

/** A finding as data for other programs. */
export function findingData({ objects, evidence, ...finding }: Finding) {
  return {
    ...finding,
    objects: objects.map(({ ref, origin }) => ({ ...ref, place: origin === null ? null : showOrigin(origin) })),
    evidence: evidence.map(({ what, source, at }) => ({ what, source, at: at === null ? null : showInstant(at) })),
  };
}
