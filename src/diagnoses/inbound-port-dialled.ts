/** Row 54: somebody dials a proxy's own inbound port without mesh TLS. */
import { DIRECT, INBOUND_PORT } from '../evidence/conventions.ts';
import { listOf } from '../policy/reading.ts';
import { type ObjectRef, refOf } from '../policy/resource.ts';
import { isObject, readSelector, selects } from '../policy/selector.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import type { Diagnosis, Draft, PlacedSymptom } from './diagnosis.ts';
import { troubled } from './drafting.ts';
import { isDated, nameOfClient, podOfSymptom } from './symptoms.ts';

export const inboundPortDialled: Diagnosis = {
  id: 'inbound-port-dialled',
  title: 'port 4143 is dialled without mesh TLS',
  troubled(trouble) {
    const { destination, client, theirs, snapshot } = trouble;
    const at = destination?.pods.find(({ port }) => port === INBOUND_PORT);
    const told = theirs.filter(isRefusedThere);
    if (at === undefined || told.length === 0) return null;
    const isNamed = told.some(({ symptom }) => client?.ip != null && symptom.sample.client?.ip === client.ip);
    return drafted(snapshot, at.pod, told, nameOfClient(trouble), isNamed ? 'certain' : 'likely');
  },
  standing({ snapshot, seen }) {
    const byPod = Map.groupBy(seen.symptoms.filter(isRefusedThere), (placed) => podOfSymptom(snapshot, placed));
    return [...byPod].flatMap(([pod, told]) => (pod === null ? [] : [drafted(snapshot, pod, told, whoOf(told), 'certain')]));
  },
};

function drafted(snapshot: Snapshot, pod: Workload, told: readonly PlacedSymptom[], who: string, certainty: Draft['certainty']): Draft {
  const services = servicesTo(snapshot, pod);
  const names = services.map(({ namespace, name }) => `${namespace}/${name}`).join(', ');
  const where = services.length === 0 ? '' : ` Service ${names} leads there: its targetPort is to be the application's.`;
  return troubled(
    snapshot,
    {
      certainty,
      summary: `${who} dials port ${INBOUND_PORT} of ${pod.ref.namespace}/${pod.ref.name} without mesh TLS. That port is for other proxies alone, so the connection is closed before any policy is asked.`,
      todo: `Let the caller dial the application's port; the proxy is in between by itself.${where} A scanner of ports may be left alone.`,
      remedies: [],
    },
    told,
    [...services, pod.ref],
  );
}

function isRefusedThere(placed: PlacedSymptom): boolean {
  const { kind, port, detail } = placed.symptom;
  const isThere = port === INBOUND_PORT || (port === null && detail.startsWith(DIRECT));
  return kind === 'refused-before-policy' && isThere && isDated(placed);
}

function whoOf(told: readonly PlacedSymptom[]): string {
  const addresses = [...new Set(told.flatMap(({ symptom: { sample } }) => sample.client?.ip ?? []))].sort();
  return addresses.length === 0 ? 'Somebody' : addresses.slice(0, 3).join(', ');
}

/** Services that select the pod and send it there. */
function servicesTo(snapshot: Snapshot, { ref, labels }: Workload): readonly ObjectRef[] {
  return [...resourcesOfKind(snapshot, '', 'Service', ref.namespace).values()].flatMap((service) => {
    const spec = isObject(service.spec) ? service.spec : {};
    const selector = isObject(spec['selector']) ? readSelector({ matchLabels: spec['selector'] }) : null;
    const leads = listOf(spec['ports']).some(
      (port) => isObject(port) && [INBOUND_PORT, 'linkerd-proxy'].includes(port['targetPort'] as never),
    );
    return leads && selector !== null && selects(selector, labels) ? [refOf(service)] : [];
  });
}
