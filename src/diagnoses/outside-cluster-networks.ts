/** Rows 24 and 35: what lets in the cluster's networks only (a default policy, a ServerAuthorization without networks) meets an address outside of them. */
import type { Considered } from '../policy/evaluation.ts';
import { lawOfDenial } from './closest.ts';
import type { Denied, Diagnosis, Law } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const outsideClusterNetworks: Diagnosis = {
  id: 'outside-cluster-networks',
  title: 'the address is outside the cluster’s networks',
  denied(denied) {
    const law = lawOfDenial(denied);
    const considered = law === null ? undefined : law.evaluation.considered.find((c) => isOfClusterNetworks(c, law));
    if (law === null || considered === undefined || considered.authentication.match === 'no') return null;
    const { object } = considered.authorization;
    return drafted(
      denied,
      {
        certainty: considered.network.match === 'no' ? 'certain' : 'possible',
        removal: considered.network.match === 'no' ? 'allows' : 'unknown',
        todo:
          object === null
            ? `If ${addressOf(denied)} is the cluster’s own, correct clusterNetworks of the control plane. Else create a Server for the port and let the address in by the narrowest block in a NetworkAuthentication.`
            : `Name the networks in ${object.kind} ${object.namespace}/${object.name}: without any it takes those of the cluster. An AuthorizationPolicy takes an identity from everywhere.`,
        remedies: object === null ? ['server-for-port', 'network-authentication'] : ['network-authentication', 'authorize-on-server'],
      },
      [object],
    );
  },
};

function isOfClusterNetworks({ authorization, network }: Considered, { snapshot }: Law): boolean {
  if (network.match === 'yes') return false;
  if (authorization.object === null) return authorization.ref.name.startsWith('cluster-');
  const own = authorization.networks.map(({ net }) => net.text).join();
  return authorization.object.kind === 'ServerAuthorization' && own === snapshot.info.clusterNetworks.map(({ text }) => text).join();
}

function addressOf({ client }: Denied): string {
  return client.ref.ip ?? 'its address';
}
