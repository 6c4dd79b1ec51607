/** Rows 17 and 49: an object that got past admission, and that Linkerd ignores or takes in a way that nobody meant. */
import { authorizationOfPolicy } from '../policy/authorizations.ts';
import type { Excluded } from '../policy/excluded.ts';
import { identityFault } from '../policy/identity-syntax.ts';
import { observedIdentity } from '../policy/nearest.ts';
import { listOf } from '../policy/reading.ts';
import { type ObjectRef, objectKey, refOf, showRef } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { type Entry, type NamespaceIndex, namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import { showExcluded } from '../policy/wording.ts';
import { closestOf, lawOfDenial } from './closest.ts';
import type { Denied, Diagnosis, Draft } from './diagnosis.ts';
import { complaintsAbout, drafted, stated } from './drafting.ts';

export const invalidObject: Diagnosis = {
  id: 'invalid-object',
  title: 'an object that Linkerd cannot use as it is written',
  denied(denied) {
    return byBrokenPolicy(denied) ?? byMisspeltIdentity(denied);
  },
  standing({ snapshot, namespaces, refused, seen }) {
    const told = new Set(refused.flatMap((denied) => brokenPolicy(denied)?.object ?? misspelt(denied)?.holder ?? []).map(objectKey));
    return [...namespaces].sort().flatMap((namespace) =>
      faultsIn(snapshot, namespaceIndex(snapshot, namespace)).flatMap(({ object, words }): readonly Draft[] => {
        if (told.has(objectKey(object))) return [];
        const summary = `${showRef(object)} ${words}.`;
        const draft = stated(snapshot, { summary, todo: todoOf(object), remedies: [] }, [object]);
        return [{ ...draft, evidence: complaintsAbout(seen, [object]) }];
      }),
    );
  },
};

function todoOf(object: ObjectRef): string {
  return `Correct ${showRef(object)} and apply it again: the webhook says what it wants. It let this pass because it did not answer, or because the namespace is labelled config.linkerd.io/admission-webhooks: disabled.`;
}

/** A policy of the Server or route that would have counted; whom it was to let in may be beyond reading. */
function byBrokenPolicy(denied: Denied): Draft | null {
  const excluded = brokenPolicy(denied);
  if (excluded === null) return null;
  const { object } = excluded;
  const said = { certainty: 'likely', removal: 'allows', summary: showExcluded(excluded), todo: todoOf(object), remedies: [] } as const;
  return drafted(denied, said, [object]);
}

function brokenPolicy(denied: Denied): Excluded | null {
  const found = closestOf(denied);
  if (found?.type !== 'broken') return null;
  const { type } = found.excluded.reason;
  return type === 'illegal' || type === 'unreadable' ? found.excluded : null;
}

/** Identities are compared as they are written: capitals and an inner `*` match nobody. */
function byMisspeltIdentity(denied: Denied): Draft | null {
  const odd = misspelt(denied);
  if (odd === null) return null;
  const { text, own, holder, policy } = odd;
  const summary = `${showRef(holder)} lists ${text}, which is taken literally and matches nobody: identities are in lower case, and * stands for the first part alone.`;
  const todo = `Write ${own} there, or a ServiceAccount in identityRefs.`;
  const said = { certainty: 'certain', removal: 'allows', required: [text], observed: own, note: '' } as const;
  return drafted(denied, { ...said, summary, todo, remedies: ['repair-identity'] }, [holder, policy]);
}

interface Misspelt {
  /** As it is listed. */
  readonly text: string;
  readonly own: string;
  readonly holder: ObjectRef;
  readonly policy: ObjectRef;
}

function misspelt(denied: Denied): Misspelt | null {
  const evaluation = lawOfDenial(denied)?.evaluation;
  const own = evaluation === undefined ? null : observedIdentity(evaluation);
  if (evaluation === undefined || own === null) return null;
  for (const { authorization } of evaluation.considered) {
    const { authentication, object, via } = authorization;
    if (authentication.type !== 'tls-authenticated' || object === null) continue;
    const text = authentication.identities.find((listed) => listed !== own && isMeantBy(listed, own));
    if (text !== undefined)
      return { text, own, holder: via.find(({ kind }) => kind === 'MeshTLSAuthentication') ?? object, policy: object };
  }
  return null;
}

/** Without regard to case, each `*` standing for any run of characters. */
function isMeantBy(text: string, identity: string): boolean {
  const parts = text.toLowerCase().split('*');
  let at = 0;
  for (const [i, part] of parts.entries()) {
    const found = i === parts.length - 1 && i > 0 ? identity.length - part.length : identity.indexOf(part, at);
    if (found < at || !identity.startsWith(part, found) || (i === 0 && found !== 0)) return false;
    at = found + part.length;
  }
  return at === identity.length;
}

interface Fault {
  readonly object: ObjectRef;
  /** To follow its name. */
  readonly words: string;
}

function faultsIn(snapshot: Snapshot, index: NamespaceIndex): readonly Fault[] {
  const { servers, serverAuthorizations, authorizationPolicies, meshTLSAuthentications, networkAuthentications, rateLimits } = index;
  const all = [servers, serverAuthorizations, authorizationPolicies, meshTLSAuthentications, networkAuthentications, rateLimits];
  const routes = [...index.routes.values()].filter(isOnServer);
  return [
    ...[...all.flatMap((entries) => [...entries.values()]), ...routes].flatMap(unreadable),
    ...[...authorizationPolicies.values()].flatMap(({ value, error }) => {
      const authorization = value === null || error !== null ? null : authorizationOfPolicy(snapshot, value);
      if (value === null || authorization === null || !('illegal' in authorization) || authorization.missing !== null) return [];
      return [{ object: value.ref, words: `has no effect: ${authorization.illegal}` }];
    }),
    ...[...meshTLSAuthentications.values()].flatMap(({ resource, error }) =>
      error === null ? oddIdentities(refOf(resource), resource.spec) : [],
    ),
    ...[...serverAuthorizations.values()].flatMap(({ resource, error }) =>
      error === null ? oddClients(refOf(resource), resource.spec) : [],
    ),
  ];
}

function unreadable({ resource, value, error }: Entry<unknown>): readonly Fault[] {
  if (error === null) return [];
  const kept = value === null ? '' : '; a running controller keeps the version before until it restarts';
  return [{ object: refOf(resource), words: `is ignored: ${error.split('\n', 1)[0]}${kept}` }];
}

/** Routes of gateways and Services may hold what only they understand. */
function isOnServer({ resource }: Entry<unknown>): boolean {
  const parents = isObject(resource.spec) ? listOf(resource.spec['parentRefs']).filter(isObject) : [];
  return parents.some(({ kind, group }) => kind === 'Server' && group === 'policy.linkerd.io');
}

function oddIdentities(object: ObjectRef, part: unknown): readonly Fault[] {
  const identities = isObject(part) ? listOf(part['identities']).filter((id) => typeof id === 'string') : [];
  const odd = identities.filter((id) => identityFault(id) !== null);
  return odd.length === 0 ? [] : [{ object, words: `lists ${odd.join(', ')}, which is taken literally and matches nobody` }];
}

/** `unauthenticatedTLS` goes before the identities beside it. */
function oddClients(object: ObjectRef, spec: unknown): readonly Fault[] {
  const client = isObject(spec) ? spec['client'] : null;
  const mtls = isObject(client) ? client['meshTLS'] : null;
  if (!isObject(mtls) || !isObject(client) || client['unauthenticated'] === true) return [];
  const hasNames = listOf(mtls['identities']).length + listOf(mtls['serviceAccounts']).length > 0;
  if (mtls['unauthenticatedTLS'] !== true) return oddIdentities(object, mtls);
  return hasNames ? [{ object, words: 'lets every mesh TLS client in: unauthenticatedTLS goes before the identities beside it' }] : [];
}
