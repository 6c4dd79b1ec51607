/**
 * What may have changed, where no history was recorded: an object tells when it was made, and with `managedFields` when it was last edited and by
 * whom. What it was before, and what was deleted, nobody can tell.
 */
import type { FieldManager, Instant, ObjectRef, Resource } from '../policy/resource.ts';
import { objectKey, refOf } from '../policy/resource.ts';
import { findResource, type Snapshot, withChanges } from '../policy/snapshot.ts';
import { parseInstant } from '../policy/time.ts';
import type { AuditTrail, Author } from './audit.ts';
import { askedOf, isLetIn, type Refused } from './would-have.ts';

export interface Candidate {
  readonly object: ObjectRef;
  readonly change: 'created' | 'edited';
  readonly at: Instant;
  /** As the client that wrote it calls itself; null: not known. */
  readonly manager: string | null;
  readonly author: Author | null;
  /** `likely`: without the object it would have been allowed, or it is the one that decided. */
  readonly certainty: 'likely' | 'possible';
}

export interface Candidates {
  readonly candidates: readonly Candidate[];
  /** Whether and by whom the objects that decided were edited cannot be seen. */
  readonly withoutManagers: boolean;
}

export interface CandidateQuestion extends Refused {
  readonly decidedBy: ObjectRef | null;
  readonly audit: AuditTrail | null;
}

const MOST = 8;
/** A pod that has run for longer was not refused because it is new. */
const NEW_POD_MS = 15 * 60_000;

/** `recordedFrom`: what came after it is known, and none of it did it; null: nothing was recorded. */
export function candidatesOf(question: CandidateQuestion, recordedFrom: Instant | null): Candidates {
  const { client, judged } = question;
  const { snapshot } = judged;
  const until = Math.min(client.first ?? client.last ?? Number.POSITIVE_INFINITY, recordedFrom ?? Number.POSITIVE_INFINITY);
  const objects = involved(question).flatMap((ref) => findResource(snapshot, ref) ?? []);
  const all = objects.flatMap((resource) => candidate(resource, question) ?? []);
  const candidates = all
    .filter(({ at, object }) => at <= until && (object.kind !== 'Pod' || (recordedFrom === null && until - at <= NEW_POD_MS)))
    .sort((a, b) => rank(b) - rank(a) || b.at - a.at || (objectKey(a.object) < objectKey(b.object) ? -1 : 1));
  return { candidates: candidates.slice(0, MOST), withoutManagers: objects.some(mayHaveBeenEdited) };
}

function rank({ certainty }: Candidate): number {
  return certainty === 'likely' ? 1 : 0;
}

/** Everything that took part in the decision. A ServiceAccount does by its name alone. */
function involved({ client, judged, decidedBy }: CandidateQuestion): readonly ObjectRef[] {
  const { policy, route, considered } = judged.evaluation;
  const taken = policy.routes?.find(({ ref }) => ref.name === route?.name && ref.kind === route.kind)?.object ?? null;
  const refs = [
    decidedBy,
    policy.server,
    taken,
    ...considered.flatMap(({ authorization }) => [authorization.object, ...authorization.via]),
    policy.server === null && policy.defaultPolicy.from === 'pod-annotation' ? judged.pod.ref : null,
    client.ref.pod?.ref ?? null,
  ];
  return [
    ...new Map(refs.flatMap((ref) => (ref === null || ref.kind === 'ServiceAccount' ? [] : [[objectKey(ref), ref] as const]))).values(),
  ];
}

/** null: what it is and when it came say nothing. */
function candidate(resource: Resource, question: CandidateQuestion): Candidate | null {
  const object = refOf(resource);
  const { decidedBy, judged, audit } = question;
  const created = timeOf(resource.metadata.creationTimestamp);
  const edit = lastEdit(resource, created);
  const isDeciding = decidedBy !== null && objectKey(decidedBy) === objectKey(object);
  const of = (change: Candidate['change'], at: Instant, manager: string | null, certainty: Candidate['certainty']): Candidate => ({
    object,
    change,
    at,
    manager,
    author: audit?.find(object, { resourceVersion: null, at, isDeletion: false })?.author ?? null,
    certainty,
  });
  if (edit !== null) return of('edited', edit.at, edit.manager, isDeciding ? 'likely' : 'possible');
  if (created === null) return null;
  const maker = resource.metadata.managedFields?.find(({ subresource }) => subresource === undefined)?.manager ?? null;
  if (resource.kind === 'Pod') return of('created', created, maker, 'possible');
  if (!opensWithout(object, judged.snapshot, question)) return null;
  const isAlone = judged.evaluation.considered.every(({ authorization }) => authorization.object === null);
  return of('created', created, maker, isAlone || isDeciding ? 'likely' : 'possible');
}

function opensWithout(object: ObjectRef, snapshot: Snapshot, question: CandidateQuestion): boolean {
  return isLetIn(askedOf(question, null).verdict(withChanges(snapshot, [{ delete: object }]), 0));
}

function timeOf(text: string | undefined): Instant | null {
  return text === undefined ? null : parseInstant(text);
}

/** The last write of the object itself after it was made; times have seconds. */
function lastEdit({ metadata }: Resource, created: Instant | null): { readonly at: Instant; readonly manager: string } | null {
  let last: { readonly at: Instant; readonly manager: string } | null = null;
  for (const { manager, time, subresource } of metadata.managedFields ?? ([] as readonly FieldManager[])) {
    const at = subresource === undefined ? timeOf(time) : null;
    if (at !== null && (created === null || at > created) && (last === null || at >= last.at)) last = { at, manager };
  }
  return last;
}

/** It comes from an API server, is not in its first generation as far as is known, and says nothing of its managers. Pods' specs do not change. */
function mayHaveBeenEdited({ kind, metadata }: Resource): boolean {
  return kind !== 'Pod' && metadata.uid !== undefined && metadata.managedFields === undefined && metadata.generation !== 1;
}
