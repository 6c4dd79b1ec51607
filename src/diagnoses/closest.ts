/** The one thing that stood nearest to letting a denied client in: the same choice as the decision's sentence makes. */
import type { Considered } from '../policy/evaluation.ts';
import { parseIdentity, type ServiceAccountIdentity } from '../policy/identity.ts';
import { type Closest, closest, nearestMiss, observedIdentity } from '../policy/nearest.ts';
import type { Denied, Law } from './diagnosis.ts';

/** The law of a denial for want of an authorization: HTTP or TCP, by an agreeing policy whose protocol fits. null: anything else. */
export function lawOfDenial({ target, law }: Denied): Law | null {
  if (law === null || !law.agrees || law.evaluation.missing.includes('request')) return null;
  if (target.kind !== 'http-denied' && target.kind !== 'tcp-denied' && target.kind !== 'terminated') return null;
  const { policy, traffic, considered } = law.evaluation;
  const isOtherProtocol = traffic.type === 'tcp' && considered.length === 0 && policy.server !== null;
  return policy.rejectedByProxy !== null || isOtherProtocol ? null : law;
}

/** What came closest on the Server that took the port; null: no Server did, or it is no denial for want of an authorization. */
export function closestOf(denied: Denied): Closest | null {
  const law = lawOfDenial(denied);
  if (law === null || law.evaluation.policy.server === null) return null;
  return closest(law.evaluation, law.excluded, denied.client.ref.pod?.meshed ?? null);
}

/** The authorization, of the Server or of the default policy, whose authentication the client missed. */
export function missedAuthentication(denied: Denied): Considered | null {
  const law = lawOfDenial(denied);
  if (law === null) return null;
  const nearest = nearestOf(denied, law);
  if (nearest?.authentication.match === 'no') return nearest;
  // An address that nobody saw may be the wrong one: then what asks for an identity is missed as well.
  return nearest?.network.match === 'unobserved' ? (law.evaluation.considered.find(asksForIdentity) ?? null) : null;
}

function nearestOf(denied: Denied, { evaluation }: Law): Considered | null {
  if (evaluation.policy.server === null) return nearestMiss(evaluation, denied.client.ref.pod?.meshed ?? null)?.considered ?? null;
  const found = closestOf(denied);
  return found?.type === 'miss' ? found.considered : null;
}

function asksForIdentity({ authentication }: Considered): boolean {
  return authentication.match === 'no';
}

/** The same, where the client showed an identity and it is not listed. */
export function missedIdentity(denied: Denied): Considered | null {
  const considered = missedAuthentication(denied);
  return considered?.authentication.match === 'no' && considered.authentication.why === 'identity-not-listed' ? considered : null;
}

/** The client's identity, where it is of Linkerd's form. */
export function identityOf({ law }: Denied): ServiceAccountIdentity | null {
  const text = law === null ? null : observedIdentity(law.evaluation);
  return text === null ? null : parseIdentity(text);
}

/** The listed identity of the same ServiceAccount name as the client's, which is not the client's; null: none. */
export function nearIdentity(denied: Denied): { readonly considered: Considered; readonly listed: ServiceAccountIdentity } | null {
  const considered = missedAuthentication(denied);
  const own = identityOf(denied);
  if (considered === null || own === null || considered.authorization.authentication.type !== 'tls-authenticated') return null;
  for (const text of considered.authorization.authentication.identities) {
    const listed = parseIdentity(text);
    if (listed?.serviceAccount === own.serviceAccount) return { considered, listed };
  }
  return null;
}
