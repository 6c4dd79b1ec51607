/**
 * How far a proxy is behind its control plane. Linkerd upgrades the control plane first, and its proxies may be one version (2.x) older:
 * https://linkerd.io/2/tasks/upgrade/
 */

/** `apart`: no word of Linkerd's covers it. `unknown`: a version that says nothing of its age, such as a build of one's own. */
export type Skew = 'same' | 'covered' | 'apart' | 'ahead' | 'unknown';

/** Since 2.15 a version is the name of an edge release: https://linkerd.io/releases/ */
const FIRST_EDGES: readonly (readonly [minor: number, edge: string])[] = [
  // What came before is this at most.
  [14, 'edge-22.1.1'],
  [15, 'edge-24.2.4'],
  [16, 'edge-24.8.2'],
  [17, 'edge-24.11.8'],
  [18, 'edge-25.4.4'],
  [19, 'edge-25.10.7'],
  [20, 'edge-26.6.3'],
];
/** Months after the last of these in which the next one has not come: never have they been further apart. */
const LONGEST_VERSION = 9;

const EDGE = /^edge-(\d\d)\.(\d{1,2})\.(\d{1,2})$/;
const NUMBERED = /^(?:stable-|enterprise-|version-|v)?2\.(\d{1,3})(?:\.(\d{1,3}))?(?:[-.].*)?$/;

export function skewOf(proxy: string, controlPlane: string): Skew {
  if (proxy === controlPlane) return 'same';
  const [own, its] = [minorOf(proxy), minorOf(controlPlane)];
  if (own === null || its === null) return 'unknown';
  if (own > its) return 'ahead';
  return its - own <= 1 ? 'covered' : 'apart';
}

/** `edge-25.11.2 (2.19)`: the version that it belongs to, where its name does not say it. */
export function showVersion(version: string): string {
  const minor = EDGE.test(version) ? minorOf(version) : null;
  return minor === null ? version : `${version} (2.${minor})`;
}

/** The `20` of 2.20. null: the name does not tell. */
function minorOf(version: string): number | null {
  const numbered = NUMBERED.exec(version)?.[1];
  if (numbered !== undefined) return Number(numbered);
  const edge = edgeOf(version);
  const last = edgeOf(FIRST_EDGES.at(-1)?.[1] ?? '');
  if (edge === null || last === null || edge.month - last.month > LONGEST_VERSION) return null;
  return FIRST_EDGES.findLast(([, first]) => !isBefore(edge, edgeOf(first)))?.[0] ?? null;
}

interface Edge {
  /** Since 2000. */
  readonly month: number;
  readonly release: number;
}

function edgeOf(version: string): Edge | null {
  const [, year, month, release] = EDGE.exec(version) ?? [];
  return year === undefined ? null : { month: Number(year) * 12 + Number(month), release: Number(release) };
}

function isBefore(edge: Edge, other: Edge | null): boolean {
  return other !== null && (edge.month === other.month ? edge.release < other.release : edge.month < other.month);
}
