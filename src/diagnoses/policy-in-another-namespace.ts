/** Row 16: the right policy in the wrong namespace: policies act inside their own only. */
import { closestOf } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const policyInAnotherNamespace: Diagnosis = {
  id: 'policy-in-another-namespace',
  title: 'the policy is in another namespace than its Server',
  denied(denied) {
    const found = closestOf(denied);
    const { law } = denied;
    if (law === null || found === null) return null;
    const isMeant = found.type === 'meant' && found.excluded.reason.type === 'other-namespace';
    const other = found.type === 'nothing' ? law.excluded.find(({ reason }) => reason.type === 'other-namespace') : undefined;
    const excluded = isMeant ? found.excluded : other;
    if (excluded === undefined) return null;
    const { namespace, name, kind } = excluded.object;
    return drafted(
      denied,
      {
        certainty: isMeant ? 'certain' : 'likely',
        removal: 'allows',
        ...(isMeant
          ? {}
          : { summary: `${kind} ${namespace}/${name} targets this Server from another namespace: policies act only in their own.` }),
        todo: `Move ${kind} ${namespace}/${name} to namespace ${law.pod.ref.namespace}. References in it that name no namespace then mean that one: write theirs out.`,
        remedies: ['repair-reference'],
      },
      [excluded.object, law.evaluation.policy.server],
    );
  },
};
