/** Row 43: the client was redeployed with another ServiceAccount, and the policy still lists the former one. */
import { showEdit } from '../evidence/edit-words.ts';
import { parseIdentity, type ServiceAccountIdentity } from '../policy/identity.ts';
import type { ObjectRef, Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import { findResource, resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import { parseInstant, showSecond } from '../policy/time.ts';
import { identityOf, missedIdentity } from './closest.ts';
import type { Denied, Diagnosis, Draft } from './diagnosis.ts';
import { drafted } from './drafting.ts';
import { isSlip } from './near-name.ts';

export const serviceAccountReplaced: Diagnosis = {
  id: 'service-account-replaced',
  title: 'the client’s ServiceAccount was replaced',
  denied(denied) {
    const considered = missedIdentity(denied);
    const own = identityOf(denied);
    const snapshot = denied.law?.snapshot ?? null;
    if (considered === null || own === null || snapshot === null) return null;
    const { authentication } = considered.authorization;
    const identities = authentication.type === 'tls-authenticated' ? authentication.identities : [];
    const listed = identities
      .flatMap((text) => parseIdentity(text) ?? [])
      .filter(({ namespace, serviceAccount }) => namespace === own.namespace && CAN_EXIST.test(serviceAccount));
    return byRecord(denied, own) ?? byFormerRevision(denied, own, listed, snapshot) ?? byAbsence(denied, own, listed, snapshot);
  },
};

/** A name that a ServiceAccount can have; no upper case, no `*`. */
const CAN_EXIST = /^[a-z0-9][a-z0-9.-]*$/;

/** The history knows as what the client ran while it was let in. */
function byRecord(denied: Denied, own: ServiceAccountIdentity): Draft | null {
  const turned = denied.changed?.turned ?? null;
  const edit = turned?.edits.find(({ of }) => of === 'client');
  const before = edit?.fields.find(({ path }) => path === ACCOUNT)?.before ?? null;
  if (turned === null || edit === undefined || before === null) return null;
  const since = `${showEdit(edit)} at ${showSecond(turned.at)}`;
  const summary = `The client runs as ServiceAccount ${nameOf(own)} since ${since}; before, as ${own.namespace}/${before}, it was let in.`;
  return replaced(denied, own, { ...own, serviceAccount: before }, { certainty: 'certain', removal: 'allows', summary });
}
const ACCOUNT = 'spec.serviceAccountName';

/** A former revision of the same Deployment ran as somebody who is listed. */
function byFormerRevision(
  denied: Denied,
  own: ServiceAccountIdentity,
  listed: readonly ServiceAccountIdentity[],
  snapshot: Snapshot,
): Draft | null {
  const { workload } = denied.client.ref;
  if (workload?.kind !== 'Deployment' || workload.namespace !== own.namespace) return null;
  const revisions = [...resourcesOfKind(snapshot, 'apps', 'ReplicaSet', own.namespace).values()].filter(({ metadata }) =>
    metadata.ownerReferences?.some(({ kind, name }) => kind === 'Deployment' && name === workload.name),
  );
  const former = listed.find(({ serviceAccount }) => revisions.some((revision) => accountOf(revision) === serviceAccount));
  if (former === undefined || former.serviceAccount === own.serviceAccount) return null;
  const summary = `Deployment ${nameOfRef(workload)} runs as ServiceAccount ${nameOf(own)}; a former revision of it ran as ${nameOf(former)}, which is listed.`;
  return replaced(denied, own, former, { certainty: 'likely', removal: 'allows', summary });
}

function accountOf({ spec }: Resource): unknown {
  const template = isObject(spec) ? spec['template'] : null;
  const pod = isObject(template) ? template['spec'] : null;
  return isObject(pod) ? (pod['serviceAccountName'] ?? 'default') : null;
}

/** Of the two ServiceAccounts one does not exist. */
function byAbsence(
  denied: Denied,
  own: ServiceAccountIdentity,
  listed: readonly ServiceAccountIdentity[],
  snapshot: Snapshot,
): Draft | null {
  const exists = ({ namespace, serviceAccount }: ServiceAccountIdentity) =>
    serviceAccount === 'default' || hasServiceAccount(snapshot, namespace, serviceAccount);
  if (exists(own) === false) {
    const successor = listed.find((id) => exists(id) === true);
    const todo = `Restart the client${successor === undefined ? '' : `, as ServiceAccount ${nameOf(successor)} if that is its new one`}: a pod keeps the identity it started with. Or create ServiceAccount ${nameOf(own)} again and authorize it.`;
    const summary = `The client runs as ServiceAccount ${nameOf(own)}, which does not exist any more${successor === undefined ? '' : `; ${nameOf(successor)} is listed`}.`;
    const removal = successor === undefined ? 'unknown' : 'allows';
    return drafted(denied, { certainty: 'likely', removal, summary, todo, remedies: ['restart-pods', 'repair-identity'] }, [
      denied.decision.object,
    ]);
  }
  const gone = listed.find((id) => exists(id) === false && !isSlip(id.serviceAccount, own.serviceAccount));
  if (gone === undefined) return null;
  if (isYounger(own, denied.decision.object, snapshot)) {
    const summary = `ServiceAccount ${nameOf(gone)}, which is listed, does not exist any more, and that of the client, ${nameOf(own)}, was made after the policy.`;
    return replaced(denied, own, gone, { certainty: 'likely', removal: 'allows', summary });
  }
  const summary = `ServiceAccount ${nameOf(gone)}, which is listed, does not exist: the client, ${nameOf(own)}, may have taken its place.`;
  return replaced(denied, own, gone, { certainty: 'possible', removal: 'unknown', summary });
}

/** Whether the client's ServiceAccount was made after the object that lists the other one. */
function isYounger({ namespace, serviceAccount }: ServiceAccountIdentity, policy: ObjectRef | null, snapshot: Snapshot): boolean {
  const own = resourcesOfKind(snapshot, '', 'ServiceAccount', namespace).get(serviceAccount);
  const [made, written] = [own, policy === null ? null : findResource(snapshot, policy)].map((resource) => {
    const text = resource?.metadata.creationTimestamp;
    return text === undefined ? null : parseInstant(text);
  });
  return made != null && written != null && made > written;
}

function replaced(
  denied: Denied,
  own: ServiceAccountIdentity,
  former: ServiceAccountIdentity,
  said: Pick<Draft, 'certainty' | 'removal' | 'summary'>,
): Draft {
  return drafted(
    denied,
    {
      ...said,
      todo: `If it is the same client as before, list ServiceAccount ${nameOf(own)} instead of ${nameOf(former)}. Better an identityRef to the ServiceAccount than its name as text. Look first who else still runs as ${nameOf(former)}.`,
      remedies: ['repair-identity', 'add-identity'],
    },
    [denied.decision.object],
  );
}

function nameOf({ namespace, serviceAccount }: ServiceAccountIdentity): string {
  return `${namespace}/${serviceAccount}`;
}

function nameOfRef({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}
