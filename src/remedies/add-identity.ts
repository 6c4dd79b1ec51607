/** The client's identity is added to an authentication that the Server or the route asks for already. */
import { listOf } from '../policy/reading.ts';
import { type ObjectRef, type Resource, showRef } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { findResource } from '../policy/snapshot.ts';
import { type Account, accountOf, policiesReferring, specOf, withSpec } from './objects.ts';
import type { Candidate, Kind, Plea } from './plea.ts';

export const addIdentity: Kind = {
  id: 'add-identity',
  candidates(plea) {
    const { tls } = plea.law.evaluation.connection;
    const identity = tls?.state === 'established' ? tls.clientId : null;
    if (identity === null || accountOf(plea.snapshot, identity)?.name === 'default') return [];
    return plea.law.evaluation.considered.flatMap(({ authentication, authorization }) =>
      authentication.match !== 'no' || authorization.object === null
        ? []
        : [...authorization.via, authorization.object].flatMap((ref) => additionsTo(plea, ref, identity)),
    );
  },
};

function additionsTo(plea: Plea, ref: ObjectRef, identity: string): readonly Candidate[] {
  const resource = findResource(plea.snapshot, ref);
  const spec = resource === null ? null : withIdentity(resource, identity, accountOf(plea.snapshot, identity));
  if (resource === null || spec === null) return [];
  const referring = ref.kind === 'MeshTLSAuthentication' ? policiesReferring(plea.snapshot, ref) : [];
  const shared = referring.length > 1 ? ` It opens all that refer to it: ${referring.map(showRef).join(', ')}.` : '';
  return [{ title: `Add the client to ${showRef(ref)}.${shared}`, changes: [{ apply: withSpec(resource, spec) }] }];
}

/** null: of such an object no list of identities is kept. An AuthorizationPolicy asks for all that it names, so that nobody can be added there. */
export function withIdentity(resource: Resource, identity: string, account: Account | null) {
  const spec = specOf(resource);
  const own = resource.metadata.namespace;
  const named = account === null ? null : { ...account, ...(account.namespace === own ? { namespace: undefined } : {}) };
  const written = named === null ? null : Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
  if (resource.kind === 'MeshTLSAuthentication') {
    if (written !== null && (spec['identityRefs'] !== undefined || spec['identities'] === undefined))
      return { ...spec, identityRefs: [...listOf(spec['identityRefs']), { kind: 'ServiceAccount', ...written }] };
    return { ...spec, identities: [...listOf(spec['identities']), identity] };
  }
  if (resource.kind !== 'ServerAuthorization' || !isObject(spec['client']) || !isObject(spec['client']['meshTLS'])) return null;
  const { client } = spec;
  const mesh = spec['client']['meshTLS'];
  const field =
    written !== null && mesh['identities'] === undefined
      ? { serviceAccounts: [...listOf(mesh['serviceAccounts']), written] }
      : { identities: [...listOf(mesh['identities']), identity] };
  return { ...spec, client: { ...(client as Readonly<Record<string, unknown>>), meshTLS: { ...mesh, ...field } } };
}
