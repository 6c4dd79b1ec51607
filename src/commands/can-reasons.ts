/** Why a question of `can` is answered as it is: cases that come to the same for the same reasons, put into words once. */
import type { CanCase } from '../access/can.ts';
import { getsIn } from '../access/compare.ts';
import { networkPlugin } from '../access/network-plugin.ts';
import { showWorkload } from '../evidence/missing.ts';
import { showOrigin } from '../manifests/place.ts';
import { decide } from '../policy/deciding.ts';
import type { DenialAlone } from '../policy/decision.ts';
import type { Considered, Evaluation, Missing } from '../policy/evaluation.ts';
import { excludedPolicies, nearServers, unattachedRoutes } from '../policy/excluded.ts';
import type { NetworkAnswer } from '../policy/network-answer.ts';
import { type ConsideredRule, type NetworkSide, showConsideredRule } from '../policy/network-verdict.ts';
import type { ObjectRef } from '../policy/resource.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import { findResource, type Snapshot } from '../policy/snapshot.ts';
import { showAuthorization, showReasons } from '../policy/wording.ts';
import { ownerOf } from './workload-port.ts';

export type LinkerdVerdict = Evaluation['verdict'] | 'not-meshed';

/** Everything for which the same holds. */
export interface CanReason {
  readonly answer: CanCase['answer'];
  readonly requests: readonly string[];
  /** Addresses of the client; null: not known. */
  readonly ips: readonly (string | null)[];
  readonly pods: readonly string[];
  readonly linkerd: {
    readonly verdict: LinkerdVerdict;
    /** The object that decided, and where it is written; null: a default did, or nothing is known. */
    readonly object: ObjectRef | null;
    readonly place: string | null;
    readonly sentence: string;
    /** What would have been let in, where the sentence does not say it. */
    readonly required: readonly string[];
    readonly route: string | null;
    /** `Server backend-http`, `default policy deny`; null: no proxy. */
    readonly enforcedBy: string | null;
    readonly considered: readonly { readonly applies: Considered['applies']; readonly name: string; readonly reason: string }[];
    readonly missing: readonly Missing[];
  };
  /** null: the cluster has no NetworkPolicy. */
  readonly network: {
    readonly verdict: 'allow' | 'deny' | 'undecided';
    readonly policies: readonly ObjectRef[];
    readonly wirePort: number;
    readonly sentence: string;
    readonly missing: readonly string[];
    /** false: nobody enforces it, and it counts for nothing; null: not known, and it counts. */
    readonly enforced: boolean | null;
    /** The network plugin; null: none that is known was found. */
    readonly plugin: string | null;
  } | null;
}

/** In the order of the cases. `ip`: what names the client’s address to the one who asks; null: nothing does. */
export function canReasons(snapshot: Snapshot, port: number, cases: readonly CanCase[], ip: string | null): readonly CanReason[] {
  const groups = new Map<string, { reason: CanReason; requests: Set<string>; ips: Set<string | null>; pods: Set<string> }>();
  for (const one of cases) {
    const reason = reasonOf(snapshot, port, one, ip);
    const { requests: _requests, ips: _ips, pods: _pods, ...same } = reason;
    const key = JSON.stringify(same);
    const group = groups.get(key) ?? { reason, requests: new Set(), ips: new Set(), pods: new Set() };
    groups.set(key, group);
    group.requests.add(one.request.text);
    group.ips.add(one.caller.ip);
    for (const server of one.servers) group.pods.add(server.ref.name);
  }
  return [...groups.values()].map(({ reason, requests, ips, pods }) => ({
    ...reason,
    requests: [...requests],
    ips: [...ips],
    pods: [...pods],
  }));
}

function reasonOf(snapshot: Snapshot, port: number, one: CanCase, ip: string | null): CanReason {
  const { answer, evaluation, network } = one;
  return {
    answer,
    requests: [],
    ips: [],
    pods: [],
    linkerd: evaluation === null ? NOT_MESHED : linkerdOf(snapshot, port, one, evaluation, ip),
    network: network === null ? null : networkOf(snapshot, network),
  };
}

const NOT_MESHED: CanReason['linkerd'] = {
  verdict: 'not-meshed',
  object: null,
  place: null,
  sentence: 'No proxy stands before these pods, so Linkerd refuses nobody there.',
  required: [],
  route: null,
  enforcedBy: null,
  considered: [],
  missing: [],
};

