/** Row 51: the client's own proxy lets it out of the cluster no further: an EgressNetwork with trafficPolicy Deny. */
import type { Destination } from '../evidence/destination.ts';
import type { Peer } from '../evidence/facts.ts';
import type { ObjectRef } from '../policy/resource.ts';
import { showRef } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { resourcesOfKind } from '../policy/snapshot.ts';
import type { Diagnosis, PlacedSymptom, Troubled } from './diagnosis.ts';
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
    const [first] = dated.length > 0 ? dated : about.filter((told) => isInForce(trouble, told));
    if (first === undefined) return null;
    const network = networkOf(trouble, first.symptom.sample.peer?.egress ?? null);
    const isCertain = dated.length > 0 && first.symptom.sample.peer?.address != null;
    const name = network === null ? 'An EgressNetwork' : showRef(network);
    return troubled(
      snapshot,
      {
        certainty: isCertain ? 'certain' : 'likely',
        summary: `${name} lets nothing out (trafficPolicy Deny), and no route of it takes this: the client's own proxy refused, and no server was reached.`,
        required: ['a route that has the EgressNetwork as its parent and takes the request'],
        observed: `${nameOfClient(trouble)} → ${destination.dialled}`,
        note: 'HTTP is answered with 403 and l5d-proxy-error: traffic not allowed; other connections are closed',
        todo: `No inbound policy has a part in it. Whether the client may go there is for those to decide who keep ${network === null ? 'the EgressNetwork' : name}: if it may, a route for just this host is attached to it, an HTTPRoute, TLSRoute or TCPRoute in the namespace of the client.`,
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

/** Counted for just this address, nobody knows when, beside refusals of which somebody does; and by the objects the same network refuses it still. */
function isInForce({ isAsked, destination, snapshot, own }: Troubled, { symptom: { sample } }: PlacedSymptom): boolean {
  const { address = null, egress = null } = sample.peer ?? {};
  if (!isAsked || egress === null || address === null || address !== destination?.dialled) return false;
  if (!own.some((told) => told.symptom.sample.peer?.egress !== undefined && isDated(told))) return false;
  const spec = resourcesOfKind(snapshot, POLICY, 'EgressNetwork', egress.namespace).get(egress.name)?.spec;
  return isObject(spec) && spec['trafficPolicy'] === 'Deny';
}

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
