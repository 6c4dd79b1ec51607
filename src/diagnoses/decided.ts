/** A denial that was put to the law: the decision, in the words of the objects that made it. */
import type { AuditTrail } from '../evidence/audit.ts';
import { whatChanged } from '../evidence/changed.ts';
import type { ClientRef } from '../evidence/client.ts';
import type { JoinedClient, JoinedTarget } from '../evidence/join.ts';
import type { Judged } from '../evidence/judge.ts';
import { nowVerdict } from '../evidence/judge-then.ts';
import { showWorkload } from '../evidence/missing.ts';
import { decide } from '../policy/deciding.ts';
import type { DenialAlone } from '../policy/decision.ts';
import { excludedPolicies, nearServers, unattachedRoutes } from '../policy/excluded.ts';
import type { ClusterView } from '../policy/history.ts';
import { networkAnswer } from '../policy/network-answer.ts';
import type { Instant } from '../policy/resource.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import type { Law } from './diagnosis.ts';

interface Denial {
  readonly target: JoinedTarget;
  readonly client: JoinedClient;
  /** The policy of this moment was asked for; null: of the denial's. */
  readonly at: Instant | null;
  readonly audit: AuditTrail | null;
}

/** What is known of a denial once it was put to the law: the decision with all around it, what changed, and what holds now. */
export function decideJudged({ target, client, at, audit }: Denial, judged: Judged, cluster: ClusterView) {
  const { evaluation, snapshot, pod, port, agrees } = judged;
  const { policy } = evaluation;
  const { ref, tls } = client;
  const around = {
    excluded: excludedPolicies(snapshot, pod, evaluation),
    nearServers: port === null || policy.server !== null ? [] : nearServers(snapshot, pod, port),
    unattachedRoutes: unattachedRoutes(snapshot, policy),
  };
  const network = networkAnswer(snapshot, { client: ref.pod, clientIp: ref.ip, tls, server: pod, port, policy });
  const law: Law = { evaluation, snapshot, pod, port, agrees, ...around, network };
  const workload = showWorkload(target.workload ?? { kind: 'Pod', namespace: pod.ref.namespace, name: pod.ref.name });
  const decision = decide(evaluation, {
    ...around,
    workload,
    port,
    isDeclared: port !== null && pod.ports.includes(port),
    probePaths: port === null ? [] : (pod.probes.get(port) ?? []),
    clientIsMeshed: ref.pod?.meshed ?? null,
    clientOutside: outsideWords(ref),
    clusterNetworks: snapshot.info.clusterNetworks.map((net) => net.text),
    denied: denialAlone(target, client),
    agrees,
    isOfMomentAsked: at !== null && cluster.moments.length > 0,
    hasServiceAccount: (ns, name) => hasServiceAccount(snapshot, ns, name),
  });
  const changed = whatChanged({
    past: { at: (time) => cluster.at(time), steps: cluster.steps ?? [] },
    target,
    client,
    judged,
    decidedBy: decision.object,
    withRepair: at === null,
    audit,
  });
  return {
    ...around,
    law,
    decision,
    evaluation,
    evaluatedAt: cluster.moments.length > 0 ? judged.at : null,
    agrees,
    network,
    now: at === null ? nowVerdict({ target, client, cluster, changed }, judged) : null,
    changed,
  };
}

function outsideWords({ ip, pod, node }: ClientRef): string | null {
  if (ip === null || pod !== null) return null;
  return node === null ? 'no pod of these objects has its address' : `its address is that of node ${node}`;
}

/** All that the denial says by itself. */
export function denialAlone({ kind, server, route }: JoinedTarget, { tls, error, ref, requests }: JoinedClient): DenialAlone {
  return { kind, server, route, tls, error, clientIp: ref.ip, requests };
}
