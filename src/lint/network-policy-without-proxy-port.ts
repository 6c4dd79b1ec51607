import { nameWorkload } from './effect.ts';
import { isolatedBy, keyOfPolicy, meshedWorkloads, networkPoliciesIn, networkSays } from './networks.ts';
import { some } from './objects.ts';
import type { LintRule } from './rule.ts';

export const networkPolicyWithoutProxyPort: LintRule = {
  code: 'network-policy-without-proxy-port',
  title: 'a NetworkPolicy allows the application’s port and not 4143',
  *check({ resources, snapshot }) {
    const policies = networkPoliciesIn(resources);
    if (policies.length === 0) return;
    const others = meshedWorkloads(snapshot);
    for (const read of policies) {
      const { object, policy } = read;
      for (const direction of ['ingress', 'egress'] as const) {
        const rules = policy[direction];
        if (rules === null) continue;
        const cut: string[] = [];
        for (const pod of isolatedBy(snapshot, read)) {
          for (const other of others) {
            const [client, server] = direction === 'ingress' ? [other, pod] : [pod, other];
            const port = client === server ? undefined : server.ports.find((one) => allowsPort(rules, one, server.portNames));
            if (port === undefined) continue;
            const meshed = networkSays(snapshot, client, server, port, true, direction);
            const direct = networkSays(snapshot, client, server, port, false, direction);
            if (
              meshed?.verdict === 'deny' &&
              direct?.verdict === 'allow' &&
              meshed.wire === 4143 &&
              direct.by.includes(keyOfPolicy(object))
            )
              cut.push(`${nameWorkload(snapshot, client)} to port ${port} of ${nameWorkload(snapshot, server)}`);
          }
        }
        if (cut.length === 0) continue;
        yield {
          severity: 'error',
          object,
          path: ['spec', direction],
          problem:
            'It allows the port of the application. A meshed client dials the server’s proxy on 4143 instead (since Linkerd 2.18), and tells it the port.',
          effect: `No meshed connection gets from ${some(cut, 3)}; one without a proxy would. The client times out, and the server’s proxy sees nothing.`,
          right:
            'Allow TCP 4143 between the same pods. It is one port for all: which ports of the application may be called is for Servers to say.',
          edits: [],
        };
      }
    }
  },
};

interface Rule {
  readonly ports: readonly { readonly protocol: string; readonly port: number | string | null; readonly endPort: number | null }[];
}

/** Named, alone or in a range; a rule for every port has 4143 too. */
function allowsPort(rules: readonly Rule[], wanted: number, names: ReadonlyMap<string, readonly number[]>): boolean {
  return rules.some(({ ports }) =>
    ports.some(({ protocol, port, endPort }) => {
      if (protocol !== 'TCP' || port === null) return false;
      if (typeof port === 'string') return names.get(port)?.includes(wanted) === true;
      return endPort === null ? port === wanted : port <= wanted && wanted <= endPort;
    }),
  );
}
