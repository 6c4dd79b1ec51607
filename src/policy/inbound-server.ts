/** The policy in force for one port of one workload (linkerd2 `policy-controller/k8s/index/src/inbound/index.rs`). */
import { authorizationsOfRoute, authorizationsOfServer } from './authorizations.ts';
import { authenticatedSibling, defaultAuthorizations, UNAUTHENTICATED } from './default-policy.ts';
import type {
  ClientAuthorization,
  DefaultPolicyOrigin,
  InboundRoute,
  InboundServer,
  NetworkMatch,
  PathMatch,
  RateLimit,
} from './inbound.ts';
import { memo } from './memo.ts';
import type { RateLimitPolicy } from './rate-limit.ts';
import { compareRoutes, type Route } from './route.ts';
import { selects } from './selector.ts';
import { compareServers, type Server } from './server.ts';
import type { ClusterInfo } from './settings.ts';
import { type Entries, groupBy, type NamespaceIndex, namespaceIndex, type Snapshot } from './snapshot.ts';
import type { Workload } from './workload.ts';

/**
 * What the controller sends for `port`; the workload must be meshed (others get no policy at all). Pods for which the same comes out (replicas,
 * above all) share one object.
 */
export function inboundServer(snapshot: Snapshot, workload: Workload, port: number): InboundServer {
  const servers = serversOf(namespaceIndex(snapshot, workload.ref.namespace), workload, port);
  const defaultPolicy = defaultPolicyOf(snapshot.info, workload, port);
  const paths = workload.probes.get(port) ?? [];
  const opaque = servers.length === 0 && workload.settings.opaquePorts.has(port);
  const names = servers.map((s) => s.ref.name);
  const key = JSON.stringify([workload.ref.namespace, names, workload.kind, opaque, defaultPolicy, paths]);
  const made = policiesMade(snapshot);
  let policy = made.get(key);
  if (policy === undefined) {
    const probes = probeRoute(paths, snapshot.info);
    const [server] = servers;
    policy =
      server === undefined ? defaultServer(snapshot, defaultPolicy, opaque, probes) : policyOf(snapshot, servers, probes, defaultPolicy);
    made.set(key, policy);
  }
  return policy;
}

const policiesMade = memo((_snapshot: Snapshot) => new Map<string, InboundServer>());

function defaultServer(
  snapshot: Snapshot,
  defaultPolicy: DefaultPolicyOrigin,
  opaque: boolean,
  probes: readonly InboundRoute[],
): InboundServer {
  const authorizations = defaultAuthorizations(defaultPolicy.policy, snapshot.info);
  return {
    ref: { group: '', kind: 'default', name: defaultPolicy.policy },
    protocol: opaque ? 'opaque' : 'detect',
    authorizations,
    routes: opaque ? null : [DEFAULT_HTTP_ROUTE, ...probes],
    rateLimit: null,
    rejectedByProxy: rejectionOf(authorizations, null),
    server: null,
    overshadowed: [],
    defaultPolicy,
  };
}

function policyOf(
  snapshot: Snapshot,
  servers: readonly Server[],
  probes: readonly InboundRoute[],
  defaultPolicy: DefaultPolicyOrigin,
): InboundServer {
  const [server, ...overshadowed] = servers as readonly [Server, ...Server[]];
  const index = namespaceIndex(snapshot, server.ref.namespace);
  const routes = routesOf(snapshot, index, server, probes);
  const authorizations = authorizationsOfServer(snapshot, index, server);
  const limited = server.protocol === 'detect' || server.protocol === 'http1' || server.protocol === 'http2';
  return {
    ref: { group: 'policy.linkerd.io', kind: 'server', name: server.ref.name },
    protocol: server.protocol,
    authorizations,
    routes,
    rateLimit: limited ? rateLimitOf(index, server) : null,
    rejectedByProxy: rejectionOf(authorizations, routes),
    server: server.ref,
    overshadowed: overshadowed.map((s) => s.ref),
    defaultPolicy,
  };
}

/** Every Server that selects the port, the one that takes it first. */
function serversOf(index: NamespaceIndex, workload: Workload, port: number): readonly Server[] {
  const { byLabel, rest } = serversByLabel(index.servers);
  const labelled =
    byLabel.size === 0 ? [] : Object.entries(workload.labels).flatMap(([key, value]) => byLabel.get(`${key}=${value}`) ?? []);
  return [...rest, ...labelled]
    .filter((s) => s.selects === workload.kind && takesPort(s, workload, port) && selects(s.selector, workload.labels))
    .sort(compareServers);
}

function takesPort(server: Server, workload: Workload, port: number): boolean {
  return typeof server.port === 'number' ? server.port === port : (workload.portNames.get(server.port)?.includes(port) ?? false);
}

/** Servers by the first label they ask for, so that a pod looks only at those that can select it. */
const serversByLabel = memo((servers: Entries<Server>) => {
  const byLabel = new Map<string, Server[]>();
  const rest: Server[] = [];
  for (const { value } of servers.values()) {
    if (value === null) continue;
    const label = value.selector.matchLabels[0];
    if (label === undefined) {
      rest.push(value);
      continue;
    }
    const key = `${label[0]}=${label[1]}`;
    const known = byLabel.get(key);
    if (known === undefined) byLabel.set(key, [value]);
    else known.push(value);
  }
  return { byLabel, rest };
});

