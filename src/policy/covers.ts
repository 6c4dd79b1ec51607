/** Whether one authorization lets in all that another one does. */
import { suffixMatches } from './identity.ts';
import type { ClientAuthentication, ClientAuthorization, NetworkMatch } from './inbound.ts';
import { containsNetwork } from './network.ts';

/** True: no client that `inner` lets in is refused by `outer`. False where several of `outer`'s parts would be needed for one of `inner`'s. */
export function covers(outer: ClientAuthorization, inner: ClientAuthorization): boolean {
  const isInOuter = (network: NetworkMatch) => outer.networks.some((own) => coversNetwork(own, network));
  return coversAuthentication(outer.authentication, inner.authentication) && inner.networks.every(isInOuter);
}

function coversAuthentication(outer: ClientAuthentication, inner: ClientAuthentication): boolean {
  if (outer.type === 'unauthenticated') return true;
  if (outer.type === 'tls-unauthenticated') return inner.type !== 'unauthenticated';
  if (inner.type !== 'tls-authenticated') return false;
  const { identities, suffixes } = outer;
  return (
    inner.identities.every((id) => identities.includes(id) || suffixes.some((suffix) => suffixMatches(suffix, id))) &&
    inner.suffixes.every((own) => suffixes.some((suffix) => own.endsWith(suffix)))
  );
}

/** What `outer` leaves out must be left out of `inner` as well, or lie elsewhere. */
function coversNetwork(outer: NetworkMatch, { net, except }: NetworkMatch): boolean {
  if (!containsNetwork(outer.net, net)) return false;
  return outer.except.every((hole) => {
    const isElsewhere = !containsNetwork(net, hole) && !containsNetwork(hole, net);
    return isElsewhere || except.some((own) => containsNetwork(own, hole));
  });
}
