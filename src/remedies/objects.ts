/** Objects of policy as they are written, and edits of those that stand. */
import { GATEWAY_GROUP, POLICY_GROUP } from '../policy/authorization-policy.ts';
import { parseIdentity, serviceAccountIdentity } from '../policy/identity.ts';
import { parseAddress, showAddress } from '../policy/network.ts';
import { listOf } from '../policy/reading.ts';
import { type ObjectRef, type Resource, refOf } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { findResource, namespaceIndex, type ObjectChange, type Snapshot } from '../policy/snapshot.ts';
import { withStatuses } from '../policy/status.ts';

type Fields = Readonly<Record<string, unknown>>;

const VERSIONS: Readonly<Record<string, string>> = {
  Server: 'v1beta3',
  HTTPRoute: 'v1beta3',
  AuthorizationPolicy: 'v1alpha1',
  MeshTLSAuthentication: 'v1alpha1',
  NetworkAuthentication: 'v1alpha1',
};

export type PolicyKind = 'Server' | 'HTTPRoute' | 'AuthorizationPolicy' | 'MeshTLSAuthentication' | 'NetworkAuthentication';

/** A new object of Linkerd's group. */
export function made(kind: PolicyKind, namespace: string, name: string, spec: Fields): Resource {
  return { apiVersion: `${POLICY_GROUP}/${VERSIONS[kind]}`, kind, metadata: { name, namespace }, spec };
}

/** The same object with another spec; what is said of its origin stays. */
export function withSpec(resource: Resource, spec: Fields): Resource {
  return { ...resource, spec };
}

export function specOf({ spec }: Resource): Fields {
  return isObject(spec) ? spec : {};
}

/** A name that no object of the kind has yet, of what is given: DNS label, at most 63 characters. */
export function freeName(snapshot: Snapshot, kind: string, namespace: string, ...parts: readonly string[]): string {
  const wanted =
    parts
      .join('-')
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/-{2,}/g, '-')
      .slice(0, 57)
      .replace(/^-+|-+$/g, '') || 'denywhy';
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : `${wanted}-${n}`;
    if ([POLICY_GROUP, GATEWAY_GROUP].every((group) => findResource(snapshot, { group, kind, namespace, name }) === null)) return name;
  }
}

/** As `targetRef` and `requiredAuthenticationRefs` write it; `from`: the namespace it is written in. */
export function refTo(object: Pick<ObjectRef, 'group' | 'kind' | 'name'> & { readonly namespace?: string }, from?: string): Fields {
  return {
    ...(object.group === '' ? {} : { group: object.group }),
    kind: object.kind,
    name: object.name,
    ...(object.namespace === undefined || object.namespace === from ? {} : { namespace: object.namespace }),
  };
}

/** The smallest network that holds the address: itself. null: it is none. */
export function narrowest(ip: string): string | null {
  const address = parseAddress(ip);
  return address === null ? null : `${showAddress(address)}/${address.family === 4 ? 32 : 128}`;
}

/** A ServiceAccount. */
export interface Account {
  readonly namespace: string;
  readonly name: string;
}

/** The ServiceAccount of this cluster that has the identity; null: it is of another form, or from elsewhere. */
export function accountOf(snapshot: Snapshot, identity: string): Account | null {
  const parsed = parseIdentity(identity);
  if (parsed === null) return null;
  const { namespace, serviceAccount: name } = parsed;
  return serviceAccountIdentity(snapshot.info, namespace, name) === identity ? { namespace, name } : null;
}

/**
 * The changes with what Linkerd would make of them: routes get the status that puts them into use, and Servers that are new are younger than all
 * that stand.
 */
export function asApplied(snapshot: Snapshot, changes: readonly ObjectChange[]): readonly ObjectChange[] {
  const applied = changes.flatMap((change) => ('apply' in change ? [bare(change.apply)] : []));
  if (applied.length === 0) return changes;
  const namespaces = new Set(applied.map(({ metadata }) => metadata.namespace));
  const around = [...namespaces].flatMap((namespace) => {
    const { servers, routes } = namespaceIndex(snapshot, namespace);
    return [...servers.values(), ...routes.values()].map(({ resource }) => resource);
  });
  const settled = withStatuses([...around, ...applied]).slice(around.length);
  let next = 0;
  return changes.map((change) => {
    if ('delete' in change) return change;
    const status = settled[next++]?.status;
    const { apply } = change;
    if (status !== undefined) return { apply: { ...apply, status } };
    // Manifests tell no age: one that stands is no younger for being edited.
    const isNew = apply.metadata.creationTimestamp === undefined && findResource(snapshot, refOf(apply)) === null;
    return isNew && apply.kind === 'Server'
      ? { apply: { ...apply, metadata: { ...apply.metadata, creationTimestamp: YOUNGEST } } }
      : change;
  });
}
const YOUNGEST = '9999-12-31T23:59:59Z';

function bare({ status: _, metadata, ...rest }: Resource): Resource {
  const { uid: __, resourceVersion: ___, ...kept } = metadata;
  return { ...rest, metadata: kept };
}

/** The policies, of every namespace, that refer to the authentication. */
export function policiesReferring(snapshot: Snapshot, to: ObjectRef): readonly ObjectRef[] {
  return [...snapshot.namespaces.values()].flatMap(({ authorizationPolicies }) =>
    [...authorizationPolicies.values()].flatMap(({ value }) =>
      value?.authentications.some(({ kind, namespace, name }) => kind === to.kind && namespace === to.namespace && name === to.name)
        ? [value.ref]
        : [],
    ),
  );
}

/** The list with one item in the place of another, or behind the last. */
export function listWith(value: unknown, at: number | null, item: unknown): readonly unknown[] {
  const list = listOf(value);
  return at === null ? [...list, item] : list.map((one, i) => (i === at ? item : one));
}
