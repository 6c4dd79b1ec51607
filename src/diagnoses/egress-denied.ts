/** Row 51: the client's own proxy lets it out of the cluster no further: an EgressNetwork with trafficPolicy Deny. */
import type { Destination } from '../evidence/destination.ts';
import type { Peer } from '../evidence/facts.ts';
import type { ObjectRef } from '../policy/resource.ts';
import { showRef } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { resourcesOfKind } from '../policy/snapshot.ts';
import type { Diagnosis, Troubled } from './diagnosis.ts';
import { troubled } from './drafting.ts';
import { isDated, nameOfClient } from './symptoms.ts';

const POLICY = 'policy.linkerd.io';
/** Networks here count for the clients of every namespace (Helm value `egress.globalEgressNetworkNamespace`). */
const EVERYONES = 'linkerd-egress';

export const egressDenied: Diagnosis = {
  id: 'egress-denied',
  title: 'an EgressNetwork lets nothing out',
  troubled(trouble) {
    const { own, destination, snapshot } = trouble;
    if (destination === null || destination.service !== null || destination.pods.length > 0) return null;
    const about = own.filter(({ symptom: { sample } }) => sample.peer?.egress !== undefined && mayBe(sample.peer, destination));
    const dated = about.filter(isDated);
    const [first] = dated;
    if (first === undefined) return null;
    const network = networkOf(trouble, first.symptom.sample.peer?.egress ?? null);
    const name = network === null ? 'An EgressNetwork' : showRef(network);
    return troubled(
      snapshot,
      {
        certainty: first.symptom.sample.peer?.address == null ? 'likely' : 'certain',
        summary: `${name} lets nothing out (trafficPolicy Deny), and no route of it takes this: the client's own proxy refused, and no server was reached.`,
        required: ['a route that has the EgressNetwork as its parent and takes the request'],
        observed: `${nameOfClient(trouble)} → ${destination.dialled}`,
        note: 'HTTP is answered with 403 and l5d-proxy-error: traffic not allowed; other connections are closed',
        todo: 'If the client is to reach it, attach a route for just this host to the EgressNetwork: an HTTPRoute, TLSRoute or TCPRoute in the namespace of the client. No inbound policy has a part in it.',
        remedies: [],
        missing:
          network === null
            ? [{ what: 'which EgressNetwork it is', command: 'kubectl get egressnetworks.policy.linkerd.io -A -o yaml' }]
            : [],
      },
      [...dated, ...about.filter((told) => !isDated(told))],
      [network],
    );
  },
};

/** By address, or where one side names none, by port. */
function mayBe({ address }: Peer, { dialled }: Destination): boolean {
  if (address === null || address === dialled) return true;
  const isAddress = /^(?:[\d.]+|\[[\da-f:.]+\]):\d+$/i.test(dialled);
  return !isAddress && portOf(address) === portOf(dialled);
}

function portOf(text: string): string {
  return text.slice(text.lastIndexOf(':') + 1);
}

/** The one that was named, else the only one that denies and counts for this client. */
function networkOf({ client, snapshot }: Troubled, named: { readonly namespace: string; readonly name: string } | null): ObjectRef | null {
  if (named !== null) return { group: POLICY, kind: 'EgressNetwork', ...named };
  const namespaces = [client?.pod?.ref.namespace, EVERYONES].filter((namespace) => namespace !== undefined);
  const [only, ...more] = namespaces.flatMap((namespace) =>
    [...resourcesOfKind(snapshot, POLICY, 'EgressNetwork', namespace).values()]
      .filter(({ spec }) => isObject(spec) && spec['trafficPolicy'] === 'Deny')
      .map(({ metadata }) => ({ group: POLICY, kind: 'EgressNetwork', namespace, name: metadata.name })),
  );
  return more.length === 0 ? (only ?? null) : null;
}
