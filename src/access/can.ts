/** May this client reach that port with this request, and why (as `kubectl auth can-i` asks of the API server). */
import { evaluate } from '../policy/evaluate.ts';
import type { ClientTls, Evaluation, Traffic } from '../policy/evaluation.ts';
import { serviceAccountIdentity } from '../policy/identity.ts';
import type { InboundServer } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { type NetworkAnswer, networkAnswer } from '../policy/network-answer.ts';
import { type Snapshot, workloadsByServiceAccount } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { getsIn } from './compare.ts';
import { networkPlugin } from './network-plugin.ts';
import { type AccessRequest, accessRequests } from './requests.ts';

/** One way in which the client may call: with or without its identity, from an address of its own. */
export interface Caller {
  readonly tls: ClientTls;
  /** null: not known. */
  readonly ip: string | null;
  readonly pod: Workload | null;
}

export interface CanQuestion {
  readonly callers: readonly Caller[];
  /** The pods (or stand-ins) of the server. */
  readonly servers: readonly Workload[];
  readonly port: number;
  /** null: whatever can be asked of the port. */
  readonly request: AccessRequest | null;
}

/** One caller, one request, and all pods for which the answer is the same. */
export interface CanCase {
  readonly caller: Caller;
  readonly request: AccessRequest;
  readonly servers: readonly Workload[];
  readonly answer: 'yes' | 'no' | 'undecided';
  /** null: the pods have no proxy, so Linkerd refuses nobody there. */
  readonly evaluation: Evaluation | null;
  /** null: the cluster has no NetworkPolicy. */
  readonly network: NetworkAnswer | null;
}

export interface CanAnswer {
  /** `partly`: it depends on the request, the caller's address or the server's pod; the cases tell. */
  readonly answer: 'yes' | 'no' | 'undecided' | 'partly';
  readonly cases: readonly CanCase[];
}

/** Linkerd and NetworkPolicy must both let it through, the latter if the network plugin is not known to enforce none. Where no server or no caller is given: no cases, `undecided`. */
export function can(snapshot: Snapshot, { callers, servers, port, request }: CanQuestion): CanAnswer {
  const cases = policiesOf(snapshot, servers, port).flatMap(({ policy, pods }) =>
    (request === null ? requestsAt(policy) : [request]).flatMap((asked) =>
      callers.flatMap((caller) => casesOf(snapshot, caller, asked, policy, pods, port)),
    ),
  );
  const [first, ...others] = new Set(cases.map((c) => c.answer));
  return { answer: first === undefined ? 'undecided' : others.length > 0 ? 'partly' : first, cases };
}

/** Pods that run as the ServiceAccount, one for each address; without pods: its identity from an address that is not known. */
export function callersOfServiceAccount(snapshot: Snapshot, namespace: string, name: string): readonly Caller[] {
  const tls: ClientTls = { state: 'established', clientId: serviceAccountIdentity(snapshot.info, namespace, name) };
  const meshed = workloadsByServiceAccount(snapshot, namespace, name).filter((pod) => pod.meshed);
  return meshed.length === 0 ? [{ tls, ip: null, pod: null }] : meshed.map((pod) => ({ tls, ip: pod.ips[0] ?? null, pod }));
}

/** As the server's proxy sees the pod: by its identity if it has a proxy of its own. */
export function callerOfPod(snapshot: Snapshot, pod: Workload): Caller {
  const clientId = serviceAccountIdentity(snapshot.info, pod.ref.namespace, pod.serviceAccount);
  return { tls: pod.meshed ? { state: 'established', clientId } : UNMESHED, ip: pod.ips[0] ?? null, pod };
}

export const UNMESHED: ClientTls = { state: 'none', reason: 'no_tls_from_remote' };

function policiesOf(snapshot: Snapshot, servers: readonly Workload[], port: number) {
  const byPolicy = Map.groupBy(servers, (server) => (server.meshed ? inboundServer(snapshot, server, port) : null));
  return [...byPolicy].map(([policy, pods]) => ({ policy, pods }));
}

function requestsAt(policy: InboundServer | null): readonly AccessRequest[] {
  return policy === null ? [{ text: 'TCP', traffic: { type: 'tcp' } satisfies Traffic }] : accessRequests([policy]);
}

function casesOf(
  snapshot: Snapshot,
  caller: Caller,
  request: AccessRequest,
  policy: InboundServer | null,
  pods: readonly Workload[],
  port: number,
): readonly CanCase[] {
  const evaluation = policy === null ? null : evaluate(policy, { clientIp: caller.ip, tls: caller.tls }, request.traffic);
  const networks = pods.map((server) => ({ server, network: networkOf(snapshot, caller, server, policy, port) }));
  const counts = networkPlugin(snapshot)?.enforces !== false;
  const byVerdict = Map.groupBy(networks, ({ network }) => network?.verdict.verdict ?? 'allow');
  return [...byVerdict.values()].map((group) => {
    const network = group[0]?.network ?? null;
    const answer = answerOf(evaluation, counts ? network : null);
    return { caller, request, servers: group.map(({ server }) => server), answer, evaluation, network };
  });
}

function networkOf(snapshot: Snapshot, caller: Caller, server: Workload, policy: InboundServer | null, port: number): NetworkAnswer | null {
  const { pod: client, ip: clientIp, tls } = caller;
  return networkAnswer(snapshot, { client, clientIp, tls, server, port, policy: policy ?? inboundServer(snapshot, server, port) });
}

function answerOf(evaluation: Evaluation | null, network: NetworkAnswer | null): CanCase['answer'] {
  const linkerd = evaluation?.verdict ?? 'allow';
  if (network?.verdict.verdict === 'deny' || (!getsIn(linkerd) && linkerd !== 'undecided')) return 'no';
  return linkerd === 'undecided' || network?.verdict.verdict === 'undecided' ? 'undecided' : 'yes';
}
