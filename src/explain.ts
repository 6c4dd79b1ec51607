/** The product in one function: facts and a cluster → for each client what was denied, by which object, why, and what is missing to be sure. */
import { type ClientRef, clientRef } from './evidence/client.ts';
import type { DenialKind, RequestTrace, Source, WorkloadRef } from './evidence/facts.ts';
import { type JoinedClient, type JoinedTarget, joinTally } from './evidence/join.ts';
import { earlier, later, type Tally, type TallySymptom } from './evidence/tally.ts';
import { workloadOf } from './manifests/owner.ts';
import { type Decision, type DenialAlone, decide, decideFromDenialAlone } from './policy/deciding.ts';
import { evaluate, sameLabels } from './policy/evaluate.ts';
import type { Connection, Evaluation, Traffic } from './policy/evaluation.ts';
import { type Excluded, excludedPolicies, nearServers, unattachedRoutes } from './policy/excluded.ts';
import type { RouteRef, ServerRef } from './policy/inbound.ts';
import { inboundServer } from './policy/inbound-server.ts';
import { type NetworkAnswer, networkAnswer } from './policy/network-answer.ts';
import type { Instant, Resource } from './policy/resource.ts';
import { LINKERD_DEFAULTS } from './policy/settings.ts';
import { buildSnapshot, findResource, findWorkload, namespaceIndex, type Snapshot } from './policy/snapshot.ts';
import type { Workload } from './policy/workload.ts';

/** The cluster's policy over time. A plain dump is the same at every moment. */
export interface ClusterView {
  /** As it was then; null: as it was last known. */
  at(time: Instant | null): Snapshot;
  readonly isHistory: boolean;
}

/** What a person asked about; every part may be left open. */
export interface Question {
  readonly namespace: string | null;
  /** Kind and name; kind `Pod` for one pod. */
  readonly workload: { readonly kind: string; readonly name: string } | null;
  readonly port: number | null;
  /** The policy of this moment; null: of the denial's. */
  readonly at: Instant | null;
}

/** All that explaining may see. */
export interface Case {
  readonly tally: Tally;
  /** null: none was given. */
  readonly cluster: ClusterView | null;
  readonly question: Question;
}

/** Evidence that would decide more, with the command that supplies it. */
export interface MissingEvidence {
  readonly what: string;
  readonly command: string;
}

/** One denied thing as one client met it. */
export interface TargetExplanation {
  readonly kind: DenialKind;
  readonly namespace: string | null;
  readonly workload: WorkloadRef | null;
  readonly pods: readonly string[];
  readonly port: number | null;
  readonly portName: string | null;
  readonly admin: boolean;
  /** As the proxy named them, else as the policy says. */
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  readonly count: number;
  readonly before: number;
  readonly countedBy: 'metrics' | 'logs';
  readonly first: Instant | null;
  readonly last: Instant | null;
  readonly requests: readonly RequestTrace[];
  readonly sources: readonly Source[];
  readonly decision: Decision;
  /** null: no cluster, or not this workload in it. */
  readonly evaluation: Evaluation | null;
  /** The moment whose policy was evaluated; null: the dump's. */
  readonly evaluatedAt: Instant | null;
  /** False: the cluster given decides differently from what the proxy did. */
  readonly agrees: boolean;
  readonly excluded: readonly Excluded[];
  readonly network: NetworkAnswer | null;
  /** The verdict of the policy last known, where it is another one. */
  readonly now: Evaluation['verdict'] | null;
  readonly missing: readonly MissingEvidence[];
}

export interface ClientExplanation {
  readonly client: ClientRef;
  readonly tls: JoinedClient['tls'];
  readonly ips: readonly string[];
  readonly pods: number;
  readonly counts: Readonly<Partial<Record<DenialKind, number>>>;
  readonly before: number;
  readonly first: Instant | null;
  readonly last: Instant | null;
  readonly targets: readonly TargetExplanation[];
}

export interface Explanation {
  readonly clients: readonly ClientExplanation[];
  readonly symptoms: readonly TallySymptom[];
  readonly allowedSeen: number;
  /** Denials that found no room in memory, or belong to clients beyond the bound. */
  readonly uncounted: number;
}

