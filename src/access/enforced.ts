/** What is enforced on each port of a workload's pods, and how those fare who always call: the kubelet's probes and Prometheus. */
import { authorizationsOf } from '../policy/evaluation.ts';
import { type NearServer, nearServers } from '../policy/excluded.ts';
import type { AuthorizationRef, InboundServer } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { networkAnswer } from '../policy/network-answer.ts';
import type { ObjectRef } from '../policy/resource.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { type Caller, type CanCase, can, UNMESHED } from './can.ts';
import { getsIn } from './compare.ts';
import { portsOf } from './ports.ts';
import { probesOf, type StandingTraffic, scrapesOf } from './standing.ts';

/** One port, and the pods for which the same policy comes out. */
export interface EnforcedPort {
  readonly port: number;
  /** By which containers declare it; empty: none does. */
  readonly names: readonly string[];
  readonly pods: readonly Workload[];
  readonly policy: InboundServer;
  /** Servers that nearly take it, where none does. */
  readonly near: readonly NearServer[];
  /** null: no NetworkPolicy isolates the pods against callers. */
  readonly network: NetworkRules | null;
  readonly callers: readonly StandingCaller[];
}

/** What NetworkPolicy lets in, where the network plugin enforces it. */
export interface NetworkRules {
  readonly policies: readonly ObjectRef[];
  /** Callers with a proxy dial the server's proxy, others the port itself. */
  readonly meshed: WireRule;
  readonly direct: WireRule;
}

export interface WireRule {
  readonly port: number;
  /** In words; empty: nobody. */
  readonly peers: readonly string[];
}

/** Someone who calls all the time. */
export interface StandingCaller {
  readonly who: 'kubelet' | 'prometheus';
  /** `node 192.168.77.10`, `sa/prometheus in linkerd-viz`. */
  readonly name: string;
  readonly request: string;
  readonly answer: CanCase['answer'];
  readonly route: string | null;
  /** Null where nothing lets it in. */
  readonly by: AuthorizationRef | null;
  /** Only NetworkPolicy stands in the way. */
  readonly isNetwork: boolean;
}

/** `pods`: of one workload, meshed ones are looked at. `only`: this port, declared or not. */
export function enforcedPorts(snapshot: Snapshot, pods: readonly Workload[], only: number | null): readonly EnforcedPort[] {
  const byPort = new Map<number, Map<InboundServer, Workload[]>>();
  for (const pod of pods.filter(({ meshed }) => meshed)) {
    for (const port of only === null ? portsOf(snapshot, pod) : [only]) {
      const policy = inboundServer(snapshot, pod, port);
      const groups = byPort.get(port) ?? new Map<InboundServer, Workload[]>();
      byPort.set(port, groups);
      const known = groups.get(policy);
      if (known === undefined) groups.set(policy, [pod]);
      else known.push(pod);
    }
  }
  return [...byPort]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([port, groups]) => [...groups].map(([policy, group]) => enforcedPort(snapshot, port, policy, group)));
}

function enforcedPort(snapshot: Snapshot, port: number, policy: InboundServer, pods: readonly Workload[]): EnforcedPort {
  const pod = pods[0] as Workload;
  return {
    port,
    names: [...pod.portNames].filter(([, ports]) => ports.includes(port)).map(([name]) => name),
    pods,
    policy,
    near: policy.server === null ? nearServers(snapshot, pod, port) : [],
    network: networkRules(snapshot, pod, port, policy),
    callers: [...probesOf(pod), ...scrapesOf(snapshot, pod)].filter((one) => one.port === port).map((one) => standing(snapshot, one)),
  };
}

function networkRules(snapshot: Snapshot, server: Workload, port: number, policy: InboundServer): NetworkRules | null {
  const side = (tls: Caller['tls']) => networkAnswer(snapshot, { client: null, clientIp: null, tls, server, port, policy });
  const [meshed, direct] = [side({ state: 'established', clientId: null }), side(UNMESHED)];
  if (meshed === null || direct === null || direct.verdict.ingress.policies.length === 0) return null;
  const ruleOf = ({ wire, verdict }: typeof meshed): WireRule => {
    const open = verdict.ingress.considered.filter((rule) => rule.port.match === 'yes').map(({ peer }) => peer.allowed);
    return { port: wire.port, peers: [...new Set(open.flatMap((peers) => (peers.length === 0 ? ['everyone'] : peers)))] };
  };
  return { policies: direct.verdict.ingress.policies, meshed: ruleOf(meshed), direct: ruleOf(direct) };
}

/** A probe or a scrape, put to the policy. */
function standing(snapshot: Snapshot, { kind, name, caller, server, port, request }: StandingTraffic): StandingCaller {
  const [found] = can(snapshot, { callers: [caller], servers: [server], port, request }).cases;
  const evaluation = found?.evaluation ?? null;
  const isAllowed = evaluation !== null && getsIn(evaluation.verdict);
  const who = kind === 'probe' ? 'kubelet' : 'prometheus';
  // Of its own node a pod is always reachable, whatever NetworkPolicy says.
  const ofLinkerd = isAllowed ? 'yes' : evaluation === null || evaluation.verdict === 'undecided' ? 'undecided' : 'no';
  const answer = who === 'kubelet' ? ofLinkerd : (found?.answer ?? 'undecided');
  return {
    who,
    name,
    request: request.text,
    answer,
    route: evaluation?.route?.name ?? null,
    by: evaluation === null ? null : (authorizationsOf(evaluation).apply[0] ?? null),
    isNetwork: answer === 'no' && isAllowed,
  };
}
