/** Row 22: two Servers select the port, and the policy that would let the client in is for the one that lost it. */
import { refOf } from '../policy/resource.ts';
import { closestOf } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const overlappingServers: Diagnosis = {
  id: 'overlapping-servers',
  title: 'two Servers select one port, and the policy is for the one without it',
  denied(denied) {
    const found = closestOf(denied);
    if (found?.type !== 'meant' || found.excluded.reason.type !== 'overshadowed-server' || denied.law === null) return null;
    const { server, overshadowed } = denied.law.evaluation.policy;
    const loser = overshadowed.find(
      ({ name }) => found.excluded.reason.type === 'overshadowed-server' && name === found.excluded.reason.server,
    );
    return drafted(
      denied,
      {
        certainty: 'certain',
        removal: 'allows',
        todo: `Let ${refName(found.excluded.object)} target Server ${server?.name ?? ''}, or delete or narrow one of the two Servers. The older one keeps the port; of two of one age the first by name.`,
        remedies: ['repair-reference', 'repair-selector'],
      },
      [server, loser ?? null, refOf(denied.law.pod.resource)],
    );
  },
};

function refName({ kind, namespace, name }: { readonly kind: string; readonly namespace: string; readonly name: string }): string {
  return `${kind} ${namespace}/${name}`;
}
