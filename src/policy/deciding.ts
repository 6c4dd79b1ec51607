/** The object that decided and the mismatch, in one sentence: required against observed. */
import type { ClientTls, Considered, Evaluation } from './evaluation.ts';
import type { Excluded, NearServer } from './excluded.ts';
import { parseIdentity } from './identity.ts';
import type { ClientAuthorization, RouteRef, ServerRef } from './inbound.ts';
import type { ObjectRef } from './resource.ts';
import {
  mismatchWords,
  requiredIdentities,
  requiredNetworks,
  showAuthorization,
  showClientTls,
  showDefaultOrigin,
  showExcluded,
  showNear,
  showServerRef,
} from './wording.ts';

export interface Decision {
  /** One sentence, without a final full stop where it ends in a name. */
  readonly sentence: string;
  /** The object that decided; null where a default did, or nothing is known. */
  readonly object: ObjectRef | null;
  /** What would have been let in, and what came; both empty where the sentence says all. */
  readonly required: readonly string[];
  readonly observed: string;
}

/** What is known beside the evaluation. */
export interface DecidingContext {
  readonly excluded: readonly Excluded[];
  readonly nearServers: readonly NearServer[];
  readonly unattachedRoutes: readonly { readonly route: ObjectRef; readonly why: string }[];
  /** The server's workload, for people. */
  readonly workload: string;
  readonly port: number | null;
  readonly denied: DenialAlone;
  /** False: this policy would not have done what the proxy did. */
  readonly agrees: boolean;
}

/** What the proxy itself said of the denial. */
export interface DenialAlone {
  readonly kind: 'http-denied' | 'tcp-denied' | 'terminated' | 'route-not-found' | 'rate-limited' | 'audit-allowed';
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  readonly tls: ClientTls | null;
  readonly clientIp: string | null;
  /** The error text, where there is one. */
  readonly error: string | null;
}

export function decide(evaluation: Evaluation, context: DecidingContext): Decision {
  const { policy, verdict } = evaluation;
  const { denied } = context;
  if (!context.agrees) return disagreement(evaluation, context);
  if (denied.kind === 'rate-limited') return { ...decideFromDenialAlone(denied), object: policy.rateLimit?.object ?? policy.server };
  if (denied.kind === 'audit-allowed') return { ...decideFromDenialAlone(denied), object: policy.server };
  if (policy.rejectedByProxy !== null) {
    const why = `The proxy cannot use the policy of ${showServer(evaluation)} and refuses everyone: ${policy.rejectedByProxy}.`;
    return { ...say(why), object: policy.server };
  }
  if (verdict === 'ratelimited')
    return {
      ...say(`${evaluation.rateLimitedBy?.name ?? 'A rate limit'}: ${evaluation.error}.`),
      object: policy.rateLimit?.object ?? null,
    };
  if (verdict === 'route_not_found') return routeNotFound(evaluation, context);
  if (verdict === 'allow') return allowed(evaluation);
  if (evaluation.traffic.type === 'tcp' && evaluation.considered.length === 0) return tcpOnHttp(evaluation, context);
  if (policy.server === null) return byDefaultPolicy(evaluation, context);
  return byServer(evaluation, context);
}

/** The policy at hand is not the one that the proxy had. */
function disagreement(evaluation: Evaluation, { denied }: DecidingContext): Decision {
  const named = denied.server === null ? null : showServerRef(denied.server);
  const own = showServerRef(evaluation.server);
  if (named !== null && named !== own) {
    return say(`The proxy decided by ${named}, and in this cluster ${own} has the port: these are not the objects of that moment.`);
  }
  if (evaluation.verdict === 'allow') {
    return {
      ...say(`This policy would allow it${allowedBy(evaluation)}: it is not the policy of that moment, or it changed since.`),
      object: null,
    };
  }
  return say(
    `The proxy refused it (${denied.kind}), and this policy says ${evaluation.verdict}: these are not the objects of that moment.`,
  );
}

