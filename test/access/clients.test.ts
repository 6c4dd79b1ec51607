import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cellOf } from '../../src/access/addresses.ts';
import { accessClients } from '../../src/access/clients.ts';
import { serviceAccountIdentity } from '../../src/policy/identity.ts';
import type { InboundServer } from '../../src/policy/inbound.ts';
import { type Network, parseAddress, parseNetwork } from '../../src/policy/network.ts';
import type { Workload } from '../../src/policy/workload.ts';
import { anyPods, networkText } from '../policy/arbitrary.ts';
import { pod, policyIn, SERVER, snapshot } from '../policy/cluster.ts';

/** A policy that looks at these networks. */
function lookingAt(networks: readonly Network[]): InboundServer {
  const base = policyIn(snapshot([pod(), SERVER]), 8080);
  const [ref, authentication] = [{ group: '', kind: 'x', name: 'x' }, { type: 'unauthenticated' } as const];
  return {
    ...base,
    authorizations: [{ ref, object: null, via: [], authentication, networks: networks.map((net) => ({ net, except: [] })) }],
  };
}

it('each address of each pod is one client’s: with its identity, at an address in the same networks', () => {
  const some = fc.array(fc.oneof(networkText, fc.constantFrom('10.42.0.0/16', '10.42.0.13/32', '10.42.0.12/30', 'fd00::/8')), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(anyPods, some, (pods, texts) => {
      const cluster = snapshot(pods);
      const networks = texts.map(parseNetwork).filter((net) => net !== null);
      const clients = accessClients([cluster], [lookingAt(networks)]);
      const cell = (ip: string | null) => {
        const address = ip === null ? null : parseAddress(ip);
        return address === null ? null : cellOf(networks, address);
      };
      const workloads = [...cluster.namespaces.values()].flatMap((of) => [...of.workloads.values()].map(({ value }) => value as Workload));
      for (const one of workloads) {
        const { namespace } = one.ref;
        const isOwn = one.meshed && (one.resource.spec as { hostNetwork?: boolean }).hostNetwork !== true;
        const identity = isOwn ? serviceAccountIdentity(cluster.info, namespace, one.serviceAccount) : null;
        for (const ip of one.ips.length === 0 ? [null] : one.ips) {
          const own = clients.filter((client) => client.pods.includes(one) && cell(client.ip) === cell(ip));
          expect(own.map(({ tls }) => (tls.state === 'established' ? tls.clientId : null))).toEqual([identity]);
        }
        const cells = new Set((one.ips.length === 0 ? [null] : one.ips).map(cell));
        expect(clients.filter((client) => client.pods.includes(one))).toHaveLength(cells.size);
      }
      expect(clients.every(({ pods: own }) => new Set(own).size === own.length)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
