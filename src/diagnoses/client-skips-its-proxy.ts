/** Row 2: a meshed client dials past its own proxy, so nothing shows its identity. */
import { type ObjectRef, refOf } from '../policy/resource.ts';
import { readPortList, type Workload } from '../policy/workload.ts';
import { missedAuthentication } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted, identityAsked } from './drafting.ts';

const SKIP_PORTS = 'config.linkerd.io/skip-outbound-ports';
const SKIP_SUBNETS = 'config.linkerd.io/skip-subnets';

export const clientSkipsItsProxy: Diagnosis = {
  id: 'client-skips-its-proxy',
  title: 'the client is meshed and dials past its own proxy',
  denied(denied) {
    const { ref, tls } = denied.client;
    const considered = missedAuthentication(denied);
    if (considered === null || tls?.state !== 'none' || denied.law === null) return null;
    if (ref.pod === null) {
      if (ref.ip !== null) return null;
      return drafted(denied, { ...SAID, ...identityAsked(denied, considered), certainty: 'possible', removal: 'unknown', todo: TODO });
    }
    if (!ref.pod.meshed) return null;
    const skipped = skippedBy(ref.pod, denied.law.port);
    if (skipped === null) return null;
    const object: ObjectRef = refOf(ref.pod.resource);
    return drafted(
      denied,
      { ...SAID, certainty: 'certain', todo: TODO, note: `${object.kind} ${object.namespace}/${object.name} has ${skipped}` },
      [object],
    );
  },
};

const SAID = { removal: 'allows', remedies: ['repair-annotation'] } as const;
const TODO = `Take the port out of ${SKIP_PORTS} (or the network out of ${SKIP_SUBNETS}) of the client and restart it. Do not loosen the policy.`;

/** The annotation that leads the connection past the proxy; null: none does. Services map ports, so the one dialled may be another. */
function skippedBy({ resource }: Workload, port: number | null): string | null {
  const annotations = resource.metadata.annotations ?? {};
  const ports = annotations[SKIP_PORTS];
  if (ports !== undefined && port !== null && (readPortList(ports)?.size ?? 0) > 0) return `${SKIP_PORTS}: ${ports}`;
  const subnets = annotations[SKIP_SUBNETS];
  return subnets === undefined ? null : `${SKIP_SUBNETS}: ${subnets}`;
}
