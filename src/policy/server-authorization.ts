/** `ServerAuthorization` (linkerd2 `policy-controller/k8s/index/src/inbound/server_authorization.rs`). */
import { UNAUTHENTICATED } from './default-policy.ts';
import { readIdentityPattern, serviceAccountIdentity } from './identity.ts';
import type { ClientAuthentication, ClientAuthorization, NetworkMatch } from './inbound.ts';
import { readNetworks } from './network-authentication.ts';
import { listOf, stringOr, type Unreadable } from './reading.ts';
import { type Resource, refOf } from './resource.ts';
import { isObject, readLinkerdSelector, type Selector } from './selector.ts';
import type { ClusterInfo } from './settings.ts';

export interface ServerAuthorization {
  readonly server: { readonly name: string } | { readonly selector: Selector };
  readonly authorization: ClientAuthorization;
}

export function readServerAuthorization(resource: Resource, info: ClusterInfo): ServerAuthorization | Unreadable {
  const spec = isObject(resource.spec) ? resource.spec : {};
  const server = readTarget(spec['server']);
  if (server === null) return { unreadable: 'spec.server holds neither a name nor a selector that can be read' };
  const client = isObject(spec['client']) ? spec['client'] : {};
  const authentication = readAuthentication(client, resource.metadata.namespace, info);
  if ('unreadable' in authentication) return authentication;
  const networks = readNetworks(client['networks']);
  if ('unreadable' in networks) return networks;
  return {
    server,
    authorization: {
      ref: { group: 'policy.linkerd.io', kind: 'serverauthorization', name: resource.metadata.name },
      object: refOf(resource),
      via: [],
      authentication,
      networks: networks.length > 0 ? networks : clusterNetworks(info),
    },
  };
}

/** Without networks of its own a ServerAuthorization takes the cluster's, not all (an AuthorizationPolicy takes all). */
function clusterNetworks(info: ClusterInfo): readonly NetworkMatch[] {
  return info.clusterNetworks.map((net) => ({ net, except: [] }));
}

/** A name goes before a selector; neither takes every Server. */
function readTarget(server: unknown): ServerAuthorization['server'] | null {
  if (!isObject(server)) return null;
  if (typeof server['name'] === 'string') return { name: server['name'] };
  const selector = readLinkerdSelector(server['selector'] ?? {});
  return selector === null ? null : { selector };
}

function readAuthentication(
  client: Readonly<Record<string, unknown>>,
  namespace: string,
  info: ClusterInfo,
): ClientAuthentication | Unreadable {
  if (client['unauthenticated'] === true) return UNAUTHENTICATED;
  const mtls = client['meshTLS'];
  if (!isObject(mtls)) return { unreadable: 'no client authentication configured' };
  if (mtls['unauthenticatedTLS'] === true) return { type: 'tls-unauthenticated' };
  const identities: string[] = [];
  const suffixes: string[] = [];
  for (const text of listOf(mtls['identities']).filter((id) => typeof id === 'string')) {
    const pattern = readIdentityPattern(text);
    if ('suffix' in pattern) suffixes.push(pattern.suffix);
    else identities.push(pattern.identity);
  }
  for (const account of listOf(mtls['serviceAccounts']).filter(isObject)) {
    identities.push(serviceAccountIdentity(info, stringOr(account['namespace'], namespace), stringOr(account['name'], '')));
  }
  if (identities.length + suffixes.length === 0) return { unreadable: 'authorization authorizes no clients' };
  return { type: 'tls-authenticated', identities, suffixes };
}
