/** Rows 1, 5, 38 and 40: the client has no proxy, so it has no identity to show. */
import { missedAuthentication } from './closest.ts';
import type { Denied, Diagnosis } from './diagnosis.ts';
import { drafted, identityAsked } from './drafting.ts';

export const clientNotMeshed: Diagnosis = {
  id: 'client-not-meshed',
  title: 'the client has no proxy, and an identity is asked for',
  denied(denied) {
    const { ref } = denied.client;
    const considered = missedAuthentication(denied);
    if (considered?.authentication.match !== 'no' || !showedNone(denied) || denied.target.admin) return null;
    if (ref.pod === null ? ref.ip !== null : ref.pod.meshed) return null;
    const takesAnyIdentity = considered.authorization.object === null && considered.network.match !== 'no';
    return drafted(denied, {
      ...identityAsked(denied, considered),
      certainty: ref.pod === null ? 'possible' : 'certain',
      removal: ref.pod === null ? 'unknown' : takesAnyIdentity ? 'allows' : 'helps',
      todo: `Mesh the client (linkerd.io/inject: enabled on its pod template or namespace, then restart it) and authorize its ServiceAccount.${workloadWords(denied)} A NetworkAuthentication for its address is the last resort: whoever gets that address later gets in.`,
      remedies: ['mesh-client', 'network-authentication'],
    });
  },
};

function showedNone({ client: { tls } }: Denied): boolean {
  return tls?.state === 'none' || tls?.state === 'passthru';
}

function workloadWords({ client: { ref } }: Denied): string {
  return ref.workload === null ? '' : ` It is ${ref.workload.kind} ${ref.workload.namespace}/${ref.workload.name}.`;
}
