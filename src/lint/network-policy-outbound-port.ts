import type { Resource } from '../policy/resource.ts';
import { type Snapshot, withChanges } from '../policy/snapshot.ts';
import { nameWorkload } from './effect.ts';
import type { Edit } from './finding.ts';
import { withEdits } from './fix.ts';
import { isolatedBy, meshedWorkloads, networkPoliciesIn, networkSays, type ReadPolicy } from './networks.ts';
import { itemsAt, some } from './objects.ts';
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
              effect: effectOfRule(snapshot, read, direction, { set: path, value: INBOUND_PORT }),
              right: `port: ${INBOUND_PORT}`,
              edits: has4143 ? [] : [{ set: path, value: INBOUND_PORT }],
            };
          }
        }
      }
    }
  },
};

/** Who would get through by the right port and does not, as far as workloads are known. */
function effectOfRule(snapshot: Snapshot, read: ReadPolicy, direction: 'ingress' | 'egress', edit: Edit): string {
  const right = withChanges(snapshot, [{ apply: withEdits(read.object, [edit]) as Resource }]);
  const cut = isolatedBy(snapshot, read).flatMap((pod) =>
    meshedWorkloads(snapshot).flatMap((other) => {
      const [client, server] = direction === 'egress' ? [pod, other] : [other, pod];
      const port = server.ports[0];
      if (client === server || port === undefined) return [];
      const [now, then] = [snapshot, right].map((one) => networkSays(one, client, server, port, true, direction)?.verdict);
      return now === 'deny' && then === 'allow' ? [`${nameWorkload(snapshot, client)} to ${nameWorkload(snapshot, server)}`] : [];
    }),
  );
  if (cut.length === 0) return 'The rule allows nothing that is ever sent.';
  return `The rule allows nothing that is ever sent: no meshed connection gets from ${some(cut, 3)}, and with ${INBOUND_PORT} it would. The client times out, and the server’s proxy sees nothing.`;
}
