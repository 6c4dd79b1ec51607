/** Whether a grant that nobody used may have been meant for somebody who is refused: a misspelt name, another ServiceAccount, an address behind a NAT. */
import { getsIn } from '../access/compare.ts';
import type { EnforcedPort } from '../access/enforced.ts';
import { evaluate } from '../policy/evaluate.ts';
import { serviceAccountIdentity, suffixMatches } from '../policy/identity.ts';
import type { ClientAuthorization } from '../policy/inbound.ts';
import { memo } from '../policy/memo.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import type { PostureContext, PostureWorkload, SeenTraffic } from './practice.ts';

/** An identity of a grant, or the whole of it (`identity` null), that was not seen. */
export interface NotSeen {
  readonly grant: { readonly at: EnforcedPort; readonly authorization: ClientAuthorization };
  readonly identity: string | null;
}

type Recorded = SeenTraffic['recorded'];

/** Whoever is refused there has the identity, or the grant names nobody who runs, or asks for addresses. */
export function mayMiss({ snapshot, seenAt }: PostureContext, workload: PostureWorkload, { grant, identity }: NotSeen): boolean {
  const { at, authorization } = grant;
  const refused = seenAt(workload, at.port).flatMap(({ recorded }) => (isRefused(at, recorded) ? [recorded] : []));
  if (refused.length === 0) return false;
  const { authentication } = authorization;
  if (authentication.type !== 'tls-authenticated') return refused.some((one) => identityOf(snapshot, one) === null);
  const names = identity === null ? authentication.identities : [identity];
  const suffixes = identity === null ? authentication.suffixes : [];
  const isMeant = (one: string) => names.includes(one) || suffixes.some((suffix) => suffixMatches(suffix, one));
  if (refused.some((one) => isMeant(identityOf(snapshot, one) ?? ''))) return true;
  return names.length > 0 && suffixes.length === 0 && !names.some((one) => identitiesIn(snapshot).has(one));
}

/** Then, and by the policy of today. */
function isRefused({ policy }: EnforcedPort, { seen, ip, tls, traffic }: Recorded): boolean {
  return seen === 'denied' && !getsIn(evaluate(policy, { clientIp: ip, tls }, traffic).verdict);
}

/** That of its pod, where it showed none on the way. */
function identityOf(snapshot: Snapshot, { tls, pod }: Recorded): string | null {
  if (tls?.state === 'established' && tls.clientId !== null) return tls.clientId;
  return pod === null || !pod.meshed ? null : identityOfPod(snapshot, pod);
}

function identityOfPod({ info }: Snapshot, { ref, serviceAccount }: Workload): string {
  return serviceAccountIdentity(info, ref.namespace, serviceAccount);
}

/** Of pods with a proxy. */
const identitiesIn = memo(
  (snapshot: Snapshot): ReadonlySet<string> =>
    new Set(
      [...snapshot.namespaces.values()].flatMap(({ workloads }) =>
        [...workloads.values()].flatMap(({ value }) => (value?.meshed === true ? [identityOfPod(snapshot, value)] : [])),
      ),
    ),
);
