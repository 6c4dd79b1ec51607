/** Where the policy at hand does not do what the proxy did: said, and no cause made up. */
import { type DecidingContext, type Decision, type DenialAlone, say } from './decision.ts';
import type { Evaluation } from './evaluation.ts';
import { showAuthorization, showServerRef } from './wording.ts';

/** The policy at hand is not the one that the proxy had. */
export function disagreement(evaluation: Evaluation, { denied, isDeclared, port, isOfMomentAsked }: DecidingContext): Decision {
  const named = denied.server === null ? null : showServerRef(denied.server);
  const own = showServerRef(evaluation.server);
  const applies = evaluation.server.kind === 'default' ? 'applies' : 'has the port';
  if (isLocalDefault(denied, evaluation)) {
    const why =
      isDeclared || port === null
        ? 'at its start, at the first connection to a port that the pod does not declare, or while the controller did not answer'
        : `since the pod does not declare port ${port}`;
    return say(`The proxy acted by its own default policy deny: it had no policy of the port from the controller yet (${why}).`);
  }
  if (isOfMomentAsked) {
    if (named !== null && named !== own) return say(`The proxy decided by ${named}; at the moment asked for, ${own} ${applies}.`);
    return say(
      `At the moment asked for the policy ${VERDICT_WORDS.get(evaluation.verdict) ?? `says ${evaluation.verdict}`}${allowedBy(evaluation)}.`,
    );
  }
  if (named !== null && named !== own)
    return say(`The proxy decided by ${named}, and in this cluster ${own} ${applies}: these are not the objects of that moment.`);
  if (evaluation.verdict === 'allow')
    return say(`These objects allow it${allowedBy(evaluation)}: when it was refused the policy was another one.`);
  if (denied.route !== null && evaluation.missing.includes('policy')) {
    const route = denied.route.kind === 'default' ? `route ${denied.route.name}` : `${denied.route.kind} ${denied.route.name}`;
    return say(`The proxy matched ${route}, which ${own} does not have among these objects: they are not those of that moment.`);
  }
  const words = VERDICT_WORDS.get(evaluation.verdict) ?? `says ${evaluation.verdict}`;
  return say(`The proxy refused it (${denied.kind}), and this policy ${words}: these are not the objects of that moment.`);
}

const VERDICT_WORDS: ReadonlyMap<Evaluation['verdict'], string> = new Map([
  ['allow', 'allows it'],
  ['deny', 'denies it in another way'],
  ['route_not_found', 'has no route for it'],
  ['undecided', 'does not know its route'],
]);

/** Until the controller has answered, a proxy whose default is `deny` refuses TCP and knows no routes (facts §5.12). */
export function isLocalDefault({ kind, server }: Pick<DenialAlone, 'kind' | 'server'>, evaluation: Evaluation): boolean {
  if (evaluation.policy.defaultPolicy.policy !== 'deny') return false;
  if (kind === 'route-not-found') return server === null || server.kind === 'default';
  return kind === 'tcp-denied' && server?.kind === 'default' && server.name === 'deny';
}

function allowedBy(evaluation: Evaluation): string {
  const by = evaluation.considered.find((c) => c.applies === 'yes')?.authorization;
  return by === undefined ? '' : ` by ${showAuthorization(by)}`;
}