export function explain({ tally, cluster, question }: Case): Explanation {
  const view = cluster ?? NO_CLUSTER;
  const resolve = {
    client: (ip: string | null, tls: JoinedClient['tls'], at: Instant | null) => clientRef(view.at(at), ip, tls, ownerIn(view.at(at))),
    workload: (
      reporter: { readonly namespace: string | null; readonly pod: string | null; readonly workload: WorkloadRef | null },
      at: Instant | null,
    ) => {
      if (reporter.workload !== null || reporter.namespace === null || reporter.pod === null) return reporter.workload;
      const pod = findWorkload(view.at(at), 'Pod', reporter.namespace, reporter.pod);
      return pod === null ? null : ownerIn(view.at(at))(pod.resource);
    },
  };
  const targets = joinTally(tally, resolve).filter((target) => isAskedFor(target, question));
  const parts = targets.flatMap((target) =>
    target.clients.map((client) => ({ client, explanation: explainTarget(target, client, cluster, question) })),
  );
  const asked = parts.filter((p) => question.port === null || p.explanation.port === null || p.explanation.port === question.port);
  return {
    clients: byClient(asked),
    symptoms: [...tally.symptoms.values()].filter(
      (s) => question.namespace === null || s.reporter.namespace === null || s.reporter.namespace === question.namespace,
    ),
    allowedSeen: tally.observed.count,
    uncounted: tally.dropped.count + targets.reduce((sum, t) => sum + t.beyond, 0),
  };
}

const EMPTY = buildSnapshot([], LINKERD_DEFAULTS);
const NO_CLUSTER: ClusterView = { at: () => EMPTY, isHistory: false };

function ownerIn(snapshot: Snapshot): (pod: Resource) => WorkloadRef {
  return (pod) => {
    const { kind, namespace, name } = workloadOf(pod, (ref) => findResource(snapshot, ref) ?? undefined);
    return { kind, namespace, name };
  };
}

function isAskedFor(target: JoinedTarget, { namespace, workload }: Question): boolean {
  if (namespace !== null && target.namespace !== null && target.namespace !== namespace) return false;
  if (workload === null) return true;
  if (workload.kind === 'Pod')
    return target.pods.length === 0 || target.pods.includes(workload.name) || target.workload?.name === workload.name;
  return target.workload === null || (target.workload.kind === workload.kind && target.workload.name === workload.name);
}

function byClient(
  parts: readonly { readonly client: JoinedClient; readonly explanation: TargetExplanation }[],
): readonly ClientExplanation[] {
  const groups = new Map<string, { client: JoinedClient; explanation: TargetExplanation }[]>();
  for (const part of parts) groups.set(part.client.ref.key, [...(groups.get(part.client.ref.key) ?? []), part]);
  const out = [...groups.values()].map((group) => {
    const first = group[0] as (typeof group)[number];
    const counts: Partial<Record<DenialKind, number>> = {};
    for (const { explanation: t } of group) counts[t.kind] = (counts[t.kind] ?? 0) + t.count;
    const ips = [...new Set(group.flatMap((p) => p.client.ips))].sort();
    return {
      client: first.client.ref,
      tls: first.client.tls,
      ips,
      pods: ips.length,
      counts,
      before: group.reduce((sum, p) => sum + p.explanation.before, 0),
      first: group.reduce<Instant | null>((t, p) => earlier(t, p.explanation.first), null),
      last: group.reduce<Instant | null>((t, p) => later(t, p.explanation.last), null),
      targets: group.map((p) => p.explanation).sort((a, b) => b.count - a.count),
    };
  });
  return out.sort((a, b) => totalOf(b) - totalOf(a) || (a.client.key < b.client.key ? -1 : 1));
}

function totalOf(client: ClientExplanation): number {
  return Object.values(client.counts).reduce((sum, n) => sum + n, 0);
}

