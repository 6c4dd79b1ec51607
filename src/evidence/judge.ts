/** A denied thing put to the law: the policy that was in force, and whether it does what the proxy did. */
import { evaluate, sameLabels } from '../policy/evaluate.ts';
import type { Connection, Evaluation, Traffic } from '../policy/evaluation.ts';
import type { InboundServer, ServerRef } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { METHODS } from '../policy/methods.ts';
import type { Instant } from '../policy/resource.ts';
import { namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { ADMIN_PORT, INBOUND_PORT } from './conventions.ts';
import type { DenialKind, RequestTrace } from './facts.ts';
import type { JoinedClient, JoinedTarget } from './join.ts';

export interface Judged {
  readonly evaluation: Evaluation;
  readonly snapshot: Snapshot;
  readonly pod: Workload;
  /** null: neither named nor to be derived; then the policy is that of the Server (or default policy) which the proxy named. */
  readonly port: number | null;
  readonly at: Instant | null;
  /** False: the policy does not do what the proxy did. */
  readonly agrees: boolean;
}

/** `pod` is one whose proxy refused (or its like). */
export function judge(target: JoinedTarget, client: JoinedClient, snapshot: Snapshot, pod: Workload, at: Instant | null): Judged {
  const port = target.port ?? derivePort(target, snapshot, pod);
  const policy = inboundServer(snapshot, pod, port ?? 0);
  const known = notFoundTraffic(policy, target, client) ?? deniedTraffic(policy, target, client);
  const evaluation = evaluate(policy, connectionOf(client), known ?? trafficOf(target, client));
  return { evaluation, snapshot, pod, port, at, agrees: agreesWith(target, evaluation) };
}

/** The verdict of another policy over the same request or connection. */
export function verdictUnder(policy: InboundServer, { connection, traffic }: Evaluation): Evaluation['verdict'] {
  return evaluate(policy, connection, traffic).verdict;
}

/** A log line names the Server and not the port: the port is one that this Server (or default policy) has on the pod. */
function derivePort(target: JoinedTarget, snapshot: Snapshot, pod: Workload): number | null {
  const { server } = target;
  if (target.admin) return ADMIN_PORT;
  if (server !== null && server.kind !== 'default') {
    const entry = [...namespaceIndex(snapshot, pod.ref.namespace).servers.values()].find((e) => e.resource.metadata.name === server.name);
    const port = entry?.value?.port;
    if (port === undefined || typeof port === 'number') return port ?? null;
    return pod.portNames.get(port)?.[0] ?? null;
  }
  const candidates = pod.ports.filter((port) => {
    if (PROXY_PORTS.has(port)) return false;
    const policy = inboundServer(snapshot, pod, port);
    if (target.kind === 'route-not-found' && hasRouteForAll(policy)) return false;
    return server === null || sameLabels(policy.ref, server) || (server.name === 'invalid' && policy.rejectedByProxy !== null);
  });
  return candidates.length === 1 ? (candidates[0] as number) : null;
}
const PROXY_PORTS: ReadonlySet<number> = new Set([INBOUND_PORT, 4190, ADMIN_PORT]);

function connectionOf(client: JoinedClient): Connection {
  return { clientIp: client.ref.ip ?? client.ips[0] ?? null, tls: client.tls };
}

function trafficOf(target: JoinedTarget, client: JoinedClient): Traffic {
  if (target.kind === 'tcp-denied' || target.kind === 'terminated') return { type: 'tcp' };
  if (target.route !== null) return { type: 'http-on-route', route: target.route };
  const full = client.requests.find(isWhole);
  return full === undefined ? { type: 'http-unknown' } : asTraffic(full, full.method ?? '');
}

function asTraffic({ version, path, authority, grpc }: RequestTrace, method: string): Traffic {
  return {
    type: 'http',
    request: { version: version ?? 'HTTP/2.0', method, authority, path: path ?? '', headers: [], grpc: grpc ?? false },
  };
}

/** Where neither request nor route is known, the refusal itself tells: only one route refuses this client. */
function deniedTraffic({ routes, ...policy }: InboundServer, target: JoinedTarget, client: JoinedClient): Traffic | null {
  if (target.kind !== 'http-denied' || trafficOf(target, client).type !== 'http-unknown') return null;
  const traffics = (routes ?? []).map(({ ref }): Traffic => ({ type: 'http-on-route', route: ref }));
  const refusing = traffics.filter((traffic) => evaluate({ routes, ...policy }, connectionOf(client), traffic).verdict !== 'allow');
  return refusing.length === 1 ? (refusing[0] ?? null) : null;
}

/** A line of a request that no route took may name its path alone: then the method is one with which none takes it, if there is any. */
function notFoundTraffic(policy: InboundServer, target: JoinedTarget, client: JoinedClient): Traffic | null {
  const request = client.requests.find((r) => r.path !== null);
  if (target.kind !== 'route-not-found' || request === undefined || request.method !== null) return null;
  const traffics = METHODS.map((method) => asTraffic(request, method));
  return traffics.find((traffic) => evaluate(policy, connectionOf(client), traffic).verdict === 'route_not_found') ?? null;
}

export function isWhole(request: RequestTrace): boolean {
  return request.path !== null && request.method !== null;
}

const EXPECTED: Readonly<Record<DenialKind, readonly Evaluation['verdict'][]>> = {
  'http-denied': ['deny', 'undecided'],
  'tcp-denied': ['deny', 'undecided'],
  terminated: ['deny', 'undecided'],
  'route-not-found': ['route_not_found', 'undecided'],
  'rate-limited': ['allow', 'ratelimited', 'undecided'],
  'audit-allowed': ['allow', 'undecided'],
};

function agreesWith(target: JoinedTarget, evaluation: Evaluation): boolean {
  if (target.server !== null && !sameServer(target.server, evaluation.server)) return false;
  if (target.kind === 'route-not-found' && hasRouteForAll(evaluation.policy)) return false;
  return EXPECTED[target.kind].includes(evaluation.verdict) && !evaluation.missing.includes('policy');
}

function hasRouteForAll({ routes, protocol }: InboundServer): boolean {
  return protocol !== 'grpc' && routes?.some((route) => route.object === null && route.ref.name === 'default') === true;
}

/** Linkerd 2.11 names no group. */
function sameServer(named: ServerRef, own: ServerRef): boolean {
  return named.name === own.name && named.kind === own.kind && (named.group === '' || named.group === own.group);
}