/** What a denial says by itself, without any cluster. */
export function decideFromDenialAlone(denied: DenialAlone): Decision {
  const server = denied.server === null ? 'the Server' : showServerRef(denied.server);
  const observed = denied.tls === null ? '' : showClientTls(denied.tls);
  switch (denied.kind) {
    case 'route-not-found':
      return say(`No route of ${server} matches the request.`);
    case 'rate-limited':
      return say(`A rate limit, not a denial: ${denied.error ?? `HTTPLocalRateLimitPolicy of ${server}`}.`);
    case 'audit-allowed':
      return {
        ...say(`Allowed by audit alone: ${server} would refuse it once it enforces, unless another authorization applies.`),
        observed,
      };
    case 'terminated':
      return { ...say(`A change of policy took ${server} away from an open connection.`), observed };
    default: {
      const { server: ref } = denied;
      if (ref?.kind === 'default' && ref.name === 'deny')
        return { ...say('No Server selects the port, and the default policy deny refuses everyone.'), observed };
      if (ref?.kind === 'default' && ref.name === 'invalid')
        return { ...say('The proxy could not use the policy it was sent and refuses everyone.'), observed };
      const route = denied.route === null || denied.route.kind === 'default' ? '' : ` on ${denied.route.kind} ${denied.route.name}`;
      return { ...say(`Nothing on ${server}${route === '' ? '' : ` or${route}`} authorizes this client.`), observed };
    }
  }
}

function say(sentence: string): Decision {
  return { sentence, object: null, required: [], observed: '' };
}

function showServer({ policy }: Evaluation): string {
  return policy.server === null ? `default policy ${policy.ref.name}` : `Server ${policy.server.name}`;
}

function allowed(evaluation: Evaluation): Decision {
  return {
    ...say(`This policy allows it${allowedBy(evaluation)}.`),
    object: evaluation.considered.find((c) => c.applies === 'yes')?.authorization.object ?? null,
  };
}

function allowedBy(evaluation: Evaluation): string {
  const by = evaluation.considered.find((c) => c.applies === 'yes')?.authorization;
  return by === undefined ? '' : ` by ${showAuthorization(by)}`;
}

function routeNotFound(evaluation: Evaluation, context: DecidingContext): Decision {
  const { policy } = evaluation;
  if (policy.routes === null) {
    return {
      ...say(`${showServer(evaluation)} has protocol ${policy.protocol}, which knows no routes, and the client sent HTTP.`),
      object: policy.server,
    };
  }
  const names = policy.routes.map((r) => r.ref.name);
  const unattached = context.unattachedRoutes.map((r) => `${r.route.name} is not attached (${r.why})`);
  return {
    ...say(`No route of ${showServer(evaluation)} matches the request${unattached.length === 0 ? '' : `; ${unattached.join('; ')}`}.`),
    object: policy.server,
    required: policy.routes
      .flatMap((r) =>
        r.rules.type === 'http'
          ? r.rules.rules.flatMap((rule) => rule.matches.map((m) => showMatch(r.ref.name, m.method, m.path)))
          : [r.ref.name],
      )
      .slice(0, 12),
    observed:
      evaluation.traffic.type === 'http'
        ? `${evaluation.traffic.request.method} ${evaluation.traffic.request.path}`
        : names.length > 0
          ? 'a request that none of them takes'
          : '',
  };
}

function showMatch(route: string, method: string | null, path: { readonly type: string; readonly value: string } | null): string {
  const word = path === null || path.type === 'prefix' ? `${path?.value ?? '/'}` : `${path.type} ${path.value}`;
  return `${route}: ${method ?? 'any method'} ${word}`;
}

function tcpOnHttp(evaluation: Evaluation, context: DecidingContext): Decision {
  return {
    ...say(
      `${showServer(evaluation)} declares ${protocolName(evaluation.protocol)}, and the connection was not that: raw TCP to such a port is refused whoever asks.`,
    ),
    object: evaluation.policy.server,
    required: [protocolName(evaluation.protocol)],
    observed: `a connection to port ${context.port ?? '?'} in which no ${protocolName(evaluation.protocol)} was seen`,
  };
}

function protocolName(protocol: Evaluation['protocol']): string {
  return { detect: 'unknown', http1: 'HTTP/1', http2: 'HTTP/2', grpc: 'gRPC', opaque: 'opaque', tls: 'TLS' }[protocol];
}

