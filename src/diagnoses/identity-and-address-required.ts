/** Row 34: one policy asks for an identity and for an address, and the client has one of the two. */
import type { Considered } from '../policy/evaluation.ts';
import type { NetworkMatch } from '../policy/inbound.ts';
import { showRef } from '../policy/resource.ts';
import { requiredIdentities, requiredNetworks, showClientTls } from '../policy/wording.ts';
import { closestOf } from './closest.ts';
import type { Denied, Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const identityAndAddressRequired: Diagnosis = {
  id: 'identity-and-address-required',
  title: 'a policy asks for an identity and an address, and the client has one of them',
  denied(denied, found) {
    const nearest = closestOf(denied);
    if (nearest?.type !== 'miss' || found.some(({ removal }) => removal === 'allows')) return null;
    const { considered } = nearest;
    const { object, via } = considered.authorization;
    const has = halfOf(considered);
    if (object === null || has === null || !asksForBoth(considered, denied)) return null;
    const isSeen = considered.network.match !== 'unobserved';
    const isBare = denied.client.tls?.state !== 'established';
    const halves =
      has === 'identity'
        ? `the identity is listed, and the address ${isSeen ? 'is in none of its networks' : 'was not observed'}`
        : `the address is in its networks, and ${isBare ? 'no identity was shown' : 'the identity is not listed'}`;
    const summary = `${showRef(object)} asks for an identity and an address together: ${halves}.`;
    return drafted(
      denied,
      {
        certainty: isSeen ? 'certain' : 'possible',
        removal: isSeen ? 'allows' : 'unknown',
        summary,
        required: [...requiredIdentities(considered.authorization), ...requiredNetworks(considered.authorization)],
        observed: observedOf(denied),
        note: '',
        todo: `${has === 'identity' ? 'If this address is meant as well, add the smallest block that holds it.' : `If this client is meant as well, list its ServiceAccount${isBare ? '; one without a proxy must be meshed first' : ''}.`} Only where each of the two is enough by itself, make two policies of it: then the identity gets in from everywhere, and so does everybody at these addresses.`,
        remedies: has === 'identity' ? ['network-authentication'] : isBare ? ['add-identity', 'mesh-client'] : ['add-identity'],
      },
      [object, ...via],
    );
  },
};

/** What the client has of the two; null: both, or neither. */
function halfOf({ authentication, network }: Considered): 'identity' | 'address' | null {
  if (authentication.match === 'yes' && network.match !== 'yes') return 'identity';
  return authentication.match === 'no' && network.match === 'yes' && !isEverywhere(network.by) ? 'address' : null;
}

/** Whoever comes is in it: no address is asked for. */
function isEverywhere({ net, except }: NetworkMatch): boolean {
  return net.prefix === 0 && except.length === 0;
}

/** A ServerAuthorization without networks has those of the cluster, and nobody asked for them. */
function asksForBoth({ authorization }: Considered, { law }: Denied): boolean {
  const { authentication, object, via, networks } = authorization;
  if (authentication.type === 'unauthenticated') return false;
  if (object?.kind !== 'ServerAuthorization') return via.some(({ kind }) => kind === 'NetworkAuthentication');
  const ofCluster = law?.snapshot.info.clusterNetworks.map(({ text }) => text).join();
  return networks.map(({ net }) => net.text).join() !== ofCluster;
}

function observedOf({ client, law }: Denied): string {
  const ip = law?.evaluation.connection.clientIp ?? null;
  return [client.tls === null ? null : showClientTls(client.tls), ip].filter((part) => part !== null).join(', ');
}