function linkerdOf(snapshot: Snapshot, port: number, one: CanCase, evaluation: Evaluation, ip: string | null): CanReason['linkerd'] {
  const { verdict, policy, route, missing, considered } = evaluation;
  const { sentence, object, required } = getsIn(verdict)
    ? { ...allowedBy(evaluation), required: [] }
    : verdict === 'undecided'
      ? {
          sentence: `it cannot be told without ${missing.map((m) => (m === 'client-address' && ip !== null ? `${MISSING_WORDS[m]} (${ip})` : MISSING_WORDS[m])).join(' and ')}.`,
          object: null,
          required: [],
        }
      : decisionOf(snapshot, port, one, evaluation);
  const origin = object === null ? undefined : findResource(snapshot, object)?.origin;
  const place = origin?.file === undefined ? null : showOrigin(origin);
  return {
    verdict,
    object,
    place,
    sentence,
    required,
    route: route === null || (route.kind === 'default' && route.name === 'default') ? null : route.name,
    enforcedBy: policy.server === null ? `default policy ${policy.ref.name}` : `Server ${policy.server.name}`,
    considered: considered
      .filter(({ authorization }) => authorization.ref.name !== 'localhost' || authorization.object !== null)
      .map(({ authorization, applies, network, authentication }) => ({
        applies,
        name: showAuthorization(authorization),
        reason: showReasons(network, authentication),
      })),
    missing,
  };
}

const MISSING_WORDS: Readonly<Record<Missing, string>> = {
  'client-address': 'the client’s address',
  'client-tls': 'the client’s identity',
  request: 'method and path of the request',
  route: 'the route',
  port: 'the port',
  policy: 'the policy of that moment',
};

function allowedBy({ verdict, considered, policy, redirect, error }: Evaluation): { sentence: string; object: ObjectRef | null } {
  const by = considered.find(({ applies }) => applies === 'yes');
  const how = verdict === 'redirect' && redirect !== null ? `, and is answered with ${redirect.status} to ${redirect.location}` : '';
  const limit = verdict === 'ratelimited' ? `, but a rate limit refuses it: ${error ?? 'too many requests'}` : '';
  if (by === undefined) return { sentence: `It gets in${how}${limit}.`, object: policy.server };
  const { authorization, network, authentication } = by;
  return {
    sentence: `${showAuthorization(authorization)} lets it in (${showReasons(network, authentication)})${how}${limit}.`,
    object: authorization.object ?? policy.server,
  };
}

function decisionOf(snapshot: Snapshot, port: number, { caller, servers, request }: CanCase, evaluation: Evaluation) {
  const pod = servers[0];
  if (pod === undefined) throw new Error('a case without a server');
  const { verdict, policy, route, traffic, error } = evaluation;
  const http = traffic.type === 'http' ? [{ method: traffic.request.method, path: traffic.request.path }] : [];
  const denied: DenialAlone = {
    kind: verdict === 'route_not_found' ? 'route-not-found' : request.traffic.type === 'tcp' ? 'tcp-denied' : 'http-denied',
    server: policy.ref,
    route,
    tls: caller.tls,
    clientIp: caller.ip,
    error,
    requests: http,
  };
  return decide(evaluation, {
    excluded: excludedPolicies(snapshot, pod, evaluation),
    nearServers: policy.server === null ? nearServers(snapshot, pod, port) : [],
    unattachedRoutes: unattachedRoutes(snapshot, policy),
    workload: showWorkload(ownerOf(snapshot, pod)),
    port,
    isDeclared: pod.ports.includes(port),
    probePaths: pod.probes.get(port) ?? [],
    clientIsMeshed: caller.tls.state === 'established' ? null : (caller.pod?.meshed ?? null),
    clientOutside: null,
    clusterNetworks: snapshot.info.clusterNetworks.map((net) => net.text),
    denied,
    agrees: true,
    isOfMomentAsked: false,
    hasServiceAccount: (namespace, name) => hasServiceAccount(snapshot, namespace, name),
  });
}

function networkOf(snapshot: Snapshot, { verdict, wire }: NetworkAnswer): NonNullable<CanReason['network']> {
  const sides = [verdict.egress, verdict.ingress];
  const deciding = sides.filter((side) => side.verdict === verdict.verdict);
  const plugin = networkPlugin(snapshot);
  const isolated = deciding.filter((side) => side.policies.length > 0);
  return {
    verdict: verdict.verdict,
    policies: isolated.flatMap(({ policies }) => policies),
    wirePort: wire.port,
    sentence: isolated.length === 0 ? 'no policy isolates the pods' : isolated.map(showSide).join('; '),
    missing: verdict.missing,
    enforced: plugin?.enforces ?? null,
    plugin: plugin?.plugin ?? null,
  };
}

/** The rule that allows it, or else the one that comes closest. */
function showSide({ direction, verdict, policies, considered }: NetworkSide): string {
  const names = policies.map(({ name }) => name).join(', ');
  const isNear = ({ peer, port }: ConsideredRule) => peer.match === 'yes' || port.match === 'yes';
  const rule = verdict === 'allow' ? considered.find(({ match }) => match === 'yes') : considered.find(isNear);
  if (rule !== undefined) return `${rule.policy.name}: ${showConsideredRule(direction, rule)}`;
  return `${names}: ${direction} ${considered.length === 0 ? 'allows nothing' : 'allows neither this port nor this peer'}`;
}
