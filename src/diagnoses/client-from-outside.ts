/** Row 4: the client is no pod: it comes from outside the cluster, or its address was translated on the way. */

import { destinationAt } from '../evidence/destination.ts';
import { type ObjectRef, refOf } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { resourcesOfKind } from '../policy/snapshot.ts';
import { missedAuthentication } from './closest.ts';
import type { Diagnosis, Law } from './diagnosis.ts';
import { drafted, identityAsked } from './drafting.ts';

export const clientFromOutside: Diagnosis = {
  id: 'client-from-outside',
  title: 'the client comes from outside the cluster',
  denied(denied, found) {
    const { law, client, target } = denied;
    const { ip, pod, node } = client.ref;
    const isBare = client.tls?.state === 'none' || client.tls?.state === 'passthru';
    const considered = missedAuthentication(denied);
    if (considered === null || law === null || pod !== null || target.admin || !isBare) return null;
    if (found.some(({ id, removal }) => id === 'probe-not-allowed' && removal === 'allows')) return null;
    const open = exposedBy(law);
    return drafted(
      denied,
      {
        ...identityAsked(denied, considered),
        certainty: ip === null ? 'possible' : open.length > 0 ? 'certain' : 'likely',
        removal: ip === null ? 'unknown' : 'helps',
        note:
          node === null
            ? denied.decision.note
            : `the address of node ${node}: traffic through a NodePort or load balancer gets it (externalTrafficPolicy: Cluster), and so has the kubelet`,
        todo: 'Let what is public come through a meshed ingress and authorize the ingress’ ServiceAccount. Where that cannot be: a NetworkAuthentication for the load balancer’s addresses, on the public route only; with externalTrafficPolicy: Cluster the addresses are those of all nodes.',
        remedies: ['network-authentication', 'do-not-allow'],
      },
      open,
    );
  },
};

/** Services that open this port of the pod to the outside. */
function exposedBy({ snapshot, pod, port }: Law): readonly ObjectRef[] {
  const services = [...resourcesOfKind(snapshot, '', 'Service', pod.ref.namespace).values()];
  const opening = services.filter(({ spec }) => isObject(spec) && (spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer'));
  return opening.filter((service) => leadsTo(service.metadata.name)).map(refOf);

  function leadsTo(name: string): boolean {
    const spec = resourcesOfKind(snapshot, '', 'Service', pod.ref.namespace).get(name)?.spec;
    const ports: readonly unknown[] = isObject(spec) && Array.isArray(spec['ports']) ? spec['ports'] : [];
    return ports.some((p) => {
      const own = isObject(p) && typeof p['port'] === 'number' ? p['port'] : null;
      const { pods } = destinationAt(snapshot, `${name}.${pod.ref.namespace}`, own ?? 0);
      return pods.some((dialled) => dialled.pod === pod && (port === null || dialled.port === port));
    });
  }
}