function explainTarget(target: JoinedTarget, client: JoinedClient, cluster: ClusterView | null, question: Question): TargetExplanation {
  const judged = cluster === null ? null : judgeAtDenial(target, client, cluster, question);
  const { kind, namespace, workload, pods, admin } = target;
  const port = judged?.port ?? target.port;
  const base = {
    kind,
    namespace,
    workload,
    pods,
    port,
    portName: judged === null || port === null ? null : portName(judged.pod, port),
    admin,
    server: target.server ?? judged?.evaluation.server ?? null,
    route: target.route ?? judged?.evaluation.route ?? null,
    count: client.count,
    before: client.before,
    countedBy: client.countedBy,
    first: client.first,
    last: client.last,
    requests: client.requests,
    sources: client.sources,
  };
  if (judged === null) {
    return {
      ...base,
      decision: decideFromDenialAlone(denialAlone(target, client)),
      evaluation: null,
      evaluatedAt: null,
      agrees: true,
      excluded: [],
      network: null,
      now: null,
      missing: missingEvidence(target, client, null, cluster !== null),
    };
  }
  const { evaluation, snapshot, pod, agrees } = judged;
  const excluded = excludedPolicies(snapshot, pod, evaluation.policy, evaluation.route);
  const context = {
    excluded,
    nearServers: port === null ? [] : nearServers(snapshot, pod, port),
    unattachedRoutes: unattachedRoutes(snapshot, evaluation.policy),
    workload: showWorkload(workload, pod),
    port,
    denied: denialAlone(target, client),
    agrees,
  };
  return {
    ...base,
    decision: decide(evaluation, context),
    evaluation,
    evaluatedAt: cluster?.isHistory === true ? judged.at : null,
    agrees,
    excluded,
    network: networkAnswer(snapshot, {
      client: client.ref.pod,
      clientIp: client.ref.ip,
      tls: client.tls,
      server: pod,
      port,
      policy: evaluation.policy,
    }),
    now: nowVerdict(target, client, cluster, pod, port, evaluation),
    missing: missingEvidence(target, client, evaluation, true),
  };
}

function denialAlone({ kind, server, route }: JoinedTarget, { tls, error, ref }: JoinedClient): DenialAlone {
  return { kind, server, route, tls, error, clientIp: ref.ip };
}

interface Judged {
  readonly evaluation: Evaluation;
  readonly snapshot: Snapshot;
  readonly pod: Workload;
  readonly port: number | null;
  readonly at: Instant | null;
  readonly agrees: boolean;
}

/** The policy in force at the last denial; where that one allows it, at the first (clocks differ by moments, and edits end denials). */
function judgeAtDenial(target: JoinedTarget, client: JoinedClient, cluster: ClusterView, question: Question): Judged | null {
  const times = question.at !== null ? [question.at] : [...new Set([client.last, client.first])];
  let fallback: Judged | null = null;
  for (const at of times) {
    const judged = judgeAt(target, client, cluster.at(at), at);
    if (judged?.agrees === true) return judged;
    fallback ??= judged;
  }
  return fallback;
}

function judgeAt(target: JoinedTarget, client: JoinedClient, snapshot: Snapshot, at: Instant | null): Judged | null {
  const pod = podOf(target, snapshot);
  if (pod === null || !pod.meshed) return null;
  const port = target.port ?? derivePort(target, snapshot, pod);
  const policy = inboundServer(snapshot, pod, port ?? 0);
  const evaluation = evaluate(policy, connectionOf(client), trafficOf(target, client));
  return { evaluation, snapshot, pod, port, at, agrees: agreesWith(target, evaluation) };
}

function podOf(target: JoinedTarget, snapshot: Snapshot): Workload | null {
  const { namespace, workload } = target;
  if (namespace === null) return null;
  for (const name of target.pods) {
    const pod = findWorkload(snapshot, 'Pod', namespace, name);
    if (pod !== null) return pod;
  }
  if (workload === null) return null;
  const owner = ownerIn(snapshot);
  for (const { value } of namespaceIndex(snapshot, namespace).workloads.values()) {
    if (value?.kind !== 'Pod') continue;
    const of = owner(value.resource);
    if (of.kind === workload.kind && of.name === workload.name) return value;
  }
  return null;
}

/** A log line names the Server and not the port: the port is one that this Server (or default policy) has on the pod. */
function derivePort(target: JoinedTarget, snapshot: Snapshot, pod: Workload): number | null {
  const { server } = target;
  if (server !== null && server.kind !== 'default') {
    const entry = [...namespaceIndex(snapshot, pod.ref.namespace).servers.values()].find((e) => e.resource.metadata.name === server.name);
    const port = entry?.value?.port;
    if (typeof port === 'number') return port;
    if (port !== undefined) return pod.portNames.get(port)?.[0] ?? null;
    return null;
  }
  const application = pod.ports.filter((port) => !PROXY_PORTS.has(port));
  const candidates = application.filter((port) => server === null || sameLabels(inboundServer(snapshot, pod, port).ref, server));
  return candidates.length === 1 ? (candidates[0] as number) : null;
}
const PROXY_PORTS: ReadonlySet<number> = new Set([4143, 4190, 4191]);

function connectionOf(client: JoinedClient): Connection {
  return { clientIp: client.ref.ip ?? client.ips[0] ?? null, tls: client.tls };
}

