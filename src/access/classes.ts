/** Clients that one pair of policies cannot tell apart, so that each kind is evaluated once, however many clients all the policies together tell apart. */
import { isUriIdentity, suffixMatches } from '../policy/identity.ts';
import type { InboundServer } from '../policy/inbound.ts';
import { contains, type Network, parseAddress, parseNetwork } from '../policy/network.ts';
import { type AccessClient, namesIn, networksOf } from './clients.ts';

/** For each client a number, equal for those that the policies cannot tell apart; numbers begin at 0 and leave none out. */
export type Classes = Int32Array;

/** The proxy lets these in by itself. */
export const LOCALHOST = ['127.0.0.1', '::1'].map((text) => parseNetwork(text) as Network);

/** Remembers what repeats from port to port: which clients lie in a network, and the classes of policies that look at the same. */
export function createClasses(clients: readonly AccessClient[]): (policies: readonly InboundServer[]) => Classes {
  const addresses = clients.map(({ ip }) => (ip === null ? null : parseAddress(ip)));
  const identities = clients.map(({ tls }) => (tls.state === 'established' ? tls.clientId : null));
  const inNetwork = new Map<string, Int32Array>();
  const columnOf = (net: Network): Int32Array => {
    const known = inNetwork.get(net.text) ?? column(addresses, (address) => (address !== null && contains(net, address) ? 1 : 0));
    inNetwork.set(net.text, known);
    return known;
  };
  const base = numbered(clients, ({ ip, tls }, i) => {
    const id = identities[i] ?? null;
    return `${tls.state} ${id === null ? '-' : isUriIdentity(id)} ${ip === null ? '-' : addresses[i] === null} ${LOCALHOST.map((net) => columnOf(net)[i])}`;
  });
  const known = new Map<string, Classes>();

  return (policies) => {
    const networks = networksOf(policies);
    const names = namesIn(policies);
    const key = JSON.stringify([networks.map(({ text }) => text).sort(), [...names.identities].sort(), [...names.suffixes].sort()]);
    let classes = known.get(key);
    if (classes === undefined) {
      classes = networks.reduce((sum, net) => refined(sum, columnOf(net)), base);
      if (names.identities.size > 0) {
        const numbers = new Map([...names.identities].map((identity, i) => [identity, i + 1]));
        classes = refined(
          classes,
          column(identities, (id) => (id === null ? 0 : (numbers.get(id) ?? 0))),
        );
      }
      for (const suffix of names.suffixes)
        classes = refined(
          classes,
          column(identities, (id) => (id !== null && suffixMatches(suffix, id) ? 1 : 0)),
        );
      known.set(key, classes);
    }
    return classes;
  };
}

function column<T>(all: readonly T[], numberOf: (one: T, i: number) => number): Int32Array {
  const numbers = new Int32Array(all.length);
  all.forEach((one, i) => {
    numbers[i] = numberOf(one, i);
  });
  return numbers;
}

function numbered(clients: readonly AccessClient[], keyOf: (client: AccessClient, i: number) => string): Classes {
  const numbers = new Map<string, number>();
  return column(clients, (client, i) => {
    const key = keyOf(client, i);
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  });
}

/** Those of one class that differ in the column become several. */
function refined(classes: Classes, column: Int32Array): Classes {
  const numbers = new Map<number, number>();
  return classes.map((one, i) => {
    const key = one * 2 ** 24 + (column[i] as number);
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  });
}
