/** Row 10: the client runs as the ServiceAccount `default`, which every pod without one of its own shares. */
import { workloadsByServiceAccount } from '../policy/snapshot.ts';
import { identityOf, missedIdentity } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const defaultServiceAccount: Diagnosis = {
  id: 'default-service-account',
  title: 'the client runs as the shared ServiceAccount default',
  denied(denied) {
    const own = identityOf(denied);
    if (missedIdentity(denied) === null || denied.law === null || own?.serviceAccount !== 'default') return null;
    const sharing = workloadsByServiceAccount(denied.law.snapshot, own.namespace, 'default').length;
    const { workload } = denied.client.ref;
    return drafted(denied, {
      certainty: 'certain',
      removal: 'allows',
      note: sharing > 1 ? `${sharing} pods of ${own.namespace} run as it` : denied.decision.note,
      todo: `Give ${workload === null ? 'the workload' : `${workload.kind} ${workload.namespace}/${workload.name}`} a ServiceAccount of its own (spec.template.spec.serviceAccountName) and authorize that one. Authorizing ${own.namespace}/default lets in every pod of the namespace that has none of its own.`,
      remedies: ['own-service-account', 'do-not-allow'],
    });
  },
};
