/** The law's findings in words for people. The sentences stand here, beside each other, so that CLI, API and alerts say the same. */
import type { AuthenticationReason, ClientTls, Considered, Evaluation, NetworkReason } from './evaluation.ts';
import type { Excluded, NearServer } from './excluded.ts';
import { parseIdentity } from './identity.ts';
import type { ClientAuthorization, DefaultPolicyOrigin, GrpcRouteMatch, HttpRouteMatch, ProxyProtocol, ServerRef } from './inbound.ts';
import { showRef } from './resource.ts';

export function showDefaultOrigin(origin: DefaultPolicyOrigin): string {
  const from = origin.from === 'pod-annotation' ? 'pod annotation config.linkerd.io/default-inbound-policy' : 'cluster default';
  const identity = origin.identityRequired ? ', made to need an identity by config.linkerd.io/proxy-require-identity-inbound-ports' : '';
  const ignored =
    origin.ignoredAnnotation === null
      ? ''
      : `; the pod's annotation ${JSON.stringify(origin.ignoredAnnotation)} is no policy and is ignored`;
  return `${from}${identity}${ignored}`;
}

export function showNear({ server, why }: NearServer): string {
  switch (why.type) {
    case 'port-name':
      return `Server ${server.name} asks for a port named ${JSON.stringify(why.port)}, and the pod declares ${why.declared.length === 0 ? 'no named port' : why.declared.join(', ')}`;
    case 'other-port':
      return `Server ${server.name} takes port ${why.port}`;
    case 'selector':
      return `Server ${server.name} selects pods by ${why.required.join(', ')}`;
  }
}

/** What is known of the client and of the cluster beside the evaluation. */
export interface Surroundings {
  /** Whether the client's pod has a proxy; null: no pod is known. */
  readonly clientIsMeshed: boolean | null;
  /** What is known of a client that is no pod, to follow a colon; null: it is a pod, or nothing is known. */
  readonly clientOutside: string | null;
  readonly clusterNetworks: readonly string[];
}

/** Why it did not apply, to follow its name in a sentence. */
export function mismatchWords(c: Considered, { connection }: Evaluation, surroundings: Surroundings): string {
  const { tls } = connection;
  if (c.authentication.match === 'no') {
    const { why } = c.authentication;
    if (why === 'identity-not-listed') return nearIdentityWords(c.authorization, tls) ?? notListedWords(c.authorization);
    return why === 'no-tls'
      ? `needs a mesh identity, and the client showed none${bypassWords(tls, surroundings)}`
      : AUTHENTICATION_WORDS[why];
  }
  if (c.network.match === 'no') return networkWords(c, surroundings.clusterNetworks);
  if (c.network.match === 'unobserved') return 'takes some addresses only, and the client’s was not observed';
  return 'needs an identity, and the client’s was not observed';
}

function notListedWords({ via, object }: ClientAuthorization): string {
  const [account] = via.filter((ref) => ref.kind === 'ServiceAccount');
  if (account !== undefined) return `takes ServiceAccount ${account.namespace}/${account.name} only`;
  return object === null ? 'takes any identity of DNS form, and this is none' : 'does not list this identity';
}

const AUTHENTICATION_WORDS = {
  passthru: 'needs a mesh identity, and the client spoke TLS of its own',
  'no-client-identity': 'needs a mesh identity, and the client showed no certificate',
  'uri-identity': 'has only wildcards, which never take a SPIFFE identity',
} as const;

function bypassWords(tls: ClientTls | null, { clientIsMeshed: isMeshed, clientOutside }: Surroundings): string {
  if (isMeshed === false) return ': its pod has no proxy';
  if (isMeshed === true) return ': its pod is meshed, so its proxy was skipped or did not know this address as meshed';
  if (clientOutside !== null) return `: ${clientOutside}`;
  return tls?.state === 'none' && tls.reason === 'port_skipped' ? ': it dialled the opaque port directly' : '';
}