/** No Server took the port: only the default policy speaks, whatever AuthorizationPolicies say. */
function byDefaultPolicy(evaluation: Evaluation, context: DecidingContext): Decision {
  const { defaultPolicy } = evaluation.policy;
  const origin = showDefaultOrigin(defaultPolicy);
  const port = context.port === null ? 'the port' : `port ${context.port}`;
  const near = context.nearServers[0];
  if (defaultPolicy.policy === 'deny') {
    const miss = near === undefined ? '' : `; ${showNear(near)}`;
    return {
      ...say(`No Server selects ${port} of ${context.workload}, so its default policy deny refuses everyone (${origin})${miss}.`),
      object: near?.server ?? null,
    };
  }
  const c = evaluation.considered[0];
  if (c === undefined) return say(`Default policy ${defaultPolicy.policy} refuses it (${origin}).`);
  return {
    ...say(`Default policy ${defaultPolicy.policy} ${mismatchWords(c, observedIdentity(evaluation))} (${origin}).`),
    ...sides(c, evaluation),
  };
}

/** A Server took the port and nothing on it (or on the route) applied. The nearest miss is named. */
function byServer(evaluation: Evaluation, context: DecidingContext): Decision {
  const where =
    evaluation.route === null || evaluation.route.kind === 'default'
      ? showServer(evaluation)
      : `${evaluation.route.kind} ${evaluation.route.name}`;
  const broken = context.excluded.find(
    (e) => e.reason.type === 'dangling' || e.reason.type === 'illegal' || e.reason.type === 'overshadowed-server',
  );
  const nearest = nearestMiss(evaluation);
  if (broken !== undefined && (nearest === null || nearest.score < 3)) return { ...say(showExcluded(broken)), object: broken.object };
  if (nearest !== null)
    return {
      ...say(
        `${upper(showAuthorization(nearest.considered.authorization))} ${mismatchWords(nearest.considered, observedIdentity(evaluation))}.`,
      ),
      ...sides(nearest.considered, evaluation),
    };
  const excluded = context.excluded.find((e) => e.reason.type !== 'other-route') ?? context.excluded[0];
  const why = excluded === undefined ? '' : ` ${showExcluded(excluded)}`;
  return { ...say(`Nothing authorizes anyone on ${where}.${why}`), object: excluded?.object ?? evaluation.policy.server };
}

interface Miss {
  readonly considered: Considered;
  /** 0 to 4: how much of it matched. */
  readonly score: number;
}

/** Of all that did not apply, the one that came closest; `localhost` and probes are never meant for a client. */
function nearestMiss(evaluation: Evaluation): Miss | null {
  let best: Miss | null = null;
  for (const considered of evaluation.considered) {
    if (considered.applies !== 'no' || considered.authorization.object === null) continue;
    const score = scoreOf(considered, evaluation);
    if (best === null || score > best.score) best = { considered, score };
  }
  return best;
}

function scoreOf(c: Considered, evaluation: Evaluation): number {
  const network = c.network.match === 'no' ? 0 : 1;
  if (c.authentication.match !== 'no') return 2 + network;
  return network + likeness(c.authorization, observedIdentity(evaluation));
}

/** 0: nothing in common; 2: the same ServiceAccount name, or all but the part after `.identity.`. */
function likeness(authorization: ClientAuthorization, identity: string | null): number {
  const observed = identity === null ? null : parseIdentity(identity);
  if (observed === null || authorization.authentication.type !== 'tls-authenticated') return 0;
  return authorization.authentication.identities.some((text) => parseIdentity(text)?.serviceAccount === observed.serviceAccount) ? 2 : 0;
}

function observedIdentity({ connection }: Evaluation): string | null {
  return connection.tls?.state === 'established' ? connection.tls.clientId : null;
}

/** Required and observed of the part that did not match. */
function sides(c: Considered, evaluation: Evaluation): Pick<Decision, 'object' | 'required' | 'observed'> {
  const object =
    c.authorization.via.find((ref) => ref.kind === (c.authentication.match === 'no' ? 'MeshTLSAuthentication' : 'NetworkAuthentication')) ??
    c.authorization.object;
  if (c.authentication.match === 'no') return { object, required: requiredIdentities(c.authorization), observed: showTls(evaluation) };
  return {
    object,
    required: requiredNetworks(c.authorization),
    observed: evaluation.connection.clientIp ?? 'an address that was not observed',
  };
}

function showTls({ connection: { tls } }: Evaluation): string {
  return tls === null ? 'nothing was observed' : showClientTls(tls);
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
