/** Rows 19 and 20: a Server is there for the port, and misses it by the port's name or by the pod's labels. */
import type { NearServer } from '../policy/excluded.ts';
import { isObject, readLinkerdSelector, selects } from '../policy/selector.ts';
import { findResource, namespaceIndex } from '../policy/snapshot.ts';
import { showNear } from '../policy/wording.ts';
import { lawOfDenial } from './closest.ts';
import type { Denied, Diagnosis, Law } from './diagnosis.ts';
import { drafted } from './drafting.ts';
import { isSlip } from './near-name.ts';

export const serverMissesPort: Diagnosis = {
  id: 'server-misses-port',
  title: 'a Server misses the port by a name or a label',
  denied(denied) {
    const law = lawOfDenial(denied);
    if (law === null || law.evaluation.policy.server !== null || denied.target.admin) return null;
    const near = nearestServer(law);
    if (near === null) return null;
    const { why, server } = near;
    return drafted(
      denied,
      {
        certainty: isSure(near, law) ? 'certain' : 'likely',
        removal: 'allows',
        summary: `${showNear(near)}: so no Server has port ${law.port ?? '?'} of ${nameOf(denied)}, and the default policy ${law.evaluation.policy.defaultPolicy.policy} decides.`,
        todo:
          why.type === 'port-name'
            ? `Let Server ${server.namespace}/${server.name} name a port of the container (not of the Service), or its number. Names are case-sensitive.`
            : `Correct podSelector of Server ${server.namespace}/${server.name}, or the labels of the pod template. Look first who else has the labels: they get the Server too.`,
        remedies: ['repair-selector'],
      },
      [server, law.pod.ref],
    );
  },
};

/** By a port name that the pod does not have, else by labels: but a Server that has pods of its own is meant for those. */
function nearestServer(law: Law): NearServer | null {
  const byName = law.nearServers.filter(({ why }) => why.type === 'port-name');
  const bySlip = byName.find((near) => isSure(near, law));
  return bySlip ?? byName[0] ?? law.nearServers.find((near) => near.why.type === 'selector' && selectsNobody(near, law)) ?? null;
}

function isSure({ why }: NearServer, { pod, port }: Law): boolean {
  if (why.type !== 'port-name') return false;
  const own = [...pod.portNames].flatMap(([name, ports]) => (port !== null && ports.includes(port) ? [name] : []));
  return own.some((name) => isSlip(name, why.port)) || why.declared.length <= 1;
}

function selectsNobody({ server }: NearServer, { snapshot }: Law): boolean {
  const spec = findResource(snapshot, server)?.spec;
  const selector = isObject(spec) ? readLinkerdSelector(spec['podSelector']) : null;
  if (selector === null) return false;
  return [...namespaceIndex(snapshot, server.namespace).workloads.values()].every(
    ({ value }) => value === null || !selects(selector, value.labels),
  );
}

function nameOf({ target: { workload }, law }: Denied): string {
  return workload === null ? (law?.pod.ref.name ?? 'the pod') : `${workload.kind} ${workload.namespace}/${workload.name}`;
}
