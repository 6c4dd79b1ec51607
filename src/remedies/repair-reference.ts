/** A reference that leads nowhere, or to the wrong object: the name, the namespace or the Server that was meant. */
import { isSlip } from '../diagnoses/near-name.ts';
import type { Excluded } from '../policy/excluded.ts';
import { listOf } from '../policy/reading.ts';
import { type ObjectRef, type Resource, showRef } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { type Entries, findResource, namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import { accountOf, listWith, made, narrowest, specOf, withSpec } from './objects.ts';
import type { Candidate, Kind, Plea } from './plea.ts';

export const repairReference: Kind = {
  id: 'repair-reference',
  candidates(plea) {
    return plea.law.excluded.flatMap((excluded) => {
      const policy = findResource(plea.snapshot, excluded.object);
      return policy === null ? [] : repairsOf(plea, policy, excluded);
    });
  },
};

function repairsOf(plea: Plea, policy: Resource, { object, reason }: Excluded): readonly Candidate[] {
  switch (reason.type) {
    case 'dangling':
      return danglingRepairs(plea, policy, reason.missing);
    case 'target-missing':
      return retargets(plea, policy, reason.target);
    case 'overshadowed-server':
      return toServer(plea, policy);
    case 'other-namespace':
      return moves(plea, policy, object);
    default:
      return [];
  }
}

function danglingRepairs(plea: Plea, policy: Resource, missing: ObjectRef): readonly Candidate[] {
  const refs = listOf(specOf(policy)['requiredAuthenticationRefs']);
  const own = policy.metadata.namespace;
  const at = refs.findIndex(
    (ref) =>
      isObject(ref) && ref['kind'] === missing.kind && ref['name'] === missing.name && (ref['namespace'] ?? own) === missing.namespace,
  );
  const written = refs[at];
  if (!isObject(written)) return [];
  return [...near(plea.snapshot, missing), null].flatMap((found): readonly Candidate[] => {
    if (found === null) return createsMissing(plea, missing);
    const { namespace: _, ...rest } = written;
    const ref = { ...rest, name: found.name, ...(found.namespace === own ? {} : { namespace: found.namespace }) };
    const spec = { ...specOf(policy), requiredAuthenticationRefs: listWith(refs, at, ref) };
    return [{ title: `Let ${name(policy)} refer to ${showRef(found)}, which exists.`, changes: [{ apply: withSpec(policy, spec) }] }];
  });
}

/** Of the kind: first those of the namespace whose name differs by a slip, then those of the same name elsewhere. */
function near(snapshot: Snapshot, missing: ObjectRef): readonly ObjectRef[] {
  const collection = missing.kind === 'NetworkAuthentication' ? 'networkAuthentications' : 'meshTLSAuthentications';
  const refsIn = (namespace: string) => {
    const entries: Entries<unknown> = namespaceIndex(snapshot, namespace)[collection];
    return [...entries.values()].flatMap(({ resource, value }) =>
      value === null ? [] : [{ ...missing, namespace, name: resource.metadata.name }],
    );
  };
  const slips = refsIn(missing.namespace).filter((ref) => isSlip(ref.name, missing.name));
  const others = [...snapshot.namespaces.keys()].filter((namespace) => namespace !== missing.namespace).sort();
  return [...slips, ...others.flatMap(refsIn).filter((ref) => ref.name === missing.name)];
}

/** With this client in it and nobody else. */
function createsMissing(plea: Plea, missing: ObjectRef): readonly Candidate[] {
  const { clientIp, tls } = plea.law.evaluation.connection;
  const title = `Create ${showRef(missing)} with this client alone.`;
  if (missing.kind === 'NetworkAuthentication') {
    const cidr = clientIp === null ? null : narrowest(clientIp);
    if (cidr === null) return [];
    return [{ title, changes: [{ apply: made('NetworkAuthentication', missing.namespace, missing.name, { networks: [{ cidr }] }) }] }];
  }
  const identity = tls?.state === 'established' ? tls.clientId : null;
  if (identity === null || missing.kind !== 'MeshTLSAuthentication') return [];
  const account = accountOf(plea.snapshot, identity);
  const spec = account === null ? { identities: [identity] } : { identityRefs: [{ kind: 'ServiceAccount', ...account }] };
  return [{ title, changes: [{ apply: made('MeshTLSAuthentication', missing.namespace, missing.name, spec) }] }];
}

/** `target`: `Server NAME` or `route NAME`. */
function retargets(plea: Plea, policy: Resource, target: string): readonly Candidate[] {
  const written = specOf(policy)['targetRef'];
  if (!isObject(written) || policy.kind !== 'AuthorizationPolicy') return toServer(plea, policy);
  const wrong = target.slice(target.lastIndexOf(' ') + 1);
  const { servers, routes } = namespaceIndex(plea.snapshot, policy.metadata.namespace);
  const named = target.startsWith('Server ') ? servers : routes;
  const alike = [...named.values()].filter(({ resource: { kind, metadata } }) => kind === written['kind'] && isSlip(metadata.name, wrong));
  const slips = alike.map(({ resource }): Candidate => {
    const { name: right } = resource.metadata;
    return {
      title: `Let ${name(policy)} target ${resource.kind} ${right}, which exists.`,
      changes: [{ apply: withSpec(policy, { ...specOf(policy), targetRef: { ...written, name: right } }) }],
    };
  });
  return [...slips, ...(target.startsWith('Server ') ? toServer(plea, policy) : [])];
}

/** The Server that has the port. */
function toServer({ law }: Plea, policy: Resource): readonly Candidate[] {
  const { server } = law.evaluation.policy;
  const spec = specOf(policy);
  if (server === null) return [];
  const field = policy.kind === 'ServerAuthorization' ? 'server' : 'targetRef';
  const written = isObject(spec[field]) ? spec[field] : {};
  if (field === 'targetRef' && written['kind'] !== 'Server') return [];
  const title = `Let ${name(policy)} target Server ${server.name}, which has the port.`;
  return [{ title, changes: [{ apply: withSpec(policy, { ...spec, [field]: { ...written, name: server.name } }) }] }];
}

/** To the Server's namespace, with its references written out; it had no effect where it stood. */
function moves({ law }: Plea, policy: Resource, object: ObjectRef): readonly Candidate[] {
  const { server } = law.evaluation.policy;
  if (server === null || policy.kind !== 'AuthorizationPolicy') return [];
  const { namespace } = server;
  const from = policy.metadata.namespace;
  const refs = listOf(specOf(policy)['requiredAuthenticationRefs']).map((ref) => {
    if (!isObject(ref)) return ref;
    const { namespace: named, ...rest } = ref;
    const target = named ?? from;
    return target === namespace ? rest : { ...rest, namespace: target };
  });
  const { labels, annotations } = policy.metadata;
  const moved: Resource = {
    apiVersion: policy.apiVersion,
    kind: policy.kind,
    metadata: { name: policy.metadata.name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) },
    spec: { ...specOf(policy), requiredAuthenticationRefs: refs },
  };
  return [
    { title: `Move ${name(policy)} to namespace ${namespace}, where its Server is.`, changes: [{ apply: moved }, { delete: object }] },
  ];
}

function name({ kind, metadata }: Resource): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}