function networkWords({ authorization, network }: Considered, clusterNetworks: readonly string[]): string {
  if (network.match === 'no' && network.exceptedBy !== null) return `leaves the client’s address out (except ${network.exceptedBy.text})`;
  const isClusters = authorization.networks.map((n) => n.net.text).join() === clusterNetworks.join();
  if (authorization.object === null || (isClusters && authorization.object.kind === 'ServerAuthorization')) {
    const why = authorization.object === null ? 'takes the networks' : 'names no networks, so takes those';
    return `${why} of the cluster only, and the client’s address is in none of them`;
  }
  return authorization.object.kind === 'ServerAuthorization' ? 'does not take the client’s address' : 'does not hold the client’s address';
}

/** The same ServiceAccount is listed, but of another namespace, control plane or trust domain. */
function nearIdentityWords(authorization: ClientAuthorization, tls: ClientTls | null): string | null {
  const identity = tls?.state === 'established' ? tls.clientId : null;
  const observed = identity === null ? null : parseIdentity(identity);
  if (observed === null) return null;
  for (const text of requiredIdentities(authorization)) {
    const listed = parseIdentity(text);
    if (listed?.serviceAccount !== observed.serviceAccount) continue;
    if (listed.namespace !== observed.namespace)
      return `lists ServiceAccount ${listed.serviceAccount} of another namespace, ${listed.namespace}`;
    if (listed.trustDomain !== observed.trustDomain) return `lists this ServiceAccount with another trust domain, ${listed.trustDomain}`;
    return `lists this ServiceAccount with another control plane namespace, ${listed.controlPlaneNamespace}`;
  }
  return null;
}

export function requiredIdentities({ authentication }: ClientAuthorization): readonly string[] {
  if (authentication.type === 'tls-unauthenticated') return ['mesh TLS'];
  if (authentication.type === 'unauthenticated') return [];
  return [...authentication.identities, ...authentication.suffixes.map((s) => (s === '' ? '* (any mesh identity of DNS form)' : `*${s}`))];
}

export function requiredNetworks({ networks }: ClientAuthorization): readonly string[] {
  return networks.map((n) => n.net.text + (n.except.length === 0 ? '' : ` except ${n.except.map((e) => e.text).join(', ')}`));
}

/** `AuthorizationPolicy ns/name (MeshTLSAuthentication ns/x, …)`, or the default's name. */
export function showAuthorization({ ref, object, via }: ClientAuthorization): string {
  if (object === null) return ref.name === 'localhost' ? 'localhost' : `default ${ref.name}`;
  return via.length === 0 ? showRef(object) : `${showRef(object)} → ${via.map(showRef).join(' and ')}`;
}

export function showExcluded({ object, reason }: Excluded): string {
  const name = showRef(object);
  switch (reason.type) {
    case 'dangling':
      return `${name} has no effect: ${showRef(reason.missing)} does not exist.`;
    case 'illegal':
      return `${name} has no effect: ${reason.error}.`;
    case 'unreadable':
      return `${name} cannot be read (${reason.error})${reason.keptOld ? '; a running controller keeps the version before' : ''}.`;
    case 'other-route':
      return `${name} authorizes another route, ${reason.route}.`;
    case 'route-not-attached':
      return `${name} authorizes ${showRef(reason.route)}, which is not attached: ${reason.why}.`;
    case 'route-policy-on-tcp':
      return `${name} authorizes a route, and routes do not count here.`;
    case 'overshadowed-server':
      return `${name} is for Server ${reason.server}, which another Server keeps from the port.`;
    case 'target-missing':
      return `${name} targets ${reason.target}, which does not exist in its namespace.`;
    case 'other-namespace':
      return `${name} targets Server ${reason.server} from another namespace: policies apply only inside their own.`;
    case 'no-server':
      return `${name} has no effect here: no Server selects the port.`;
  }
}

