/**
 * What turned allow into deny: the history is asked whether it would have let the same client in, state by state (policy/flip.ts has the rule).
 * At an earlier state the request is the same; the pods of server and client are those that their owners had then, so that a restart, a label, an
 * annotation or another ServiceAccount is found like an edit of a policy.
 */

import { type FieldChange, fieldDiff } from '../policy/field-diff.ts';
import { lastFlip } from '../policy/flip.ts';
import type { Step } from '../policy/history.ts';
import { keptOf } from '../policy/kept.ts';
import { type FieldManager, groupOf, type Instant, type ObjectRef, type Resource, refOf } from '../policy/resource.ts';
import { type Revisions, revisionsOf } from '../policy/revisions.ts';
import { findResource, type ObjectChange, type Snapshot, withChanges } from '../policy/snapshot.ts';
import { firstFrom } from '../policy/sorted.ts';
import { parseInstant } from '../policy/time.ts';
import type { AuditTrail, Author } from './audit.ts';
import { type Candidate, candidatesOf } from './candidates.ts';
import { isRefusal } from './facts.ts';
import type { JoinedClient, JoinedTarget } from './join.ts';
import type { Judged } from './judge.ts';
import { type Asked, askedOf, isLetIn, type Verdict } from './would-have.ts';

/** One object, from one version to the next. */
export interface ObjectEdit {
  readonly object: ObjectRef;
  /** `replaced`: a pod took the place of another one. */
  readonly change: 'created' | 'edited' | 'deleted' | 'replaced';
  readonly of: 'policy' | 'server' | 'client';
  /** Name of the pod that was replaced. */
  readonly replaces: string | null;
  /** None where the object came or went. */
  readonly fields: readonly FieldChange[];
  readonly moreFields: number;
  /** null: not recorded. */
  readonly generation: { readonly before: number | null; readonly after: number | null };
  /** Who wrote it, as the client calls itself; null: the object does not tell. */
  readonly manager: { readonly name: string; readonly at: Instant | null } | null;
  /** From the audit log; null: none was given, or it does not hold this write. */
  readonly author: Author | null;
}

/** One moment at which the verdict changed. */
export interface Turn {
  readonly at: Instant;
  /** The one that alone makes the difference; several where only all of that moment together do. */
  readonly edits: readonly ObjectEdit[];
  /** Edits of that moment beyond those. */
  readonly more: number;
}

export interface WhatChanged {
  /** Whether the past was recorded, or only one state is known. */
  readonly source: 'history' | 'dump';
  /** The last change from allow to deny before the denial; null: none was found. */
  readonly turned: Turn | null;
  /** The change since which it is allowed again; null: it is not, or nobody asked for it. */
  readonly repaired: Turn | null;
  /** Where no change was found in a history. */
  readonly throughout: Throughout | null;
  /** What may have done it by its times alone: without a history, or before it began. The likeliest first. */
  readonly candidates: readonly Candidate[];
  /** The objects that decided came without `managedFields`: whether and by whom they were edited cannot be seen. */
  readonly withoutManagers: boolean;
}

export interface Throughout {
  /** The first change that was recorded. */
  readonly since: Instant;
  /** States that were looked at, of so many that touch server and client. */
  readonly looks: number;
  readonly states: number;
  /** Who was not there yet when the record began; null: both were. */
  readonly newcomer: 'client' | 'server' | null;
}

/** A cluster's past. */
export interface Past {
  at(time: Instant | null): Snapshot;
  readonly steps: readonly Step[];
}

export interface ChangeQuestion {
  readonly past: Past;
  readonly target: JoinedTarget;
  readonly client: JoinedClient;
  /** By the policy that was in force. */
  readonly judged: Judged;
  /** The object that decided. */
  readonly decidedBy: ObjectRef | null;
  /** Whether what came after the denial is asked for. */
  readonly withRepair: boolean;
  readonly audit: AuditTrail | null;
}

/** null: not a refusal, or the objects given do not refuse it either. */
export function whatChanged(question: ChangeQuestion): WhatChanged | null {
  const { past, target, judged } = question;
  if (!isRefusal(target.kind) || !judged.agrees || judged.port === null || isLetIn(judged.evaluation.verdict)) return null;
  return past.steps.length === 0 ? fromDump(question) : fromHistory(question);
}

function fromDump(question: ChangeQuestion): WhatChanged {
  return { source: 'dump', turned: null, repaired: null, throughout: null, ...candidatesOf(question, null) };
}

