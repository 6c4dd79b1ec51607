/** Rows 23 and 27: no Server selects the port, and the default policy takes mesh identities only. */
import { lawOfDenial, missedAuthentication } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const defaultRequiresIdentity: Diagnosis = {
  id: 'default-requires-identity',
  title: 'the default policy asks for a mesh identity',
  denied(denied) {
    const considered = missedAuthentication(denied);
    const law = lawOfDenial(denied);
    if (considered?.authentication.match !== 'no' || law === null || law.evaluation.policy.server !== null) return null;
    if (considered.authentication.why === 'uri-identity') return null;
    const { identityRequired } = law.evaluation.policy.defaultPolicy;
    const isOutside = considered.network.match === 'no';
    return drafted(
      denied,
      {
        certainty: 'certain',
        removal: isOutside ? 'helps' : 'allows',
        todo: identityRequired
          ? 'Mesh the client. If this port is to be open, take it out of config.linkerd.io/proxy-require-identity-inbound-ports of the server’s pod template and restart the pods: everybody gets in then.'
          : 'Mesh the client. Where it cannot be, create a Server for the port with an AuthorizationPolicy for this client alone; do not lower the default policy.',
        remedies: identityRequired ? ['mesh-client', 'repair-annotation'] : ['mesh-client', 'server-for-port'],
      },
      identityRequired ? [law.pod.ref] : [],
    );
  },
};
