/** Every diagnosis, the most special first, and what they find. */

import { accessPolicyDecides } from './access-policy-decides.ts';
import { addressNotListed } from './address-not-listed.ts';
import { allowedNow } from './allowed-now.ts';
import { applicationRefused } from './application-refused.ts';
import { clientFromOutside } from './client-from-outside.ts';
import { clientNotMeshed } from './client-not-meshed.ts';
import { clientOfAnotherCluster } from './client-of-another-cluster.ts';
import { clientSkipsItsProxy } from './client-skips-its-proxy.ts';
import { danglingReference } from './dangling-reference.ts';
import { defaultPolicyNotInForce } from './default-policy-not-in-force.ts';
import { defaultRequiresIdentity } from './default-requires-identity.ts';
import { defaultServiceAccount } from './default-service-account.ts';
import { deniedOnPurpose } from './denied-on-purpose.ts';
import { destinationWithoutIdentity } from './destination-without-identity.ts';
import type { Denied, Diagnosis, Draft, Standing, Troubled } from './diagnosis.ts';
import { egressDenied } from './egress-denied.ts';
import { type Finding, ranked } from './finding.ts';
import { httpVersionMismatch } from './http-version-mismatch.ts';
import { identityAndAddressRequired } from './identity-and-address-required.ts';
import { identityNotListed } from './identity-not-listed.ts';
import { identityWrongNamespace } from './identity-wrong-namespace.ts';
import { identityWrongTrustDomain } from './identity-wrong-trust-domain.ts';
import { inboundPortDialled } from './inbound-port-dialled.ts';
import { invalidObject } from './invalid-object.ts';
import { localDefaultDeny } from './local-default-deny.ts';
import { matchedAnotherRoute } from './matched-another-route.ts';
import { networkBlocked } from './network-blocked.ts';
import { noRouteMatches } from './no-route-matches.ts';
import { noServerForPort } from './no-server-for-port.ts';
import { notHttp } from './not-http.ts';
import { nothingWrong } from './nothing-wrong.ts';
import { outsideClusterNetworks } from './outside-cluster-networks.ts';
import { overlappingServers } from './overlapping-servers.ts';
import { policyChanged } from './policy-changed.ts';
import { policyInAnotherNamespace } from './policy-in-another-namespace.ts';
import { policyRejectedByProxy } from './policy-rejected-by-proxy.ts';
import { probeNotAllowed } from './probe-not-allowed.ts';
import { prometheusDenied } from './prometheus-denied.ts';
import { rateLimited } from './rate-limited.ts';
import { routeNotAttached } from './route-not-attached.ts';
import { routePolicyDoesNotRestrict } from './route-policy-does-not-restrict.ts';
import { serverMissesPort } from './server-misses-port.ts';
import { serverWithoutAuthorization } from './server-without-authorization.ts';
import { serviceAccountReplaced } from './service-account-replaced.ts';
import { spiffeWildcard } from './spiffe-wildcard.ts';
import { targetMissing } from './target-missing.ts';

/** In the order in which they are asked; of findings that weigh the same the earlier goes before. */
export const DIAGNOSES: readonly Diagnosis[] = [
  applicationRefused,
  httpVersionMismatch,
  inboundPortDialled,
  networkBlocked,
  egressDenied,
  notHttp,
  localDefaultDeny,
  rateLimited,
  policyRejectedByProxy,
  probeNotAllowed,
  targetMissing,
  policyInAnotherNamespace,
  overlappingServers,
  routeNotAttached,
  matchedAnotherRoute,
  noRouteMatches,
  danglingReference,
  invalidObject,
  serviceAccountReplaced,
  defaultServiceAccount,
  spiffeWildcard,
  clientOfAnotherCluster,
  identityWrongNamespace,
  identityWrongTrustDomain,
  identityAndAddressRequired,
  prometheusDenied,
  defaultRequiresIdentity,
  clientNotMeshed,
  clientSkipsItsProxy,
  destinationWithoutIdentity,
  clientFromOutside,
  accessPolicyDecides,
  outsideClusterNetworks,
  addressNotListed,
  serverMissesPort,
  defaultPolicyNotInForce,
  policyChanged,
  noServerForPort,
  serverWithoutAuthorization,
  routePolicyDoesNotRestrict,
  identityNotListed,
  allowedNow,
  deniedOnPurpose,
  nothingWrong,
];

/** A counter that was read once says that something was denied, and not when: of that no cause is found. */
export function findingsOfDenied(denied: Denied): readonly Finding[] {
  const { count, before } = denied.client;
  const asked = count === 0 && before > 0 ? [nothingWrong] : DIAGNOSES;
  return collected(asked, (diagnosis, found) => diagnosis.denied?.(denied, found) ?? null);
}

export function findingsOfTrouble(troubled: Troubled): readonly Finding[] {
  return collected(DIAGNOSES, (diagnosis, found) => diagnosis.troubled?.(troubled, found) ?? null);
}

export function findingsStanding(standing: Standing): readonly Finding[] {
  const found: Finding[] = [];
  for (const diagnosis of DIAGNOSES)
    for (const draft of diagnosis.standing?.(standing, found) ?? []) found.push({ id: diagnosis.id, ...draft });
  return ranked(found);
}

function collected(
  asked: readonly Diagnosis[],
  ask: (diagnosis: Diagnosis, found: readonly Finding[]) => Draft | null,
): readonly Finding[] {
  const found: Finding[] = [];
  for (const diagnosis of asked) {
    const draft = ask(diagnosis, found);
    if (draft !== null) found.push({ id: diagnosis.id, ...draft });
  }
  return ranked(found);
}
