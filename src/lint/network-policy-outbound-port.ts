import type { Snapshot } from '../policy/snapshot.ts';
import { nameWorkload } from './effect.ts';
import { isolatedBy, meshedWorkloads, networkPoliciesIn, networkSays, type ReadPolicy } from './networks.ts';
import { itemsAt, some, valueAt } from './objects.ts';
import type { LintRule } from './rule.ts';

const OUTBOUND_PORT = 4140;
const INBOUND_PORT = 4143;

export const networkPolicyOutboundPort: LintRule = {
  code: 'network-policy-outbound-port',
  title: 'a NetworkPolicy allows 4140, which no connection between pods has',
  *check({ resources, snapshot }) {
    for (const read of networkPoliciesIn(resources)) {
      for (const direction of ['ingress', 'egress'] as const) {
        for (const [rule, content] of itemsAt(read.object, 'spec', direction)) {
          for (const [i, port] of itemsAt(content, 'ports')) {
            if (port['port'] !== OUTBOUND_PORT) continue;
            const path = ['spec', direction, rule, 'ports', i, 'port'];
            const has4143 = itemsAt(content, 'ports').some(([, other]) => other['port'] === INBOUND_PORT);
            yield {
              severity: 'error',
              object: read.object,
              path,
              problem: `${OUTBOUND_PORT} is where a proxy listens on its own loopback for its own application: nothing is ever sent to it from another pod. Between proxies the port is ${INBOUND_PORT}.`,
              effect: effectOfRule(snapshot, read, direction),
              right: `port: ${INBOUND_PORT}`,
              edits: has4143 || valueAt(read.object, path) === undefined ? [] : [{ set: path, value: INBOUND_PORT }],
            };
          }
        }
      }
    }
  },
};

/** Who is cut off, as far as workloads are known. */
function effectOfRule(snapshot: Snapshot, read: ReadPolicy, direction: 'ingress' | 'egress'): string {
  const cut = isolatedBy(snapshot, read).flatMap((pod) =>
    meshedWorkloads(snapshot).flatMap((other) => {
      const [client, server] = direction === 'egress' ? [pod, other] : [other, pod];
      const port = server.ports[0];
      if (client === server || port === undefined) return [];
      return networkSays(snapshot, client, server, port, true, direction)?.verdict === 'deny'
        ? [`${nameWorkload(snapshot, client)} to ${nameWorkload(snapshot, server)}`]
        : [];
    }),
  );
  if (cut.length === 0) return 'The rule allows nothing that is ever sent.';
  return `The rule allows nothing that is ever sent. As the NetworkPolicies stand, no meshed connection gets from ${some(cut, 3)}: it times out, and no proxy of the server logs it.`;
}