function defaultPolicyOf(info: ClusterInfo, workload: Workload, port: number): DefaultPolicyOrigin {
  const { defaultPolicy, ignoredDefaultPolicy, requireIdentityPorts } = workload.settings;
  const base = defaultPolicy ?? info.defaultPolicy;
  const policy = requireIdentityPorts.has(port) ? authenticatedSibling(base) : base;
  return {
    policy,
    from: defaultPolicy === null ? 'cluster-default' : 'pod-annotation',
    ignoredAnnotation: ignoredDefaultPolicy,
    identityRequired: policy !== base,
  };
}

const routesByServer = groupBy<Route>((route) => route.parents);

/** The routes of a Server in the controller's order. As soon as one is accepted, `default` and `probe` are gone. */
function routesOf(
  snapshot: Snapshot,
  index: NamespaceIndex,
  server: Server,
  probes: readonly InboundRoute[],
): readonly InboundRoute[] | null {
  if (server.protocol === 'opaque' || server.protocol === 'tls') return null;
  const type = server.protocol === 'grpc' ? 'grpc' : 'http';
  const attached = (routesByServer(index.routes).get(server.ref.name) ?? [])
    .filter((route) => route.rules.type === type && route.accepted.has(server.ref.name))
    .sort(compareRoutes);
  if (attached.length === 0) return type === 'grpc' ? [DEFAULT_GRPC_ROUTE] : [DEFAULT_HTTP_ROUTE, ...probes];
  return [...new Set(attached)].map((route) => ({
    ref: { group: route.ref.group, kind: route.ref.kind, name: route.ref.name },
    object: route.ref,
    hosts: route.hosts,
    authorizations: authorizationsOfRoute(snapshot, index, route),
    rules: route.rules,
  }));
}

const ANY_PATH: PathMatch = { type: 'prefix', value: '/' };
const DEFAULT_REF = { group: '', kind: 'default', name: 'default' };
const DEFAULT_HTTP_ROUTE: InboundRoute = {
  ref: DEFAULT_REF,
  object: null,
  hosts: [],
  authorizations: [],
  rules: { type: 'http', rules: [{ matches: [{ path: ANY_PATH, headers: [], queryParams: [], method: null }], filters: [] }] },
};
const DEFAULT_GRPC_ROUTE: InboundRoute = {
  ref: DEFAULT_REF,
  object: null,
  hosts: [],
  authorizations: [],
  rules: { type: 'grpc', rules: [{ matches: [{ rpc: { service: '', method: '' }, headers: [] }], filters: [] }] },
};

function probeRoute(paths: readonly string[], info: ClusterInfo): readonly InboundRoute[] {
  if (paths.length === 0 || info.probeNetworks.length === 0) return [];
  const ref = { group: '', kind: 'default', name: 'probe' };
  const networks: readonly NetworkMatch[] = info.probeNetworks.map((net) => ({ net, except: [] }));
  const matches = paths.map((path) => ({ path: { type: 'exact', value: path } as const, headers: [], queryParams: [], method: 'GET' }));
  return [
    {
      ref,
      object: null,
      hosts: [],
      authorizations: [{ ref, object: null, via: [], authentication: UNAUTHENTICATED, networks }],
      rules: { type: 'http', rules: [{ matches, filters: [] }] },
    },
  ];
}

/**
 * The proxy's complaint about a policy that it cannot use (linkerd2-proxy `linkerd/proxy/server-policy`): an authorization for no network at all
 * (without cluster networks), a gRPC match with headers and no RPC, a query parameter without a name.
 */
function rejectionOf(authorizations: readonly ClientAuthorization[], routes: readonly InboundRoute[] | null): string | null {
  if (authorizations.some((a) => a.networks.length === 0)) return 'invalid authorization: missing networks';
  for (const { rules } of routes ?? []) {
    if (rules.type === 'grpc') {
      if (rules.rules.some((rule) => rule.matches.some((m) => m.rpc === null)))
        return 'invalid gRPC route: invalid route match: missing RPC match';
    } else if (rules.rules.some((rule) => rule.matches.some((m) => m.queryParams.some((q) => q.name === '')))) {
      return 'invalid HTTP route: invalid route match: invalid query param match: missing a query param name';
    }
  }
  return null;
}

const rateLimitsByServer = groupBy<RateLimitPolicy>((policy) => [policy.server]);

function rateLimitOf(index: NamespaceIndex, server: Server): RateLimit | null {
  const accepted = (rateLimitsByServer(index.rateLimits).get(server.ref.name) ?? []).filter((p) => p.accepted);
  accepted.sort((a, b) => (a.createdAt ?? 0) - (b.createdAt ?? 0) || (a.limit.ref.name < b.limit.ref.name ? -1 : 1));
  return accepted[0]?.limit ?? null;
}
