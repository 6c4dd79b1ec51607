/** What is to be simulated: objects that would be applied, and objects that would be deleted. */
import { InvalidInput } from '../errors.ts';
import { stateAt } from '../manifests/history.ts';
import { showOrigin } from '../manifests/place.ts';
import { admit } from '../policy/admission.ts';
import { groupOf, type ObjectRef, objectKey, type Resource, refOf, showRef } from '../policy/resource.ts';
import { checkSchema } from '../policy/schema.ts';
import { findResource, type ObjectChange, resourcesOf, type Snapshot } from '../policy/snapshot.ts';
import type { ClusterRecord, Notice } from '../ports.ts';
import type { QuestionWords } from './question-words.ts';

export interface PlannedChange {
  readonly changes: readonly ObjectChange[];
  /** Objects that the API server or Linkerd's webhook would refuse: they are left out of the change. */
  readonly refused: readonly { readonly object: ObjectRef; readonly place: string | null; readonly message: string }[];
  readonly notices: readonly Notice[];
}

const POLICY = 'policy.linkerd.io';
const GATEWAY = 'gateway.networking.k8s.io';

/** Kinds that decide, by kubectl's names for them. */
const KINDS: readonly (readonly [group: string, kind: string, ...names: string[]])[] = [
  [POLICY, 'Server', 'srv', 'server', 'servers', 'servers.policy.linkerd.io'],
  [POLICY, 'ServerAuthorization', 'saz', 'serverauthz', 'srvauthz', 'serverauthorization', 'serverauthorizations'],
  [POLICY, 'AuthorizationPolicy', 'authzpolicy', 'authorizationpolicy', 'authorizationpolicies'],
  [POLICY, 'MeshTLSAuthentication', 'meshtlsauthn', 'meshtlsauthentication', 'meshtlsauthentications'],
  [POLICY, 'NetworkAuthentication', 'netauthn', 'networkauthentication', 'networkauthentications'],
  [POLICY, 'HTTPLocalRateLimitPolicy', 'httplocalratelimitpolicy', 'httplocalratelimitpolicies'],
  [POLICY, 'HTTPRoute', 'httproute.policy.linkerd.io', 'httproutes.policy.linkerd.io', 'httproute', 'httproutes'],
  [GATEWAY, 'HTTPRoute', 'httproute.gateway.networking.k8s.io', 'httproutes.gateway.networking.k8s.io', 'httproute', 'httproutes'],
  [GATEWAY, 'GRPCRoute', 'grpcroute', 'grpcroutes'],
  ['networking.k8s.io', 'NetworkPolicy', 'netpol', 'networkpolicy', 'networkpolicies'],
];

export interface ChangeSpec {
  /** `KIND/NAME` as kubectl takes it. */
  readonly deleted: readonly string[];
  readonly prune: boolean;
  /** Of what is deleted; null: where there is only one such object. */
  readonly namespace: string | null;
}

/** Errors: InvalidInput. */
export function plannedChange(
  snapshot: Snapshot,
  record: ClusterRecord | null,
  { deleted, prune, namespace }: ChangeSpec,
  words: QuestionWords,
): PlannedChange {
  const applied = record === null ? [] : stateAt(record.changes, null);
  const refused = applied.flatMap((resource) => refusalOf(resource));
  const left = new Set(refused.map(({ object }) => objectKey(object)));
  const kept = applied.filter((resource) => !left.has(objectKey(refOf(resource))));
  const pruned = prune ? prunedBy(snapshot, applied) : [];
  const gone = deleted.map((text) => deletedRef(snapshot, text, namespace, words));
  return {
    changes: [...[...gone, ...pruned].map((ref) => ({ delete: ref })), ...kept.map((apply) => ({ apply }))],
    refused,
    notices: [...(record?.notices ?? []), ...namespaceNotices(snapshot, kept)],
  };
}

function refusalOf(resource: Resource): PlannedChange['refused'] {
  const object = refOf(resource);
  const isJudged = KINDS.some(([group, kind]) => group === object.group && kind === object.kind) && object.group !== 'networking.k8s.io';
  const message = isJudged ? refusedBy(resource) : null;
  const { origin } = resource;
  return message === null ? [] : [{ object, place: origin?.file === undefined ? null : showOrigin(origin), message }];
}

/** The API server asks its schema first; what that refuses never comes to the webhook. */
function refusedBy(resource: Resource): string | null {
  const [fault] = checkSchema(resource)?.faults ?? [];
  if (fault !== undefined) return `${fault.path}: ${fault.message}`;
  const { admitted, message } = admit(resource);
  return admitted ? null : message;
}

/** Objects that decide, in the namespaces of the change, which the change does not hold. */
function prunedBy(snapshot: Snapshot, applied: readonly Resource[]): readonly ObjectRef[] {
  const kept = new Set(applied.map((resource) => objectKey(refOf(resource))));
  const namespaces = new Set(applied.map(({ kind, metadata }) => (kind === 'Namespace' ? metadata.name : metadata.namespace)));
  return [...resourcesOf(snapshot)]
    .map(refOf)
    .filter((ref) => namespaces.has(ref.namespace) && KINDS.some(([group, kind]) => group === ref.group && kind === ref.kind))
    .filter((ref) => !kept.has(objectKey(ref)));
}

function deletedRef(snapshot: Snapshot, text: string, namespace: string | null, words: QuestionWords): ObjectRef {
  const [, kind = '', name = ''] = /^([A-Za-z.0-9]+)\/([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)$/.exec(text) ?? [];
  const kinds = KINDS.filter(([, , ...names]) => names.includes(kind.toLowerCase()));
  if (kinds.length === 0)
    throw new InvalidInput(
      `${words.delete} "${text}" names no object of policy.`,
      'Give kind and name as kubectl does: srv/NAME, authzpolicy/NAME, meshtlsauthn/NAME, netauthn/NAME, httproute/NAME, netpol/NAME.',
    );
  const found = (namespace === null ? [...snapshot.namespaces.keys()] : [namespace]).flatMap((one) =>
    kinds.flatMap(([group, of]) => {
      const ref = { group, kind: of, namespace: one, name };
      return findResource(snapshot, ref) === null ? [] : [ref];
    }),
  );
  const [only, ...others] = found;
  if (only === undefined)
    throw new InvalidInput(
      `there is no ${text}${namespace === null ? '' : ` in namespace ${namespace}`} to delete.`,
      `Name one that is there, with ${words.namespace} its namespace.`,
    );
  if (others.length > 0)
    throw new InvalidInput(
      `several objects are ${text}: ${found.slice(0, 4).map(showRef).join(', ')}.`,
      `Say which with ${words.namespace}, or with the whole kind: httproute.policy.linkerd.io/NAME.`,
    );
  return only;
}

function namespaceNotices(snapshot: Snapshot, applied: readonly Resource[]): readonly Notice[] {
  return applied.flatMap(({ kind, metadata: { name }, apiVersion }) => {
    const index = kind === 'Namespace' && groupOf(apiVersion) === '' ? snapshot.namespaces.get(name) : undefined;
    const runs = [...(index?.workloads.values() ?? [])].some(({ value }) => value !== null && !value.ref.name.includes('@'));
    return runs
      ? [{ where: '', message: `Namespace ${name}: its annotations act on pods that are made anew; those that run keep theirs.` }]
      : [];
  });
}
