/** The ways out of what objects show by themselves, whoever was denied. */
import type { Standing } from '../diagnoses/diagnosis.ts';
import type { Finding } from '../diagnoses/finding.ts';
import type { Files } from './change.ts';
import { narrowPolicy } from './narrow-policy.ts';
import { wayOutOfStanding } from './of-trouble.ts';
import type { WayOut } from './remedy.ts';

/** What is to be done about a finding of `standing`. */
export interface StandingWayOut {
  readonly finding: Finding;
  readonly wayOut: WayOut;
}

/** Of those that a change mends: proved. */
export function repairsOf(standing: readonly Finding[], { snapshot, seen }: Standing, files: Files): readonly StandingWayOut[] {
  const found = standing
    .slice(0, MOST_REPAIRS)
    .map((finding) => ({ finding, wayOut: wayOutOfStanding(finding, { snapshot, seen, files }) }));
  return found.flatMap(({ finding, wayOut }) => (wayOut === null || wayOut.remedies.length === 0 ? [] : [{ finding, wayOut }]));
}
const MOST_REPAIRS = 20;

/** Of those that let in too much: how they are narrowed. */
export function tighteningsOf(
  standing: readonly Finding[],
  { snapshot, seen, refused }: Standing,
  files: Files,
): readonly StandingWayOut[] {
  const fitting = standing.filter(({ remedies }) => remedies.includes('narrow-policy')).slice(0, MOST_TIGHTENINGS);
  return fitting.flatMap((finding) => {
    const wayOut = narrowPolicy({ snapshot, finding, seen, refused }, files);
    return wayOut === null ? [] : [{ finding, wayOut }];
  });
}
const MOST_TIGHTENINGS = 10;
