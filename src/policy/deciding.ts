/** The object that decided and the mismatch, in one sentence: required against observed. */
import { type DecidingContext, type Decision, type DenialAlone, say } from './decision.ts';
import { disagreement } from './disagreement.ts';
import type { Considered, Evaluation } from './evaluation.ts';
import { parseIdentity } from './identity.ts';
import type { InboundServer } from './inbound.ts';
import { methodsTaken } from './methods.ts';
import { closest, nearestMiss, observedIdentity } from './nearest.ts';
import { showRef } from './resource.ts';
import {
  mismatchWords,
  requiredIdentities,
  requiredNetworks,
  showClientTls,
  showDefaultOrigin,
  showExcluded,
  showMatch,
  showMeant,
  showNear,
  showProtocol,
  showServerRef,
} from './wording.ts';

export function decide(evaluation: Evaluation, context: DecidingContext): Decision {
  const { policy, verdict } = evaluation;
  const { denied } = context;
  if (!context.agrees) return disagreement(evaluation, context);
  if (denied.kind === 'rate-limited') return rateLimited(evaluation, denied);
  if (denied.kind === 'audit-allowed') return { ...decideFromDenialAlone(denied), object: policy.server };
  if (policy.rejectedByProxy !== null) {
    return say(
      `The proxy cannot use the policy of ${showServer(evaluation)} and refuses everyone: ${policy.rejectedByProxy}.`,
      policy.server,
    );
  }
  if (verdict === 'route_not_found' || denied.kind === 'route-not-found') return routeNotFound(evaluation, context);
  if (evaluation.missing.includes('request')) return routeUnknown(evaluation);
  const decision = decideDenied(evaluation, context);
  return denied.kind === 'terminated'
    ? { ...decision, sentence: `A change of policy cut an open connection. ${decision.sentence}` }
    : decision;
}

function rateLimited({ policy }: Evaluation, { error }: DenialAlone): Decision {
  const limit = policy.rateLimit?.object ?? null;
  const subject = limit === null ? 'A rate limit' : showRef(limit);
  return say(`${subject}, not an authorization: ${error ?? 'a limit of requests per second was exceeded'}.`, limit ?? policy.server);
}

function decideDenied(evaluation: Evaluation, context: DecidingContext): Decision {
  if (evaluation.traffic.type === 'tcp' && evaluation.considered.length === 0) return tcpOnHttp(evaluation, context);
  if (evaluation.policy.server === null) return byDefaultPolicy(evaluation, context);
  return byServer(evaluation, context);
}

/** What a denial says by itself, without any cluster. */
export function decideFromDenialAlone(denied: DenialAlone): Decision {
  const server = denied.server === null ? 'the Server' : showServerRef(denied.server);
  const observed = denied.tls === null ? '' : showClientTls(denied.tls);
  switch (denied.kind) {
    case 'route-not-found':
      return { ...say(`No route of ${server} matches the request.`), observed: showRequests(denied) };
    case 'rate-limited':
      return say(`A rate limit, not a denial: ${denied.error ?? `HTTPLocalRateLimitPolicy of ${server}`}.`);
    case 'audit-allowed':
      return {
        ...say(
          `Allowed only because ${denied.server?.kind === 'default' ? 'the default policy is audit' : `${server} has accessPolicy audit`}: everyone gets in and is logged. Under deny this client would need an authorization.`,
        ),
        observed,
      };
    case 'terminated':
      return { ...say(`A change of policy took ${server} away from an open connection.`), observed };
    default:
      return { ...say(refusedAlone(denied, server)), observed };
  }
}

function refusedAlone({ server: ref, route }: DenialAlone, server: string): string {
  if (ref?.kind === 'default' && ref.name === 'deny') return 'No Server selects the port, and the default policy deny refuses everyone.';
  if (ref?.kind === 'default' && ref.name === 'invalid') return 'The proxy could not use the policy it was sent, and refuses everyone.';
  if (ref?.kind === 'default') return `No Server selects the port, and ${server} does not take this client.`;
  const on = route === null || route.kind === 'default' ? '' : ` or on ${route.kind} ${route.name}`;
  return `Nothing on ${server}${on} authorizes this client.`;
}

