/** Rows 13 and 14: a policy asks for an authentication that does not exist, and so has no effect at all. */
import { authorizationOfPolicy } from '../policy/authorizations.ts';
import { type ObjectRef, objectKey, showRef } from '../policy/resource.ts';
import { type Entries, namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import { closestOf } from './closest.ts';
import type { Denied, Diagnosis, Draft } from './diagnosis.ts';
import { complaintsAbout, drafted, stated } from './drafting.ts';
import { isSlip } from './near-name.ts';

export const danglingReference: Diagnosis = {
  id: 'dangling-reference',
  title: 'a policy refers to an authentication that does not exist',
  denied(denied) {
    const dangling = danglingOf(denied);
    if (dangling === null || denied.law === null) return null;
    const { missing } = dangling;
    const near = nearest(denied.law.snapshot, missing);
    const said = { certainty: 'certain', removal: 'allows', todo: todoOf(missing, near), remedies: ['repair-reference'] } as const;
    return drafted(denied, { ...said, note: near === null ? denied.decision.note : `${showRef(near)} exists` }, [missing, near]);
  },
  standing({ snapshot, namespaces, refused, seen }) {
    const told = new Set(refused.flatMap((denied) => danglingOf(denied)?.policy ?? []).map(objectKey));
    return [...namespaces].sort().flatMap((namespace) =>
      [...namespaceIndex(snapshot, namespace).authorizationPolicies.values()].flatMap(({ value, error }): readonly Draft[] => {
        const authorization = value === null || error !== null ? null : authorizationOfPolicy(snapshot, value);
        if (value === null || authorization === null || !('illegal' in authorization) || authorization.missing === null) return [];
        if (told.has(objectKey(value.ref))) return [];
        const { missing } = authorization;
        const near = nearest(snapshot, missing);
        const summary = `${showRef(value.ref)} has no effect: ${showRef(missing)} does not exist.`;
        const objects = near === null ? [value.ref, missing] : [value.ref, missing, near];
        const draft = stated(snapshot, { summary, todo: todoOf(missing, near), remedies: ['repair-reference'] }, objects);
        return [{ ...draft, note: near === null ? '' : `${showRef(near)} exists`, evidence: complaintsAbout(seen, [value.ref]) }];
      }),
    );
  },
};

/** The policy that came nearest, where it dangles. */
function danglingOf(denied: Denied): { readonly policy: ObjectRef; readonly missing: ObjectRef } | null {
  const found = closestOf(denied);
  if (found?.type !== 'broken' || found.excluded.reason.type !== 'dangling') return null;
  return { policy: found.excluded.object, missing: found.excluded.reason.missing };
}

/** Of the same kind: one letter away in that namespace, else of the same name in another one. */
function nearest(snapshot: Snapshot, missing: ObjectRef): ObjectRef | null {
  const slip = namesIn(snapshot, missing).find((name) => isSlip(name, missing.name));
  if (slip !== undefined) return { ...missing, name: slip };
  const elsewhere = [...snapshot.namespaces.keys()].sort().map((namespace) => ({ ...missing, namespace }));
  return elsewhere.find((ref) => namesIn(snapshot, ref).includes(ref.name)) ?? null;
}

function namesIn(snapshot: Snapshot, { kind, namespace }: ObjectRef): readonly string[] {
  const { networkAuthentications, meshTLSAuthentications } = namespaceIndex(snapshot, namespace);
  const entries: Entries<unknown> = kind === 'NetworkAuthentication' ? networkAuthentications : meshTLSAuthentications;
  return [...entries.values()].flatMap(({ resource, value }) => (value === null ? [] : [resource.metadata.name])).sort();
}

function todoOf(missing: ObjectRef, near: ObjectRef | null): string {
  const isNetwork = missing.kind === 'NetworkAuthentication';
  if (near !== null)
    return near.namespace === missing.namespace
      ? `If ${near.name} is meant, let the reference name it.`
      : `If that one is meant, write namespace: ${near.namespace} into the reference: without it the policy’s own is meant.`;
  return isNetwork
    ? `Create ${showRef(missing)}, or correct the name. Taking the reference out would let the identity in from everywhere.`
    : `Correct name or namespace of the reference, or create ${showRef(missing)}.`;
}
