/** Row 15: a policy that would let the client in targets something that does not exist. */
import { namespaceIndex } from '../policy/snapshot.ts';
import { closestOf } from './closest.ts';
import type { Diagnosis, Law } from './diagnosis.ts';
import { drafted } from './drafting.ts';
import { isSlip } from './near-name.ts';

export const targetMissing: Diagnosis = {
  id: 'target-missing',
  title: 'a policy targets something that does not exist',
  denied(denied) {
    const found = closestOf(denied);
    const { law } = denied;
    if (law === null || found === null) return null;
    const meant = found.type === 'meant' && found.excluded.reason.type === 'target-missing' ? found.excluded : null;
    const other = found.type === 'nothing' ? law.excluded.find(({ reason }) => reason.type === 'target-missing') : undefined;
    const excluded = meant ?? other;
    if (excluded === undefined || excluded.reason.type !== 'target-missing') return null;
    const { target } = excluded.reason;
    const slip = namesIn(law).find((name) => isSlip(name, target.slice(target.lastIndexOf(' ') + 1)));
    const { server } = law.evaluation.policy;
    return drafted(
      denied,
      {
        certainty: meant === null ? 'likely' : 'certain',
        removal: 'allows',
        note: slip === undefined ? denied.decision.note : `${slip} exists`,
        todo: `Let targetRef of ${excluded.object.kind} ${excluded.object.namespace}/${excluded.object.name} name ${slip ?? `Server ${server?.name ?? ''}, or a route of it`}.`,
        remedies: ['repair-reference'],
      },
      [excluded.object, server],
    );
  },
};

/** Of the Servers and routes beside the server. */
function namesIn({ snapshot, pod }: Law): readonly string[] {
  const { servers, routes } = namespaceIndex(snapshot, pod.ref.namespace);
  return [...servers.values(), ...routes.values()].map(({ resource }) => resource.metadata.name).sort();
}
