/** Row 33: an authorization that asks for no identity names networks, and the client’s address is in none of them, or excepted. */
import type { ClientAuthorization } from '../policy/inbound.ts';
import { contains, type Network, parseAddress, showAddress } from '../policy/network.ts';
import { closestOf } from './closest.ts';
import type { Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

export const addressNotListed: Diagnosis = {
  id: 'address-not-listed',
  title: 'the address is in no network that is let in',
  denied(denied, found) {
    const nearest = closestOf(denied);
    if (nearest?.type !== 'miss' || found.some(({ removal }) => removal === 'allows')) return null;
    const { authentication, network, authorization } = nearest.considered;
    const { object, via } = authorization;
    if (object === null || authorization.authentication.type !== 'unauthenticated') return null;
    if (authentication.match === 'no' || network.match === 'yes') return null;
    const isSeen = network.match === 'no';
    const beside = isSeen && network.exceptedBy === null ? blockBeside(authorization, denied.client.ref.ip) : null;
    const holder = via.find(({ kind }) => kind === 'NetworkAuthentication') ?? object;
    return drafted(
      denied,
      {
        certainty: isSeen ? 'certain' : 'possible',
        removal: isSeen ? 'allows' : 'unknown',
        note: beside ?? denied.decision.note,
        todo: `If ${denied.client.ref.ip ?? 'the address'} is to get in, add the smallest block that holds it to ${holder.kind} ${holder.namespace}/${holder.name}, or take it out of its except. A client that can be meshed is better let in by its identity.`,
        remedies: ['network-authentication', 'mesh-client'],
      },
      [holder, object],
    );
  },
};

/** A network that misses the address by one block of its own size. */
function blockBeside({ networks }: ClientAuthorization, ip: string | null): string | null {
  const address = ip === null ? null : parseAddress(ip);
  if (address === null) return null;
  const missed = networks.find(({ net }) => [-1, 1].some((step) => contains(shifted(net, step), address)))?.net;
  if (missed === undefined) return null;
  const own = [-1, 1].map((step) => shifted(missed, step)).find((net) => contains(net, address));
  return own === undefined ? null : `it is in the block beside ${missed.text}: ${own.text}`;
}

/** The block of the same size so many blocks further on; at the end of all addresses the first again. */
function shifted({ address: { family, words }, prefix }: Network, step: number): Network {
  const bits = family === 4 ? 32n : 128n;
  const host = bits - BigInt(prefix);
  const whole = words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
  const moved = BigInt.asUintN(Number(bits), ((whole >> host) + BigInt(step)) << host);
  const address = { family, words: words.map((_, i) => Number(BigInt.asUintN(32, moved >> (BigInt(words.length - 1 - i) * 32n)))) };
  return { address, prefix, text: `${showAddress(address)}/${prefix}` };
}
