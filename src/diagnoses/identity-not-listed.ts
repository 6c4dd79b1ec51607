/** Rows 7 and 44: a meshed client whose identity no authorization lists, and none that looks like it. */
import { missedIdentity } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';
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
    return drafted(denied, {
      certainty: considered.network.match === 'no' ? 'likely' : 'certain',
      removal: considered.network.match === 'no' ? 'helps' : 'allows',
      todo: `If it is to get in, authorize ${name} on the narrowest target.${job} Look first who else uses the same authentication: whatever is added to it opens all that refer to it.`,
      remedies: ['add-identity', 'authorize-on-route', 'authorize-on-server'],
    });
  },
};
