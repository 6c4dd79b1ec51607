/** Which authorizations a Server and a route carry (linkerd2 `policy-controller/k8s/index/src/inbound/index.rs`, `client_authzs`). */
import { type AuthenticationTarget, type AuthorizationPolicy, POLICY_GROUP } from './authorization-policy.ts';
import { ALL_NETWORKS, defaultAuthorizations, UNAUTHENTICATED } from './default-policy.ts';
import { serviceAccountIdentity } from './identity.ts';
import type { ClientAuthentication, ClientAuthorization, NetworkMatch } from './inbound.ts';
import { memo } from './memo.ts';
import type { ObjectRef } from './resource.ts';
import type { Route } from './route.ts';
import { selects } from './selector.ts';
import type { Server } from './server.ts';
import type { ServerAuthorization } from './server-authorization.ts';
import { type Entries, groupBy, type NamespaceIndex, namespaceIndex, type Snapshot } from './snapshot.ts';

/** An AuthorizationPolicy that has no effect although it was read. `missing`: the authentication that does not exist. */
export interface IllegalPolicy {
  readonly illegal: string;
  readonly missing: ObjectRef | null;
}

const policiesByTarget = groupBy<AuthorizationPolicy>(({ target }) => {
  if (target.type === 'namespace') return ['namespace'];
  return [target.type === 'server' ? `server/${target.name}` : `route/${target.key}`];
});

const authorizationsByServerName = groupBy<ServerAuthorization>((saz) => ('name' in saz.server ? [saz.server.name] : []));
const authorizationsBySelector = memo((entries: Entries<ServerAuthorization>) =>
  [...entries.values()].flatMap(({ value }) =>
    value !== null && 'selector' in value.server ? [{ ...value, selector: value.server.selector }] : [],
  ),
);

/** Those of a Server, sorted by kind and name (Linkerd's own order is random): ServerAuthorizations, AuthorizationPolicies on it or on the namespace, `accessPolicy`. */
export function authorizationsOfServer(snapshot: Snapshot, index: NamespaceIndex, server: Server): readonly ClientAuthorization[] {
  const policies = policiesByTarget(index.authorizationPolicies);
  const out = legal(snapshot, [...(policies.get(`server/${server.ref.name}`) ?? []), ...(policies.get('namespace') ?? [])]);
  if (server.accessPolicy !== null) out.push(...defaultAuthorizations(server.accessPolicy, snapshot.info));
  for (const saz of authorizationsByServerName(index.serverAuthorizations).get(server.ref.name) ?? []) out.push(saz.authorization);
  for (const saz of authorizationsBySelector(index.serverAuthorizations))
    if (selects(saz.selector, server.labels)) out.push(saz.authorization);
  return out.sort(compareAuthorizations);
}

/** The route's own; the proxy adds those of the Server. */
export function authorizationsOfRoute(snapshot: Snapshot, index: NamespaceIndex, route: Route): readonly ClientAuthorization[] {
  return legal(snapshot, policiesByTarget(index.authorizationPolicies).get(`route/${route.key}`) ?? []).sort(compareAuthorizations);
}

function legal(snapshot: Snapshot, policies: readonly AuthorizationPolicy[]): ClientAuthorization[] {
  const out: ClientAuthorization[] = [];
  for (const policy of policies) {
    const authorization = authorizationOfPolicy(snapshot, policy);
    if (!('illegal' in authorization)) out.push(authorization);
  }
  return out;
}

function compareAuthorizations(a: ClientAuthorization, b: ClientAuthorization): number {
  if (a.ref.kind !== b.ref.kind) return a.ref.kind < b.ref.kind ? -1 : 1;
  return a.ref.name < b.ref.name ? -1 : 1;
}

/** What a policy permits: AND over its references. One that is missing, or a second of a kind, and the whole policy has no effect. */
export function authorizationOfPolicy(snapshot: Snapshot, policy: AuthorizationPolicy): ClientAuthorization | IllegalPolicy {
  let authentication: ClientAuthentication | null = null;
  let networks: readonly NetworkMatch[] | null = null;
  const isNetwork = ({ kind }: AuthenticationTarget) => kind === 'NetworkAuthentication';
  // In the controller's order, so that the complaint is the one it logs: identities first, and whether an object exists before how many there are.
  for (const target of policy.authentications.filter((t) => !isNetwork(t))) {
    const found = identitiesOf(snapshot, target);
    if (found === null) return dangling(target);
    if (authentication !== null) return { illegal: `policy must not include multiple ${target.kind}s`, missing: null };
    authentication = { type: 'tls-authenticated', ...found };
  }
  for (const target of policy.authentications.filter(isNetwork)) {
    const found = namespaceIndex(snapshot, target.namespace).networkAuthentications.get(entryKey(target))?.value;
    if (found == null) return dangling(target);
    if (networks !== null) return { illegal: 'policy must not include multiple NetworkAuthentications', missing: null };
    networks = found.networks;
  }
  return {
    ref: { group: POLICY_GROUP, kind: 'authorizationpolicy', name: policy.ref.name },
    object: policy.ref,
    via: policy.authentications.map(targetRef),
    authentication: authentication ?? UNAUTHENTICATED,
    networks: networks ?? EVERYWHERE,
  };
}

const EVERYWHERE: readonly NetworkMatch[] = ALL_NETWORKS.map((net) => ({ net, except: [] }));

/** A ServiceAccount never dangles: it is only turned into a string. */
function identitiesOf(snapshot: Snapshot, target: AuthenticationTarget) {
  if (target.kind === 'ServiceAccount') {
    return { identities: [serviceAccountIdentity(snapshot.info, target.namespace, target.name)], suffixes: [] };
  }
  return namespaceIndex(snapshot, target.namespace).meshTLSAuthentications.get(entryKey(target))?.value ?? null;
}

function entryKey(target: AuthenticationTarget): string {
  return `${POLICY_GROUP}/${target.kind}/${target.name}`;
}

function targetRef(target: AuthenticationTarget): ObjectRef {
  const group = target.kind === 'ServiceAccount' ? '' : POLICY_GROUP;
  return { group, kind: target.kind, namespace: target.namespace, name: target.name };
}

function dangling(target: AuthenticationTarget): IllegalPolicy {
  return { illegal: `could not find ${target.kind} ${target.name} in namespace ${target.namespace}`, missing: targetRef(target) };
}
