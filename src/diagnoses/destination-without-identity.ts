/** Row 3: a meshed client, and its proxy was told no identity for the address it dialled, so it sent plaintext. */

import { servicesWithoutPod } from '../evidence/destination.ts';
import { plainName } from '../evidence/plain-name.ts';
import { type ObjectRef, showRef } from '../policy/resource.ts';
import { CONTROL_PLANE_LABEL } from '../policy/workload.ts';
import { missedAuthentication } from './closest.ts';
import type { Denied, Diagnosis, Law } from './diagnosis.ts';
import { drafted, identityAsked } from './drafting.ts';

export const destinationWithoutIdentity: Diagnosis = {
  id: 'destination-without-identity',
  title: 'the client’s proxy knew no identity for what it dialled',
  denied(denied, found) {
    const { law, target, client } = denied;
    const { pod, ip } = client.ref;
    const considered = missedAuthentication(denied);
    if (considered === null || law === null || target.admin || client.tls?.state !== 'none') return null;
    if (pod === null ? ip !== null : !pod.meshed) return null;
    if (found.some(({ id, certainty }) => id === 'client-skips-its-proxy' && certainty === 'certain')) return null;
    const why = pod === null ? null : reasonOf(denied, law);
    return drafted(
      denied,
      {
        ...identityAsked(denied, considered),
        certainty: pod === null ? 'possible' : why === null ? 'likely' : 'certain',
        removal: pod === null ? 'unknown' : 'allows',
        note: why?.words ?? denied.decision.note,
        todo: 'Let the client dial a Service whose endpoints name their pods, or the pod itself, by a name of this cluster. Where the destination is right, restart the client. Do not loosen the policy: everybody without an identity would get in.',
        missing: why === null ? [...denied.missing, missingDiscovery(denied)] : denied.missing,
        remedies: ['mesh-client'],
      },
      why?.objects ?? [],
    );
  },
};

interface Reason {
  readonly words: string;
  readonly objects: readonly ObjectRef[];
}

function reasonOf({ client }: Denied, { pod: server, snapshot }: Law): Reason | null {
  const [mine, theirs] = [client.ref.pod?.labels[CONTROL_PLANE_LABEL], server.labels[CONTROL_PLANE_LABEL]];
  if (mine !== undefined && theirs !== undefined && mine !== theirs)
    return { words: `the server belongs to control plane ${theirs}, the client to ${mine}`, objects: [] };
  const services = server.ips.flatMap((ip) => servicesWithoutPod(snapshot, ip));
  return services.length === 0
    ? null
    : { words: `${services.map(showRef).join(', ')} leads to this address by an endpoint that names no pod`, objects: services };
}

function missingDiscovery({ client, target }: Denied) {
  const pod = client.ref.pod?.ref;
  return {
    what: 'what the client’s proxy was told: no_tls_reason of its connections',
    command: `linkerd diagnostics proxy-metrics -n ${plainName(pod?.namespace, 'NAMESPACE')} po/${plainName(pod?.name, 'POD')} | grep 'direction="outbound".*no_tls_reason' | grep ${plainName(target.workload?.name, 'NAME')}`,
  };
}