/** One reason in words, for the list of everything considered. */
export function showReasons(network: NetworkReason, authentication: AuthenticationReason): string {
  const parts: string[] = [];
  if (authentication.match === 'no') parts.push(SHORT_WORDS[authentication.why]);
  if (authentication.match === 'unobserved') parts.push('the client’s identity was not observed');
  if (network.match === 'no')
    parts.push(network.exceptedBy === null ? 'address in none of its networks' : `address in its exception ${network.exceptedBy.text}`);
  if (network.match === 'unobserved') parts.push('the client’s address was not observed');
  if (parts.length > 0) return parts.join('; ');
  const by = authentication.match === 'yes' && authentication.by !== null ? `lists ${authentication.by}` : 'asks for no identity';
  return network.match === 'yes' && network.by.net.prefix > 0 ? `${by}, address in ${network.by.net.text}` : by;
}

const SHORT_WORDS = {
  'no-tls': 'needs a mesh identity, the client showed none',
  passthru: 'needs a mesh identity, the client spoke TLS of its own',
  'no-client-identity': 'needs a mesh identity, the client showed no certificate',
  'identity-not-listed': 'identity not listed',
  'uri-identity': 'wildcards take no SPIFFE identity',
} as const;

/** `Server orders-http`, or `default policy deny`. */
export function showServerRef({ kind, name }: ServerRef): string {
  return kind === 'default' ? `default policy ${name}` : `Server ${name}`;
}

export function showClientTls(tls: ClientTls): string {
  if (tls.state === 'established') return tls.clientId ?? 'mesh TLS without a client certificate';
  if (tls.state === 'passthru') return `TLS for ${tls.sni}`;
  return tls.reason === 'port_skipped' ? 'no mesh TLS: the port is opaque and was dialled directly' : 'no mesh TLS';
}

/** As `Server.spec.proxyProtocol` spells it. */
export function showProtocol(protocol: ProxyProtocol): string {
  return { detect: 'unknown', http1: 'HTTP/1', http2: 'HTTP/2', grpc: 'gRPC', opaque: 'opaque', tls: 'TLS' }[protocol];
}

/** `GET /api/…`, `any method, exactly /health`, `orders.v1.Orders/List`. */
export function showMatch(match: HttpRouteMatch | GrpcRouteMatch): string {
  if ('rpc' in match) {
    const { rpc } = match;
    return rpc === null ? 'no RPC' : `${rpc.service || '*'}/${rpc.method || '*'}`;
  }
  const { method, path, headers, queryParams } = match;
  const value = path?.value ?? '/';
  const where =
    path?.type === 'exact'
      ? `exactly ${value}`
      : path?.type === 'regex'
        ? `regex ${value}`
        : value === '/'
          ? 'every path'
          : `${value}/…`.replace('//', '/');
  const more = [...headers.map((h) => `header ${h.name}`), ...queryParams.map((q) => `query ${q.name}`)];
  return `${method === null ? '' : `${method} `}${where}${more.length === 0 ? '' : ` with ${more.join(', ')}`}`;
}

/** The policy that would let the client in, and why it has no say: the reason turned towards the request. */
export function showMeant({ object, reason }: Excluded, { policy, route }: Evaluation): string {
  const name = `${showRef(object)}, which would let this client in,`;
  const server = policy.server === null ? 'another Server' : `Server ${policy.server.name}`;
  switch (reason.type) {
    case 'other-route':
      return `The request matched ${route?.kind ?? 'route'} ${route?.name ?? ''}; ${name} is for another route, ${reason.route}.`;
    case 'overshadowed-server':
      return `${server} has the port; ${name} is for Server ${reason.server}, which is younger (or later by name) and has no effect on it.`;
    case 'route-not-attached':
      return `${name} is for ${showRef(reason.route)}, which is not attached: ${reason.why}.`;
    case 'route-policy-on-tcp':
      return policy.routes === null
        ? `${name} is for a route, and on ${server} (protocol ${showProtocol(policy.protocol)}) routes do not count.`
        : `${name} is for a route, and routes do not count for a connection that ${server} (protocol ${showProtocol(policy.protocol)}) takes for TCP.`;
    case 'target-missing':
      return `${name} targets ${reason.target}, which does not exist in its namespace.`;
    case 'other-namespace':
      return `${name} lives in another namespace than ${server}: policies act only in their own.`;
    default:
      return showExcluded({ object, reason, wouldApply: 'yes' });
  }
}