function showServer({ policy }: Evaluation): string {
  return policy.server === null ? `default policy ${policy.ref.name}` : `Server ${policy.server.name}`;
}

function routeNotFound(evaluation: Evaluation, context: DecidingContext): Decision {
  const { policy } = evaluation;
  const server = showServer(evaluation);
  if (policy.routes === null) {
    const why = `${server} has protocol ${showProtocol(policy.protocol)}, which knows no routes, and the client sent HTTP.`;
    return say(why, policy.server);
  }
  const unattached = context.unattachedRoutes.map((r) => `${r.route.kind} ${r.route.name} is not attached (${r.why})`);
  const required = policy.routes.flatMap((r) =>
    r.rules.type === 'http'
      ? r.rules.rules.flatMap((rule) => rule.matches.map((match) => `${r.ref.name}: ${showMatch(match)}`))
      : r.rules.rules.flatMap((rule) => rule.matches.map((match) => `${r.ref.name}: ${showMatch(match)}`)),
  );
  const isProbe = context.denied.requests.some((r) => r.path !== null && context.probePaths.includes(r.path.split('?', 1)[0] as string));
  return {
    ...say(`No route of ${server} matches the request${unattached.length === 0 ? '' : `; ${unattached.join('; ')}`}.`, policy.server),
    required,
    observed: showRequests(context.denied, policy.routes) || 'a request that none of them takes',
    note: isProbe ? 'a probe: Linkerd’s own route for probes ends with the first route of a Server' : '',
  };
}

/** A refusal of which neither route nor request is known, and several routes are there to refuse. */
function routeUnknown(evaluation: Evaluation): Decision {
  const { policy } = evaluation;
  const names = (policy.routes ?? []).map((r) => r.ref.name).join(', ');
  return say(`Which route of ${showServer(evaluation)} refused it is not known: ${names || 'it has none'}.`, policy.server);
}

function showRequests({ requests }: DenialAlone, routes: InboundServer['routes'] = null): string {
  const shown = requests.map(({ method, path }) => {
    if (method !== null || path === null) return [method, path].filter((part) => part !== null).join(' ');
    const taken = routes === null ? [] : methodsTaken(routes, path);
    return taken.length === 0 ? path : `${path} (by another method than ${taken.join(', ')})`;
  });
  return [...new Set(shown)].slice(0, 3).join(', ');
}

function tcpOnHttp(evaluation: Evaluation, { port }: DecidingContext): Decision {
  const protocol = showProtocol(evaluation.protocol);
  const why = `${showServer(evaluation)} declares ${protocol}, and the connection was not that: anything else is refused there, whoever asks.`;
  const observed = `a connection to port ${port ?? '?'} that does not begin as ${protocol}`;
  return { ...say(why, evaluation.policy.server), required: [protocol], observed };
}

/** No Server took the port: only the default policy speaks, whatever AuthorizationPolicies say. */
function byDefaultPolicy(evaluation: Evaluation, context: DecidingContext): Decision {
  const { defaultPolicy } = evaluation.policy;
  const origin = showDefaultOrigin(defaultPolicy);
  const port =
    context.port === null ? 'the port' : context.port === 4191 ? 'port 4191 (the proxy’s own: metrics, probes)' : `port ${context.port}`;
  const near = context.nearServers[0];
  if (defaultPolicy.policy === 'deny') {
    const miss = near === undefined ? '' : ` ${showNear(near)}.`;
    const why = `No Server selects ${port} of ${context.workload}, so its default policy deny refuses everyone (${origin}).${miss}`;
    return say(why, near?.why.type === 'port-name' || near?.why.type === 'selector' ? near.server : null);
  }
  const c = nearestMiss(evaluation, context.clientIsMeshed)?.considered;
  if (c === undefined) return say(`Default policy ${defaultPolicy.policy} refuses it (${origin}).`);
  const words = `Default policy ${defaultPolicy.policy} ${mismatchWords(c, evaluation, context)} (${origin}).`;
  return { ...say(words), ...sides(c, evaluation, context) };
}

