/** Rows 7 and 44: a meshed client whose identity no authorization lists, and none that looks like it. */
import type { Considered } from '../policy/evaluation.ts';
import { parseIdentity, type ServiceAccountIdentity } from '../policy/identity.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import { identityOf, missedIdentity } from './closest.ts';
import type { Denied, Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';
import { isSlip } from './near-name.ts';
import { causesIn } from './policy-changed.ts';

/** Kinds of workload that run now and then. */
const JOBS: ReadonlySet<string> = new Set(['Job', 'CronJob']);

export const identityNotListed: Diagnosis = {
  id: 'identity-not-listed',
  title: 'the client’s identity is listed nowhere',
  denied(denied, found) {
    const considered = missedIdentity(denied);
    if (considered === null || causesIn(found).some(({ removal }) => removal === 'allows')) return null;
    const { serviceAccount, workload } = denied.client.ref;
    const name = serviceAccount === null ? 'this identity' : `ServiceAccount ${serviceAccount.namespace}/${serviceAccount.name}`;
    const job =
      workload !== null && JOBS.has(workload.kind)
        ? ` ${workload.kind} ${workload.name} runs as it: give the job a ServiceAccount of its own and let that one in on the route it needs.`
        : '';
    const slip = slipOf(denied, considered);
    return drafted(denied, {
      certainty: considered.network.match === 'no' ? 'likely' : 'certain',
      removal: considered.network.match === 'no' ? 'helps' : 'allows',
      note: slip === null ? denied.decision.note : slip.words,
      todo: `${slip === null ? '' : `If it is the one that was meant, correct ${slip.listed} to ${slip.own}. `}If it is to get in, authorize ${name} on the narrowest target.${job} Look first who else uses the same authentication: whatever is added to it opens all that refer to it.`,
      remedies: slip === null ? ['add-identity', 'authorize-on-route', 'authorize-on-server'] : ['repair-identity', 'add-identity'],
    });
  },
};

interface Slip {
  readonly listed: string;
  readonly own: string;
  readonly words: string;
}

/** A listed ServiceAccount of the same namespace whose name is one letter away from the client's. */
function slipOf(denied: Denied, { authorization: { authentication } }: Considered): Slip | null {
  const own = identityOf(denied);
  if (own === null || denied.law === null || authentication.type !== 'tls-authenticated') return null;
  const listed = authentication.identities.flatMap((text) => parseIdentity(text) ?? []).find((id) => isSlipOf(id, own));
  if (listed === undefined) return null;
  const [theirs, mine] = [listed, own].map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`) as [string, string];
  const isThere = hasServiceAccount(denied.law.snapshot, listed.namespace, listed.serviceAccount);
  const exists = isThere === null ? '' : isThere ? '; both exist' : '; there is no such ServiceAccount';
  return { listed: theirs, own: mine, words: `${theirs}, one letter away, is listed${exists}` };
}

function isSlipOf(listed: ServiceAccountIdentity, own: ServiceAccountIdentity): boolean {
  const isSameMesh = listed.controlPlaneNamespace === own.controlPlaneNamespace && listed.trustDomain === own.trustDomain;
  return isSameMesh && listed.namespace === own.namespace && isSlip(listed.serviceAccount, own.serviceAccount);
}
