/** Rows 36, 41 and 42: the client was let in, until somebody changed a policy. */

import type { Candidate } from '../evidence/candidates.ts';
import type { ObjectEdit, Turn } from '../evidence/changed.ts';
import { showAuthor, showEdit } from '../evidence/edit-words.ts';
import type { MissingEvidence } from '../evidence/missing.ts';
import { plainName } from '../evidence/plain-name.ts';
import { type Instant, showRef } from '../policy/resource.ts';
import { showSecond } from '../policy/time.ts';
import type { Denied, Diagnosis, Draft } from './diagnosis.ts';
import { drafted } from './drafting.ts';
import type { Finding, FindingEvidence, RemedyId } from './finding.ts';

export const policyChanged: Diagnosis = {
  id: 'policy-changed',
  title: 'a change of policy took the permission away',
  denied(denied, found) {
    const turned = denied.changed?.turned ?? null;
    if (turned?.edits.some(({ of }) => of === 'policy') === true) return byTurn(denied, turned, found);
    if (denied.target.kind === 'terminated') return byTermination(denied);
    const recent = turned === null ? justBefore(denied) : null;
    return recent === null ? null : byItsTime(denied, recent);
  },
};

/** Without this finding: it tells since when, and no other cause is the less true for it. */
export function causesIn(found: readonly Finding[]): readonly Finding[] {
  return found.filter(({ id }) => id !== policyChanged.id);
}

/** The past was asked: with the state before this change the client would have been let in. */
function byTurn(denied: Denied, { at, edits, more }: Turn, found: readonly Finding[]): Draft {
  const [first] = edits as readonly [ObjectEdit];
  const isAlone = edits.length === 1 && more === 0;
  const others = isAlone ? '' : ` (with ${edits.length - 1 + more} more changes of that moment, none of which alone makes the difference)`;
  const isCut = denied.target.kind === 'terminated';
  // What the change made of the policy, where that is a near miss, goes before the change.
  const isNamed = !isCut && found.some(({ removal }) => removal === 'allows');
  const by = showAuthor(first.author, first.manager?.name ?? null);
  const draft = drafted(
    denied,
    {
      certainty: 'certain',
      removal: isNamed ? 'helps' : 'allows',
      summary: `${showEdit(first)}${by} at ${showSecond(at)}${others}${isCut ? ' and cut an open connection' : ''}: before that this client was let in.`,
      todo: todoFor(first),
      remedies: remediesFor(first),
    },
    edits.map(({ object }) => object),
  );
  return { ...draft, evidence: [...draft.evidence, ...edits.flatMap((edit) => evidenceOf(edit, at))] };
}

function todoFor({ object, change }: ObjectEdit): string {
  const again = object.kind === 'ServerAuthorization' ? ', as an AuthorizationPolicy for the same clients' : '';
  if (change === 'deleted')
    return `If this client is to get in, create what ${showRef(object)} granted again${again}. Other policies of the same Server only add to each other: none of them grants it.`;
  if (change === 'created')
    return `Add a policy for those who got in before, this client among them, or take ${showRef(object)} back: a first Server or route closes what the default let through.`;
  return `If this client is to get in, put back in ${showRef(object)} exactly what the change took from it (below CHANGED). If the change was meant, nothing is wrong.`;
}

function remediesFor({ change }: ObjectEdit): readonly RemedyId[] {
  return change === 'created' ? ['authorize-on-route', 'authorize-on-server', 'revert-change'] : ['revert-change', 'add-identity'];
}

const MOST_FIELDS = 4;

function evidenceOf(edit: ObjectEdit, at: Instant): readonly FindingEvidence[] {
  const source = edit.author === null ? 'the recorded history' : 'the recorded history and the audit log';
  const fields = edit.fields
    .slice(0, MOST_FIELDS)
    .map(({ path, before, after }) => `${path}: ${before ?? 'nothing'} → ${after ?? 'nothing'}`);
  return (fields.length === 0 ? [showEdit(edit)] : fields).map((what) => ({ what, source, at }));
}

/** Only a change of policy closes an open connection; which one it was is not recorded. */
function byTermination(denied: Denied): Draft {
  const { decision, law, target } = denied;
  const isKnown = law?.agrees === true;
  const recent = justBefore(denied);
  return drafted(
    denied,
    {
      certainty: 'certain',
      removal: isKnown ? 'allows' : 'unknown',
      summary: isKnown ? decision.sentence : 'A change of policy cut an open connection, which it had let in until then.',
      todo: `Look who changed what${recent === null ? '' : ` (${candidateWords(recent)})`}. If this client is to get in, put back exactly what was taken from it.`,
      missing: [...denied.missing, managersOf(target.namespace)],
      remedies: ['revert-change', 'add-identity'],
    },
    [decision.object, recent?.object ?? null],
  );
}

function managersOf(namespace: string | null): MissingEvidence {
  const kinds = 'servers.policy.linkerd.io,authorizationpolicies,meshtlsauthentications,networkauthentications';
  return {
    what: 'which change it was: who wrote the policies when',
    command: `kubectl get ${kinds} -n ${plainName(namespace, 'NAMESPACE')} -o yaml --show-managed-fields`,
  };
}

/** What came so shortly before the first denial may have caused it. */
const JUST_BEFORE_MS = 10 * 60_000;

/** The likeliest edit, where times are all that is known of the past. What was created then may have been new, together with its client. */
function justBefore({ changed, client: { first } }: Denied): Candidate | null {
  const [likeliest] = changed?.candidates ?? [];
  if (likeliest?.change !== 'edited' || first === null || likeliest.certainty !== 'likely') return null;
  return first - likeliest.at <= JUST_BEFORE_MS ? likeliest : null;
}

function byItsTime(denied: Denied, candidate: Candidate): Draft {
  return drafted(
    denied,
    {
      certainty: 'possible',
      removal: 'unknown',
      summary: `${candidateWords(candidate)}, and the first denial came at ${showSecond(denied.client.first ?? candidate.at)}: that may have taken the permission away.`,
      required: [],
      observed: '',
      note: '',
      todo: `Look what ${showRef(candidate.object)} was before that. A recorded history (denywhy serve) would tell.`,
      remedies: ['revert-change'],
    },
    [candidate.object],
  );
}

function candidateWords({ object, change, at, manager, author }: Candidate): string {
  return `${showRef(object)} was ${change}${showAuthor(author, manager)} at ${showSecond(at)}`;
}