/** A Server took the port and nothing on it (or on the route) applied. */
function byServer(evaluation: Evaluation, context: DecidingContext): Decision {
  const found = closest(evaluation, context.excluded, context.clientIsMeshed);
  if (found.type === 'meant') return say(showMeant(found.excluded, evaluation), found.excluded.object);
  if (found.type === 'broken') return say(showExcluded(found.excluded), found.excluded.object);
  if (found.type === 'miss') return miss(found.considered, evaluation, context);
  const { route, policy } = evaluation;
  const where =
    route === null || route.kind === 'default'
      ? showServer(evaluation)
      : `${kindOfRoute(evaluation)} ${route.name} or its ${showServer(evaluation)}`;
  const excluded = context.excluded.find((e) => e.reason.type === 'target-missing' || e.reason.type === 'overshadowed-server');
  const rule = `then everyone is refused, and the default policy ${policy.defaultPolicy.policy} has no say`;
  const why = excluded === undefined ? '' : ` ${showExcluded(excluded)}`;
  return say(`Nothing authorizes anyone on ${where}: ${rule}.${why}`, excluded?.object ?? policy.server);
}

function kindOfRoute({ policy, route }: Evaluation): string {
  return policy.routes?.find((r) => r.ref.name === route?.name && r.ref.kind === route.kind)?.object?.kind ?? 'route';
}

function miss(c: Considered, evaluation: Evaluation, context: DecidingContext): Decision {
  const { required, observed, object, note } = sides(c, evaluation, context);
  const subject = object === null ? `${showServer(evaluation)}, by its accessPolicy ${c.authorization.ref.name},` : showRef(object);
  const words = mismatchWords(c, evaluation, context);
  const sentence = `${subject.charAt(0).toUpperCase()}${subject.slice(1)} ${words}.`;
  return { sentence, object, required, observed, note };
}

/** Required and observed of the part that did not match. */
function sides(c: Considered, evaluation: Evaluation, context: DecidingContext): Omit<Decision, 'sentence'> {
  const { authorization } = c;
  const via = (kind: string) => authorization.via.find((ref) => ref.kind === kind) ?? authorization.object;
  if (c.authentication.match !== 'yes') {
    const required = byLikeness(requiredIdentities(authorization), observedIdentity(evaluation));
    return {
      object: via('MeshTLSAuthentication'),
      required,
      observed: showTls(evaluation),
      note: noteOf(required[0], evaluation, context),
    };
  }
  const observed = evaluation.connection.clientIp ?? 'an address that was not observed';
  return { object: via('NetworkAuthentication'), required: requiredNetworks(authorization), observed, note: '' };
}

/** Those of the same ServiceAccount name first, then of the same namespace. */
function byLikeness(identities: readonly string[], observed: string | null): readonly string[] {
  const own = observed === null ? null : parseIdentity(observed);
  if (own === null) return identities;
  const score = (text: string) => {
    const id = parseIdentity(text);
    return (id?.serviceAccount === own.serviceAccount ? 2 : 0) + (id?.namespace === own.namespace ? 1 : 0);
  };
  return identities.toSorted((a, b) => score(b) - score(a));
}

/** Whether the identity that is asked for can exist at all. */
function noteOf(required: string | undefined, evaluation: Evaluation, { hasServiceAccount }: DecidingContext): string {
  const id = required === undefined || observedIdentity(evaluation) === null ? null : parseIdentity(required);
  if (id === null || hasServiceAccount(id.namespace, id.serviceAccount) !== false) return '';
  return `there is no ServiceAccount ${id.namespace}/${id.serviceAccount}`;
}

function showTls({ connection: { tls } }: Evaluation): string {
  return tls === null ? 'nothing was observed' : showClientTls(tls);
}
