/** Objects that look as if they should have decided, and the exact reason why they had no say: what a person would otherwise hunt for by hand. */
import type { AuthorizationPolicy } from './authorization-policy.ts';
import { authorizationOfPolicy } from './authorizations.ts';
import { evaluate } from './evaluate.ts';
import type { Considered, Evaluation } from './evaluation.ts';
import type { ClientAuthorization, InboundServer } from './inbound.ts';
import { memo } from './memo.ts';
import { listOf } from './reading.ts';
import { type ObjectRef, refOf } from './resource.ts';
import type { Route } from './route.ts';
import { isObject, selects } from './selector.ts';
import type { Server } from './server.ts';
import type { ServerAuthorization } from './server-authorization.ts';
import { type Entries, type Entry, findResource, groupBy, type NamespaceIndex, namespaceIndex, type Snapshot } from './snapshot.ts';
import type { Workload } from './workload.ts';

export type ExcludedReason =
  /** An authentication it requires does not exist. */
  | { readonly type: 'dangling'; readonly missing: ObjectRef; readonly error: string }
  /** Readable, but against the rules (several authentications of a kind, …). */
  | { readonly type: 'illegal'; readonly error: string }
  /** The controller cannot read it. `keptOld`: it keeps an earlier version in force. */
  | { readonly type: 'unreadable'; readonly error: string; readonly keptOld: boolean }
  /** It authorizes another route than the one that matched. */
  | { readonly type: 'other-route'; readonly route: string }
  /** Its route exists but is not attached to this Server. */
  | { readonly type: 'route-not-attached'; readonly route: ObjectRef; readonly why: string }
  /** A route policy; the port is judged as TCP (or as a protocol without routes). */
  | { readonly type: 'route-policy-on-tcp' }
  /** Its Server selects the port too, but an older Server took it. */
  | { readonly type: 'overshadowed-server'; readonly server: string }
  /** What it targets does not exist in its namespace. */
  | { readonly type: 'target-missing'; readonly target: string }
  /** It targets a Server of this name, but lives in another namespace: policies apply only inside their own. */
  | { readonly type: 'other-namespace'; readonly server: string }
  /** No Server selects the port: AuthorizationPolicies cannot help. */
  | { readonly type: 'no-server' };

export interface Excluded {
  readonly object: ObjectRef;
  readonly reason: ExcludedReason;
  /** Whether it would let the client in if it had a say; null: it has no readable content to tell by. */
  readonly wouldApply: Considered['applies'] | null;
}

/** A route that wants to be on the Server and is not. */
export interface UnattachedRoute {
  readonly route: ObjectRef;
  readonly why: string;
}

/** A Server that nearly selects a port which no Server selects. */
export interface NearServer {
  readonly server: ObjectRef;
  readonly why:
    | { readonly type: 'port-name'; readonly port: string; readonly declared: readonly string[] }
    | { readonly type: 'other-port'; readonly port: number }
    | { readonly type: 'selector'; readonly required: readonly string[] };
}

/** All of them, by name. */
export function excludedPolicies(snapshot: Snapshot, workload: Workload, evaluation: Evaluation): readonly Excluded[] {
  const { policy } = evaluation;
  const index = namespaceIndex(snapshot, workload.ref.namespace);
  const out: Excluded[] = [...inOtherNamespaces(snapshot, policy.server, evaluation)];
  for (const entry of index.authorizationPolicies.values()) {
    const reason = reasonOf(snapshot, index, evaluation, entry);
    if (reason !== null) out.push({ object: refOf(entry.resource), reason, wouldApply: wouldApply(snapshot, entry.value, evaluation) });
  }
  for (const entry of index.serverAuthorizations.values()) {
    if (entry.error !== null) out.push({ object: refOf(entry.resource), reason: unreadable(entry), wouldApply: null });
    else if (entry.value !== null) out.push(...otherServersAuthorization(index, policy, entry.value, evaluation));
  }
  return out.sort((a, b) => (a.object.name < b.object.name ? -1 : 1));
}

function wouldApply(snapshot: Snapshot, policy: AuthorizationPolicy | null, evaluation: Evaluation): Excluded['wouldApply'] {
  const authorization = policy === null ? null : authorizationOfPolicy(snapshot, policy);
  return authorization === null || 'illegal' in authorization ? null : appliesTo(authorization, evaluation);
}

