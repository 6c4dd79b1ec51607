/** What findings of one denial have in common: the decision's words, what was seen, the objects with their places. */
import type { Source, SymptomKind } from '../evidence/facts.ts';
import type { Considered } from '../policy/evaluation.ts';
import { memo } from '../policy/memo.ts';
import { type Instant, type ObjectRef, objectKey, showRef } from '../policy/resource.ts';
import { findResource, type Snapshot } from '../policy/snapshot.ts';
import { requiredIdentities, showClientTls } from '../policy/wording.ts';
import type { Denied, Draft, PlacedSymptom, Seen } from './diagnosis.ts';
import type { CitedObject, Finding, FindingEvidence } from './finding.ts';

type Said = Pick<Draft, 'certainty' | 'removal' | 'todo' | 'remedies'> & Partial<Draft>;

/** The finding that the decision itself is; what is given replaces its parts. `objects` are cited behind the deciding one. */
export function drafted(denied: Denied, said: Said, objects: readonly (ObjectRef | null)[] = []): Draft {
  const { decision, law } = denied;
  const refs = said.summary === undefined ? [decision.object, ...objects] : objects;
  return {
    summary: decision.sentence,
    required: decision.required,
    observed: decision.observed,
    note: decision.note,
    objects: cited(law?.snapshot ?? null, refs),
    evidence: [...evidenceOf(denied), ...complaintsAbout(denied.seen, refs)],
    missing: denied.missing,
    ...said,
  };
}

/** What the policy controller logged about the objects: that it refuses or ignores them. */
export function complaintsAbout(seen: Seen, refs: readonly (ObjectRef | null)[]): readonly FindingEvidence[] {
  const byName = complaintsIn(seen);
  const about = refs.flatMap((ref) => (ref === null ? [] : (byName.get(`${ref.kind}/${ref.name}`)?.filter(isIn(ref.namespace)) ?? [])));
  return about.slice(0, MOST_COMPLAINTS).map(told);
}
const MOST_COMPLAINTS = 3;

const complaintsIn = memo((seen: Seen): ReadonlyMap<string, readonly PlacedSymptom[]> => {
  const complaints = seen.symptoms.filter(({ symptom }) => symptom.sample.complaint?.object != null);
  return Map.groupBy(complaints, ({ symptom }) => {
    const { object } = symptom.sample.complaint ?? {};
    return `${object?.kind}/${object?.name}`;
  });
});

/** A complaint may name no namespace. */
function isIn(namespace: string): (placed: PlacedSymptom) => boolean {
  return ({ symptom }) => (symptom.sample.complaint?.namespace ?? namespace) === namespace;
}

/** What the objects show by themselves: certain, since nothing else is needed, and no denial that could be taken away. */
export function stated(snapshot: Snapshot, said: Pick<Draft, 'summary' | 'todo' | 'remedies'>, objects: readonly ObjectRef[]): Draft {
  const nothing = { required: [], observed: '', note: '', evidence: [], missing: [] };
  return { certainty: 'certain', removal: 'unknown', ...nothing, ...said, objects: cited(snapshot, objects) };
}

/** What trouble without a denial comes to: nobody can tell whether taking it away is enough. `telling` is its evidence. */
export function troubled(
  snapshot: Snapshot,
  said: Pick<Said, 'certainty' | 'todo' | 'remedies'> & Pick<Draft, 'summary'> & Partial<Draft>,
  telling: readonly PlacedSymptom[],
  objects: readonly (ObjectRef | null)[] = [],
): Draft {
  return {
    removal: 'unknown',
    required: [],
    observed: '',
    note: '',
    objects: cited(snapshot, objects),
    evidence: telling.slice(0, MOST_TOLD).map(told),
    missing: [],
    ...said,
  };
}
const MOST_TOLD = 4;

/** The words for an identity that is asked for and was not shown, where the decision is about something else. */
export function identityAsked({ decision, client }: Denied, { authorization }: Considered): Partial<Draft> {
  const { object, via } = authorization;
  const own = via.find(({ kind }) => kind !== 'NetworkAuthentication') ?? object;
  if (own === null || decision.object === null || sameRef(decision.object, own) || via.some((ref) => sameRef(ref, decision.object)))
    return {};
  return {
    summary: `${showRef(own)} needs a mesh identity, and the client showed none.`,
    required: requiredIdentities(authorization),
    observed: client.tls === null ? '' : showClientTls(client.tls),
  };
}

function sameRef(a: ObjectRef, b: ObjectRef | null): boolean {
  return b !== null && objectKey(a) === objectKey(b);
}

/** Without those that are null or named twice. */
function cited(snapshot: Snapshot | null, refs: readonly (ObjectRef | null)[]): readonly CitedObject[] {
  const out = new Map<string, CitedObject>();
  for (const ref of refs) {
    if (ref === null) continue;
    const origin = snapshot === null ? null : (findResource(snapshot, ref)?.origin ?? null);
    out.set(JSON.stringify([ref.group, ref.kind, ref.namespace, ref.name]), { ref, origin });
  }
  return [...out.values()];
}

/** Of each kind of source the first line or series that told of the denial. */
export function evidenceOf({ target, client }: Denied): readonly FindingEvidence[] {
  const what = DENIED_WORDS[target.kind];
  return client.sources.map((source) => ({ what, ...sourced(source, client.first) }));
}

const DENIED_WORDS = {
  'http-denied': 'a request was denied',
  'tcp-denied': 'a connection was denied',
  terminated: 'an open connection was cut off',
  'route-not-found': 'no route was found for a request',
  'rate-limited': 'a request was over a rate limit',
  'audit-allowed': 'a request was allowed by audit alone',
} as const;

/** What the proxies that refused told of such trouble themselves. */
export function toldBy({ target, seen }: Denied, kind: SymptomKind): readonly FindingEvidence[] {
  const own = seen.symptoms.filter(({ symptom: { reporter } }) => reporter.pod !== null && target.pods.includes(reporter.pod));
  return own.filter(({ symptom }) => symptom.kind === kind).map(told);
}

/** Trouble that was told, as evidence. */
export function told({ symptom }: Pick<PlacedSymptom, 'symptom'>): FindingEvidence {
  return { what: symptom.detail, ...sourced(symptom.sample.source, symptom.first) };
}

/** True when it is among what the finding rests on. */
export function restsOn({ evidence }: Finding, symptom: PlacedSymptom['symptom']): boolean {
  const { what, source, at } = told({ symptom });
  return evidence.some((other) => other.what === what && other.source === source && other.at === at);
}

function sourced(source: Source, at: Instant | null): Pick<FindingEvidence, 'source' | 'at'> {
  return { source: source.line === null ? source.name : `${source.name}:${source.line}`, at };
}
