/** Of all that did not let a client in, what came closest: the likely place of the mistake. */
import type { Considered, Evaluation } from './evaluation.ts';
import type { Excluded, ExcludedReason } from './excluded.ts';
import { parseIdentity } from './identity.ts';
import type { ClientAuthorization } from './inbound.ts';
import { contains, parseAddress } from './network.ts';

export interface Miss {
  readonly considered: Considered;
  /** True: the same ServiceAccount is listed, but of another namespace, control plane or trust domain; or only the address is wrong. */
  readonly isNear: boolean;
}

/** `localhost`, probes and the like are never meant for a client, unless nothing else is there. */
export function nearestMiss(evaluation: Evaluation, clientIsMeshed: boolean | null): Miss | null {
  let best: { considered: Considered; score: number } | null = null;
  for (const considered of evaluation.considered) {
    const { object, ref } = considered.authorization;
    if (considered.applies === 'yes' || (object === null && (ref.name === 'localhost' || ref.name === 'probe'))) continue;
    const score = scoreOf(considered, evaluation, clientIsMeshed);
    if (best === null || score > best.score) best = { considered, score };
  }
  return best === null ? null : { considered: best.considered, isNear: best.score >= NEAR };
}

const NEAR = 3;

/** How much of it matched; from `NEAR` on, so much that it was meant for such a client. */
function scoreOf(c: Considered, evaluation: Evaluation, clientIsMeshed: boolean | null): number {
  const network = c.network.match === 'no' ? 0 : 1;
  if (c.authentication.match !== 'no') {
    if (network === 1 || isInNeighbourhood(c.authorization, evaluation.connection.clientIp)) return NEAR + network;
    // A network somewhere else is meant for somebody else; a pod without a proxy should rather get one.
    return clientIsMeshed === false ? 0.5 : 1.5;
  }
  return network + likeness(c.authorization, observedIdentity(evaluation));
}

/** Within the same 16 bits (IPv6: 32), or one of many networks, as those of the cluster. */
function isInNeighbourhood({ networks, object }: ClientAuthorization, ip: string | null): boolean {
  const address = ip === null ? null : parseAddress(ip);
  if (address === null || object === null || object.kind === 'ServerAuthorization') return true;
  const bits = address.family === 4 ? 16 : 32;
  return networks.some(({ net }) => contains({ ...net, prefix: Math.min(net.prefix, bits) }, address));
}

function likeness({ authentication }: ClientAuthorization, identity: string | null): number {
  const observed = identity === null ? null : parseIdentity(identity);
  if (observed === null || authentication.type !== 'tls-authenticated') return 0;
  return authentication.identities.some((text) => parseIdentity(text)?.serviceAccount === observed.serviceAccount) ? NEAR : 0;
}

export function observedIdentity({ connection }: Evaluation): string | null {
  return connection.tls?.state === 'established' ? connection.tls.clientId : null;
}

const REASONS_BY_WEIGHT: readonly ExcludedReason['type'][] = [
  'target-missing',
  'overshadowed-server',
  'route-not-attached',
  'route-policy-on-tcp',
  'other-namespace',
  'other-route',
];

/** A policy that lists this client and has no say here; of several the one whose reason is the plainest mistake. */
function meantForClient(excluded: readonly Excluded[]): Excluded | null {
  const meant = excluded.filter((e) => e.wouldApply === 'yes' && REASONS_BY_WEIGHT.includes(e.reason.type));
  const weight = (e: Excluded) => REASONS_BY_WEIGHT.indexOf(e.reason.type);
  return meant.toSorted((a, b) => weight(a) - weight(b))[0] ?? null;
}

/** A policy on this Server or route that is broken, so that nobody can tell whom it lets in. One that asks for an identity is not meant for a client without. */
function brokenPolicy(excluded: readonly Excluded[], evaluation: Evaluation): Excluded | null {
  const hasIdentity = observedIdentity(evaluation) !== null || evaluation.connection.tls === null;
  const isBroken = ({ reason }: Excluded) => {
    if (reason.type === 'dangling') return hasIdentity || reason.missing.kind === 'NetworkAuthentication';
    return reason.type === 'illegal' || (reason.type === 'unreadable' && !reason.keptOld);
  };
  return excluded.find(isBroken) ?? null;
}

/** What stands nearest to letting the client in, where a Server took the port and nothing applied. */
export type Closest =
  /** A policy lists this client and has no say here. */
  | { readonly type: 'meant'; readonly excluded: Excluded }
  /** A policy of this Server or route cannot be used. */
  | { readonly type: 'broken'; readonly excluded: Excluded }
  /** An authorization of this Server or route asks for something else. */
  | { readonly type: 'miss'; readonly considered: Considered }
  | { readonly type: 'nothing' };

export function closest(evaluation: Evaluation, excluded: readonly Excluded[], clientIsMeshed: boolean | null): Closest {
  const meant = meantForClient(excluded);
  if (meant !== null) return { type: 'meant', excluded: meant };
  const nearest = nearestMiss(evaluation, clientIsMeshed);
  if (nearest?.isNear === true) return { type: 'miss', considered: nearest.considered };
  const broken = brokenPolicy(excluded, evaluation);
  if (broken !== null) return { type: 'broken', excluded: broken };
  return nearest === null ? { type: 'nothing' } : { type: 'miss', considered: nearest.considered };
}
