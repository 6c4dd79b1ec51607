import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cellOf, representativeAddresses } from '../../src/access/addresses.ts';
import { type Address, isLocalhost, type Network, parseAddress, parseNetwork } from '../../src/policy/network.ts';
import { address, networkText } from '../policy/arbitrary.ts';

it('every address has a representative that lies in the same networks', () => {
  fc.assert(
    fc.property(fc.array(networkText, { maxLength: 6 }), fc.array(address, { maxLength: 20 }), (texts, asked) => {
      const networks = texts.map(parseNetwork).filter((net): net is Network => net !== null);
      const cells = new Set(representativeAddresses(networks).map((ip) => cellOf(networks, parseAddress(ip) as Address)));
      const own = networks.map(({ address: a }) => a);
      for (const a of [...asked, ...own])
        if (!isLocalhost(a) && a.words.some((word) => word !== 0)) expect(cells).toContain(cellOf(networks, a));
    }),
    { numRuns: 1000 },
  );
});

it('a hole in a network has one of its own', () => {
  const networks = ['10.0.0.0/8', '10.42.0.0/16', '10.42.0.66/32'].map((text) => parseNetwork(text) as Network);
  expect(representativeAddresses(networks)).toEqual(['198.51.100.1', '2001:db8::1', '10.0.0.1', '10.42.0.1', '10.42.0.66']);
});
