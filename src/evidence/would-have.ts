/** Whether another state of the cluster would have let the same client in. */
import { evaluate } from '../policy/evaluate.ts';
import type { ClientTls, Connection, Evaluation } from '../policy/evaluation.ts';
import { serviceAccountIdentity } from '../policy/identity.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import type { Resource } from '../policy/resource.ts';
import { podsKey, type Revisions } from '../policy/revisions.ts';
import { findWorkload, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import type { JoinedClient, JoinedTarget } from './join.ts';
import type { Judged } from './judge.ts';

/** Linkerd's verdict, or who of the two was not there. */
export type Verdict = Evaluation['verdict'] | 'no-server' | 'no-client';

export function isLetIn(verdict: Verdict): boolean {
  return verdict === 'allow' || verdict === 'redirect' || verdict === 'ratelimited';
}

/** One denied request, ready to be put to any state. */
export interface Asked {
  /** At the denial. */
  readonly server: Workload;
  /** null: no pod is known to be the client. */
  readonly client: Workload | null;
  /** `steps`: how much of the history the snapshot holds. */
  verdict(snapshot: Snapshot, steps: number): Verdict;
  isServers(pod: Resource): boolean;
}

export interface Refused {
  readonly target: Pick<JoinedTarget, 'pods'>;
  readonly client: JoinedClient;
  readonly judged: Judged;
}

/** `revisions` null: there is no history in which pods came and went. */
export function askedOf({ target, client, judged }: Refused, revisions: Revisions | null): Asked {
  const { pod: server, evaluation, port } = judged;
  const clientPod = client.ref.pod;
  const same = (pod: Workload, names: readonly string[], snapshot: Snapshot, steps: number) => {
    for (const name of [pod.ref.name, ...names]) {
      const found = findWorkload(snapshot, pod.kind, pod.ref.namespace, name);
      if (found !== null) return found;
    }
    return revisions?.podLike(pod, steps, snapshot) ?? null;
  };
  const group = podsKey(server.resource);
  return {
    server,
    client: clientPod,
    isServers: (pod) => podsKey(pod) === group,
    verdict(snapshot, steps) {
      const there = same(server, target.pods, snapshot, steps);
      if (there === null || port === null) return 'no-server';
      const own = clientPod === null ? null : same(clientPod, [], snapshot, steps);
      if (clientPod !== null && own === null) return 'no-client';
      // No proxy, no policy.
      if (!there.meshed) return 'allow';
      const connection =
        own === null || clientPod === null ? evaluation.connection : connectionOf(evaluation.connection, clientPod, own, snapshot);
      const policy = inboundServer(snapshot, there, port);
      const { verdict, missing } = evaluate(policy, connection, evaluation.traffic);
      if (verdict !== 'undecided' || !missing.includes('policy')) return verdict;
      // A route that was not there: the request went to whatever took all.
      return evaluate(policy, connection, { type: 'http-unknown' }).verdict;
    },
  };
}

const SKIPPED_PORTS = 'config.linkerd.io/skip-outbound-ports';

/** As the client would have come from the pod that it had then. What was observed stays, unless the two pods differ in what makes it. */
function connectionOf(observed: Connection, now: Workload, then: Workload, snapshot: Snapshot): Connection {
  if (now.resource === then.resource) return observed;
  const isOwnAddress = observed.clientIp !== null && now.ips.includes(observed.clientIp) && !then.ips.includes(observed.clientIp);
  return {
    clientIp: isOwnAddress ? (then.ips[0] ?? observed.clientIp) : observed.clientIp,
    tls: comesAlike(now, then) ? observed.tls : tlsOf(then, snapshot),
  };
}

function comesAlike(now: Workload, then: Workload): boolean {
  const skipped = ({ resource }: Workload) => resource.metadata.annotations?.[SKIPPED_PORTS] ?? '';
  return now.serviceAccount === then.serviceAccount && now.meshed === then.meshed && skipped(now) === skipped(then);
}

function tlsOf({ meshed, serviceAccount, ref }: Workload, { info }: Snapshot): ClientTls {
  if (!meshed) return { state: 'none', reason: 'no_tls_from_remote' };
  return { state: 'established', clientId: serviceAccountIdentity(info, ref.namespace, serviceAccount) };
}