function fromHistory(question: ChangeQuestion): WhatChanged {
  const { past, client, judged, withRepair } = question;
  const start = past.at(Number.NEGATIVE_INFINITY);
  const revisions = revisionsOf(past.steps, start, { server: judged.pod, client: client.ref.pod });
  const walk: Walk = { past, revisions, asked: askedOf(question, revisions), audit: question.audit };
  const until = judged.at ?? Number.POSITIVE_INFINITY;
  const at = revisions.stateAfter(firstFrom(0, past.steps.length, (i) => (past.steps[i] as Step).at > until));
  const isAllowed = (state: number) => isLetIn(verdictIn(walk, state));
  const { state, looks } = lastFlip(0, at, isAllowed);
  const repaired = withRepair && isAllowed(revisions.count) ? lastFlip(at, revisions.count, (s) => !isAllowed(s)).state : null;
  const found = {
    source: 'history' as const,
    turned: state === null ? null : turnAt(walk, state, (verdict) => !isLetIn(verdict)),
    repaired: repaired === null ? null : turnAt(walk, repaired, isLetIn),
  };
  if (found.turned !== null) return { ...found, throughout: null, candidates: [], withoutManagers: false };
  const first = verdictIn(walk, 0);
  const newcomer = first === 'no-client' ? 'client' : first === 'no-server' ? 'server' : null;
  const since = (past.steps[0] as Step).at;
  const throughout = { since, looks, states: at, newcomer } as const;
  return { ...found, throughout, ...candidatesOf(question, since) };
}

interface Walk {
  readonly past: Past;
  readonly revisions: Revisions;
  readonly asked: Asked;
  readonly audit: AuditTrail | null;
}

function snapshotAfter({ at, steps }: Past, count: number): Snapshot {
  return at(count === 0 ? Number.NEGATIVE_INFINITY : (steps[count - 1] as Step).at);
}

function verdictIn({ past, revisions, asked }: Walk, state: number): Verdict {
  const steps = revisions.stepsOf(state);
  return asked.verdict(snapshotAfter(past, steps), steps);
}

/** Of more changes at one moment than this nobody tries each. */
const MOST_TRIED = 64;
const MOST_NAMED = 8;

function turnAt(walk: Walk, state: number, isWanted: (verdict: Verdict) => boolean): Turn {
  const { past, revisions, asked } = walk;
  const steps = revisions.stepsOf(state);
  const { at, changes } = past.steps[steps - 1] as Step;
  const before = snapshotAfter(past, steps - 1);
  const touching = changes.filter(revisions.touches);
  const tried = touching.length === 1 ? [] : touching.slice(0, MOST_TRIED);
  const alone = tried.find((change) => isWanted(asked.verdict(withChanges(before, [change]), steps)));
  const named = alone === undefined ? touching.slice(0, MOST_NAMED) : [alone];
  return {
    at,
    edits: named.map((change) => editOf(change, { walk, before, steps, at })),
    more: alone === undefined ? touching.length - named.length : 0,
  };
}

interface Moment {
  readonly walk: Walk;
  /** The snapshot before it. */
  readonly before: Snapshot;
  readonly steps: number;
  readonly at: Instant;
}

function editOf(change: ObjectChange, { walk, before, steps, at }: Moment): ObjectEdit {
  const after = 'apply' in change ? change.apply : null;
  const ref = 'apply' in change ? refOf(change.apply) : change.delete;
  const own = findResource(before, ref);
  const of = partyOf(walk.asked, after ?? own);
  const party = of === 'server' ? walk.asked.server : of === 'client' ? walk.asked.client : null;
  const predecessor = own !== null || after === null || party === null ? null : walk.revisions.podLike(party, steps - 1, before);
  const old = own ?? predecessor?.resource ?? null;
  const diff = old === null || after === null ? { fields: [], more: 0 } : fieldDiff(keptOf(old) ?? old, keptOf(after) ?? after);
  const version = { resourceVersion: versionOf(after), at, isDeletion: after === null };
  return {
    object: ref,
    change: after === null ? 'deleted' : own !== null ? 'edited' : predecessor !== null ? 'replaced' : 'created',
    of,
    replaces: predecessor?.ref.name ?? null,
    fields: diff.fields,
    moreFields: diff.more,
    generation: { before: own?.metadata.generation ?? null, after: after?.metadata.generation ?? null },
    manager: after === null ? null : managerOf(after.metadata.managedFields ?? [], own?.metadata.managedFields ?? []),
    author: walk.audit?.find(ref, version)?.author ?? null,
  };
}

function versionOf(resource: Resource | null): string | null {
  return resource?.metadata.resourceVersion ?? resource?.origin?.resourceVersion ?? null;
}

function partyOf(asked: Asked, resource: Resource | null): ObjectEdit['of'] {
  if (resource === null || !isWorkloadKind(resource)) return 'policy';
  return asked.isServers(resource) ? 'server' : 'client';
}

function isWorkloadKind({ kind, apiVersion }: Resource): boolean {
  return (kind === 'Pod' && groupOf(apiVersion) === '') || kind === 'ExternalWorkload';
}

/** The entry that is new or changed. Of several the youngest: an edit also takes fields away from the entry of whoever set them first. */
function managerOf(now: readonly FieldManager[], before: readonly FieldManager[]): ObjectEdit['manager'] {
  const textOf = ({ manager, operation, time = '', subresource = '' }: FieldManager) =>
    JSON.stringify([manager, operation, time, subresource]);
  const known = new Set(before.map(textOf));
  let best: FieldManager | null = null;
  for (const entry of now) if (!known.has(textOf(entry)) && (best === null || (entry.time ?? '') >= (best.time ?? ''))) best = entry;
  return best === null ? null : { name: best.manager, at: best.time === undefined ? null : parseInstant(best.time) };
}
