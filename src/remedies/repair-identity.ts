/** The client is listed by a wrong identity: another namespace, control plane or trust domain. */
import { parseIdentity, serviceAccountIdentity } from '../policy/identity.ts';
import { listOf } from '../policy/reading.ts';
import type { Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { findResource, type Snapshot } from '../policy/snapshot.ts';
import { accountOf, listWith, specOf, withSpec } from './objects.ts';
import type { Candidate, Kind, Plea } from './plea.ts';

export const repairIdentity: Kind = {
  id: 'repair-identity',
  candidates(plea) {
    const { tls } = plea.law.evaluation.connection;
    const identity = tls?.state === 'established' ? tls.clientId : null;
    const own = identity === null ? null : parseIdentity(identity);
    if (identity === null || own === null) return [];
    const holders = plea.law.evaluation.considered.flatMap(({ authorization }) => [
      ...authorization.via,
      ...(authorization.object === null ? [] : [authorization.object]),
    ]);
    const isNear = (listed: string) => listed !== identity && parseIdentity(listed)?.serviceAccount === own.serviceAccount;
    return holders.flatMap((ref) => {
      const resource = findResource(plea.snapshot, ref);
      return resource === null ? [] : repairsIn(plea, resource, identity, isNear);
    });
  },
};

function repairsIn({ snapshot }: Plea, resource: Resource, identity: string, isNear: (listed: string) => boolean): readonly Candidate[] {
  const title = `Correct the identity in ${resource.kind} ${resource.metadata.namespace}/${resource.metadata.name}.`;
  const own = accountOf(snapshot, identity);
  return spots(resource, snapshot, isNear).flatMap((spot): readonly Candidate[] => {
    const spec = spot.with(identity, own);
    return spec === null ? [] : [{ title, changes: [{ apply: withSpec(resource, spec) }] }];
  });
}

interface Spot {
  with(identity: string, account: Account | null): Readonly<Record<string, unknown>> | null;
}
type Account = { readonly namespace: string; readonly name: string };

/** Where the object lists a near identity, literally or as a reference. */
function spots(resource: Resource, snapshot: Snapshot, isNear: (listed: string) => boolean): readonly Spot[] {
  const spec = specOf(resource);
  const own = resource.metadata.namespace;
  if (resource.kind === 'MeshTLSAuthentication')
    return [
      ...literalSpots(spec, 'identities', isNear, (field) => ({ ...spec, ...field })),
      ...accountSpots(spec['identityRefs'], own, snapshot, isNear, (list) => ({ ...spec, identityRefs: list })),
    ];
  if (resource.kind === 'AuthorizationPolicy')
    return accountSpots(spec['requiredAuthenticationRefs'], own, snapshot, isNear, (list) => ({
      ...spec,
      requiredAuthenticationRefs: list,
    }));
  if (resource.kind !== 'ServerAuthorization') return [];
  const client = isObject(spec['client']) ? spec['client'] : {};
  const mesh = isObject(client['meshTLS']) ? client['meshTLS'] : {};
  const put = (field: Readonly<Record<string, unknown>>) => ({ ...spec, client: { ...client, meshTLS: { ...mesh, ...field } } });
  const accounts = listOf(mesh['serviceAccounts']).map((account) => (isObject(account) ? { kind: 'ServiceAccount', ...account } : account));
  return [
    ...literalSpots(mesh, 'identities', isNear, put),
    ...accountSpots(accounts, own, snapshot, isNear, (list) =>
      put({
        serviceAccounts: list.map((one) =>
          isObject(one) ? { name: one['name'], ...(one['namespace'] === undefined ? {} : { namespace: one['namespace'] }) } : one,
        ),
      }),
    ),
  ];
}

function literalSpots(
  holder: Readonly<Record<string, unknown>>,
  field: string,
  isNear: (listed: string) => boolean,
  put: (fields: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>,
): readonly Spot[] {
  const list = listOf(holder[field]);
  return list.flatMap((listed, i) =>
    typeof listed === 'string' && isNear(listed) ? [{ with: (identity: string) => put({ [field]: listWith(list, i, identity) }) }] : [],
  );
}

function accountSpots(
  value: unknown,
  own: string,
  { info }: Snapshot,
  isNear: (listed: string) => boolean,
  put: (list: readonly unknown[]) => Readonly<Record<string, unknown>>,
): readonly Spot[] {
  const list = listOf(value);
  return list.flatMap((ref, i) => {
    if (!isObject(ref) || ref['kind'] !== 'ServiceAccount' || typeof ref['name'] !== 'string') return [];
    const namespace = typeof ref['namespace'] === 'string' ? ref['namespace'] : own;
    if (!isNear(serviceAccountIdentity(info, namespace, ref['name']))) return [];
    const { namespace: _, ...rest } = ref;
    return [
      { with: (_identity: string, account: Account | null) => (account === null ? null : put(listWith(list, i, { ...rest, ...account }))) },
    ];
  });
}
