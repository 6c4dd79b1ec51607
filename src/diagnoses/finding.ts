/** What a diagnosis says: one cause, in a sentence, with what it rests on and what to do. */
import type { MissingEvidence } from '../evidence/missing.ts';
import type { Instant, ObjectRef, Origin } from '../policy/resource.ts';

/**
 * `certain`: the policy of that moment and what was observed leave nothing else. `likely`: one step is an inference.
 * `possible`: something that would decide was not observed; `missing` names it.
 */
export type Certainty = 'certain' | 'likely' | 'possible';

/** What taking this cause away, and nothing else, does: `allows` the request, `helps` beside another cause; `unknown`: nobody can tell, or it is no denial. */
export type Removal = 'allows' | 'helps' | 'unknown';

/** Kinds of change, least privilege first; `remedies/` has one file for each. */
export type RemedyId =
  | 'repair-reference'
  | 'repair-identity'
  | 'repair-selector'
  | 'repair-protocol'
  | 'repair-route'
  | 'repair-annotation'
  | 'attach-route'
  | 'probe-route'
  | 'scrape-route'
  | 'extend-route-match'
  | 'add-identity'
  | 'authorize-on-route'
  | 'authorize-on-server'
  | 'server-for-port'
  | 'mesh-client'
  | 'own-service-account'
  | 'network-authentication'
  | 'open-inbound-port'
  | 'revert-change'
  | 'narrow-policy'
  | 'withdraw-grant'
  | 'restart-pods'
  | 'raise-limit'
  | 'do-not-allow';

export interface CitedObject {
  readonly ref: ObjectRef;
  /** File and line, or resourceVersion; null: the object does not exist, or nobody knows. */
  readonly origin: Origin | null;
}

export interface FindingEvidence {
  /** In words: what was seen. */
  readonly what: string;
  /** Where: `backend.log:17`, a metric, an object. */
  readonly source: string;
  /** null: it has no time of its own. */
  readonly at: Instant | null;
}

export interface Finding {
  /** Of the diagnosis: its file, its page, its cases. */
  readonly id: string;
  readonly certainty: Certainty;
  readonly removal: Removal;
  /** One sentence, or two: the object that decided and the mismatch. */
  readonly summary: string;
  /** What would have been let in, nearest first, and what came; empty where the sentence says all. */
  readonly required: readonly string[];
  readonly observed: string;
  /** What stands out in `observed`; empty where nothing is to be added. */
  readonly note: string;
  /** The first is where to look first. */
  readonly objects: readonly CitedObject[];
  readonly evidence: readonly FindingEvidence[];
  /** What would make it more certain, each with the command that supplies it. */
  readonly missing: readonly MissingEvidence[];
  /** What to do, for people, in a sentence or two. */
  readonly todo: string;
  /** The kinds of change that fit, best first. */
  readonly remedies: readonly RemedyId[];
}

const REMOVALS: readonly Removal[] = ['allows', 'helps', 'unknown'];
const CERTAINTIES: readonly Certainty[] = ['certain', 'likely', 'possible'];

/** The cause whose removal would have allowed the request first, then the more certain one, else in the order given. */
export function ranked(findings: readonly Finding[]): readonly Finding[] {
  const key = ({ removal, certainty }: Finding) => REMOVALS.indexOf(removal) * CERTAINTIES.length + CERTAINTIES.indexOf(certainty);
  return findings.toSorted((a, b) => key(a) - key(b));
}