/** As the only authorization of a port that takes anything. */
function appliesTo(authorization: ClientAuthorization, { policy, connection }: Evaluation): Considered['applies'] {
  const alone: InboundServer = { ...policy, protocol: 'opaque', rejectedByProxy: null, authorizations: [authorization] };
  return evaluate(alone, connection, { type: 'tcp' }).considered[0]?.applies ?? 'no';
}

/** ServerAuthorizations by name, of a Server that lost this port or does not exist. */
function otherServersAuthorization(
  index: NamespaceIndex,
  policy: InboundServer,
  { server, authorization }: ServerAuthorization,
  evaluation: Evaluation,
): readonly Excluded[] {
  if (!('name' in server) || authorization.object === null || server.name === policy.server?.name) return [];
  const reason = policy.server === null ? null : otherServer(index, policy, server.name);
  return reason === null ? [] : [{ object: authorization.object, reason, wouldApply: appliesTo(authorization, evaluation) }];
}

function unreadable(entry: Entry<unknown>): ExcludedReason {
  return { type: 'unreadable', error: entry.error ?? '', keptOld: entry.value !== null };
}

function reasonOf(
  snapshot: Snapshot,
  index: NamespaceIndex,
  evaluation: Evaluation,
  entry: Entry<AuthorizationPolicy>,
): ExcludedReason | null {
  if (entry.error !== null) return unreadable(entry);
  const value = entry.value;
  if (value === null) return null;
  const { target } = value;
  const { policy } = evaluation;
  if (policy.server === null) return { type: 'no-server' };
  if (target.type === 'server' && target.name !== policy.server.name) return otherServer(index, policy, target.name);
  if (target.type === 'route') {
    const reason = routeReason(index, evaluation, target.key, target.name);
    if (reason !== null) return reason;
  }
  const authorization = authorizationOfPolicy(snapshot, value);
  if (!('illegal' in authorization)) return null;
  if (authorization.missing === null) return { type: 'illegal', error: authorization.illegal };
  return { type: 'dangling', missing: authorization.missing, error: authorization.illegal };
}

/** Policies of other Servers are left out, unless theirs lost this port or does not exist. */
function otherServer(index: NamespaceIndex, policy: InboundServer, name: string): ExcludedReason | null {
  if (policy.overshadowed.some((s) => s.name === name)) return { type: 'overshadowed-server', server: name };
  if (index.servers.has(`policy.linkerd.io/Server/${name}`)) return null;
  return { type: 'target-missing', target: `Server ${name}` };
}

/** By what a targetRef calls them: ignoring case. The first of a name counts. */
const routesByTarget = memo((routes: Entries<Route>) => {
  const byTarget = new Map<string, Entry<Route>>();
  for (const [key, entry] of routes) if (!byTarget.has(key.toLowerCase())) byTarget.set(key.toLowerCase(), entry);
  return byTarget;
});

function routeReason(
  index: NamespaceIndex,
  { policy, route: matched, traffic }: Evaluation,
  key: string,
  name: string,
): ExcludedReason | null {
  const entry = routesByTarget(index.routes).get(key);
  if (entry === undefined) return { type: 'target-missing', target: `route ${name}` };
  const ref = refOf(entry.resource);
  const attached = policy.routes?.some((r) => r.object !== null && r.object.name === ref.name && r.object.group === ref.group);
  if (attached === true && traffic.type === 'tcp') return { type: 'route-policy-on-tcp' };
  if (attached === true)
    return matched !== null && matched.name === ref.name && matched.group === ref.group ? null : { type: 'other-route', route: ref.name };
  if (policy.server !== null && !isMeantFor(entry, policy.server.name)) return null;
  if (policy.routes === null) return { type: 'route-policy-on-tcp' };
  return { type: 'route-not-attached', route: ref, why: whyNotAttached(entry, policy) };
}

/** Whether it names the Server as a parent, be it of a wrong kind; one that cannot be read may. */
function isMeantFor({ value, resource }: Entry<Route>, server: string): boolean {
  if (value === null || value.parents.includes(server)) return true;
  const refs = isObject(resource.spec) ? listOf(resource.spec['parentRefs']).filter(isObject) : [];
  return value.parents.length === 0 && refs.some((ref) => ref['name'] === server);
}