function trafficOf(target: JoinedTarget, client: JoinedClient): Traffic {
  if (target.kind === 'tcp-denied' || target.kind === 'terminated') return { type: 'tcp' };
  if (target.route !== null) return { type: 'http-on-route', route: target.route };
  const full = client.requests.find((r) => r.path !== null && r.method !== null);
  if (full === undefined) return { type: 'http-unknown' };
  const { version, method, path, authority, grpc } = full;
  return {
    type: 'http',
    request: { version: version ?? 'HTTP/2.0', method: method ?? '', authority, path: path ?? '', headers: [], grpc: grpc ?? false },
  };
}

const EXPECTED: Readonly<Record<DenialKind, readonly Evaluation['verdict'][]>> = {
  'http-denied': ['deny', 'undecided'],
  'tcp-denied': ['deny', 'undecided'],
  terminated: ['deny', 'undecided'],
  'route-not-found': ['route_not_found', 'undecided'],
  'rate-limited': ['allow', 'ratelimited', 'undecided'],
  'audit-allowed': ['allow', 'undecided'],
};

/** True when the policy given would have done what the proxy did, by the Server and route that the proxy named. */
function agreesWith(target: JoinedTarget, evaluation: Evaluation): boolean {
  if (target.server !== null && !sameServer(target.server, evaluation.server)) return false;
  return EXPECTED[target.kind].includes(evaluation.verdict) && !evaluation.missing.includes('policy');
}

/** Linkerd 2.11 names no group. */
function sameServer(named: ServerRef, own: ServerRef): boolean {
  return named.name === own.name && named.kind === own.kind && (named.group === '' || named.group === own.group);
}

function nowVerdict(
  target: JoinedTarget,
  client: JoinedClient,
  cluster: ClusterView | null,
  then: Workload,
  port: number | null,
  evaluation: Evaluation,
): Evaluation['verdict'] | null {
  if (cluster === null || !cluster.isHistory || port === null) return null;
  const latest = cluster.at(null);
  const pod = podOf(target, latest) ?? then;
  const now = evaluate(inboundServer(latest, pod, port), connectionOf(client), trafficOf(target, client));
  return now.verdict === evaluation.verdict ? null : now.verdict;
}

function portName(pod: Workload, port: number): string | null {
  for (const [name, ports] of pod.portNames) if (ports.includes(port)) return name;
  return null;
}

function showWorkload(workload: WorkloadRef | null, pod: Workload): string {
  return workload === null ? `pod ${pod.ref.name}` : `${workload.kind} ${workload.name}`;
}

/** What would decide more, and the exact command for it. */
function missingEvidence(
  target: JoinedTarget,
  client: JoinedClient,
  evaluation: Evaluation | null,
  hasCluster: boolean,
): readonly MissingEvidence[] {
  const out: MissingEvidence[] = [];
  const namespace = target.namespace ?? 'NAMESPACE';
  const pod = target.pods[0] ?? 'POD';
  if (!hasCluster) {
    out.push({
      what: 'the policy objects',
      command:
        'kubectl get -A -o yaml ns,pods,rs,srv,authzpolicy,meshtlsauthn,netauthn,saz,httproutes.policy.linkerd.io,netpol > dump.yaml',
    });
  } else if (evaluation === null) {
    out.push({ what: `the pod ${pod}`, command: `kubectl get -n ${namespace} -o yaml pods,rs > pods.yaml` });
  }
  const logs = `kubectl logs -n ${namespace} ${pod} -c linkerd-proxy --timestamps --tail=-1`;
  if (client.ref.ip === null && client.ips.length === 0) out.push({ what: 'the client’s address', command: logs });
  else if (client.tls === null)
    out.push({ what: 'the client’s identity', command: `linkerd diagnostics proxy-metrics -n ${namespace} po/${pod}` });
  const isHttp = target.kind === 'http-denied' || target.kind === 'route-not-found';
  if (isHttp && !client.requests.some((r) => r.path !== null && r.method !== null) && needsRequest(target, evaluation)) {
    out.push({
      what: 'method and path of the request (in the access log, once it is on)',
      command: `kubectl annotate -n ${namespace} … config.linkerd.io/access-log=json, restart, then ${logs}`,
    });
  }
  return out;
}

/** Method and path tell more only where routes do. */
function needsRequest(target: JoinedTarget, evaluation: Evaluation | null): boolean {
  if (target.kind === 'route-not-found') return true;
  return evaluation !== null && evaluation.missing.includes('request');
}