/** Why a route that wants to be on this Server is not. */
function whyNotAttached(entry: Entry<Route>, policy: InboundServer): string {
  if (entry.value === null) return entry.error ?? 'it cannot be read';
  if (entry.value.parents.length === 0) return 'none of its parentRefs is a Server (kind Server, group policy.linkerd.io)';
  if (policy.protocol === 'grpc' && entry.value.rules.type === 'http') return 'a gRPC Server uses GRPCRoutes only';
  if (policy.protocol !== 'grpc' && entry.value.rules.type === 'grpc') return 'only a gRPC Server uses GRPCRoutes';
  return 'its status does not say Accepted for this Server';
}

/** Routes of the namespace that name this Server as a parent (or cannot be read) and are not attached. */
export function unattachedRoutes(snapshot: Snapshot, policy: InboundServer): readonly UnattachedRoute[] {
  if (policy.server === null || policy.routes === null) return [];
  const { server } = policy;
  const out: UnattachedRoute[] = [];
  for (const entry of namespaceIndex(snapshot, server.namespace).routes.values()) {
    const route = refOf(entry.resource);
    if (policy.routes.some((r) => r.object !== null && r.object.name === route.name && r.object.group === route.group)) continue;
    if (!isMeantFor(entry, server.name)) continue;
    out.push({ route, why: whyNotAttached(entry, policy) });
  }
  return out;
}

const byTargetServer = groupBy<AuthorizationPolicy>(({ target }) => (target.type === 'server' ? [target.name] : []));

/** A policy in another namespace that names this Server, which its own namespace does not have. */
function inOtherNamespaces(snapshot: Snapshot, server: ObjectRef | null, evaluation: Evaluation): readonly Excluded[] {
  if (server === null) return [];
  const out: Excluded[] = [];
  for (const [namespace, index] of snapshot.namespaces) {
    if (namespace === server.namespace || index.authorizationPolicies.size === 0) continue;
    const naming = byTargetServer(index.authorizationPolicies).get(server.name) ?? [];
    if (naming.length === 0 || findResource(snapshot, { ...server, namespace }) !== null) continue;
    for (const value of naming) {
      const reason = { type: 'other-namespace', server: server.name } as const;
      out.push({ object: value.ref, reason, wouldApply: wouldApply(snapshot, value, evaluation) });
    }
  }
  return out;
}

/** Servers of the namespace that miss the workload's port by a name, a number or a label. */
export function nearServers(snapshot: Snapshot, workload: Workload, port: number): readonly NearServer[] {
  const out: NearServer[] = [];
  for (const { value } of namespaceIndex(snapshot, workload.ref.namespace).servers.values()) {
    if (value === null || value.selects !== workload.kind) continue;
    const why = missOf(value, workload, port);
    if (why !== null) out.push({ server: value.ref, why });
  }
  return out;
}

/** Inbound, control, admin: nobody means these by a name that is not there. */
const PROXY_PORTS: ReadonlySet<number> = new Set([4143, 4190, 4191]);

function isProxyPort(port: number): boolean {
  return PROXY_PORTS.has(port);
}

function missOf(server: Server, workload: Workload, port: number): NearServer['why'] | null {
  const takesPort = typeof server.port === 'number' ? server.port === port : workload.portNames.get(server.port)?.includes(port) === true;
  if (selects(server.selector, workload.labels)) {
    if (takesPort) return null;
    if (typeof server.port === 'number') return { type: 'other-port', port: server.port };
    if (workload.portNames.has(server.port) || PROXY_PORTS.has(port)) return null;
    return {
      type: 'port-name',
      port: server.port,
      declared: [...workload.portNames].filter(([, of]) => !of.some(isProxyPort)).map(([name]) => name),
    };
  }
  if (!takesPort) return null;
  return { type: 'selector', required: showSelector(server) };
}

function showSelector({ selector }: Server): readonly string[] {
  return [
    ...selector.matchLabels.map(([key, value]) => `${key}=${value}`),
    ...selector.matchExpressions.map((e) => `${e.key} ${e.operator}${e.values.length > 0 ? ` (${e.values.join(', ')})` : ''}`),
  ];
}
