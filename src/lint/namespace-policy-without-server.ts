import type { Snapshot } from '../policy/snapshot.ts';
import { accessOf, nameWorkload } from './effect.ts';
import { fieldsAt, kindOfRef, policiesOf, some, textAt } from './objects.ts';
import type { LintRule } from './rule.ts';
import { declaredPorts, type ServedPort } from './servers.ts';

/** The proxy's own ports are nobody's business here. */
const PROXY_PORTS: ReadonlySet<number> = new Set([4143, 4190, 4191]);

export const namespacePolicyWithoutServer: LintRule = {
  code: 'namespace-policy-without-server',
  title: 'a policy of a Namespace has no say on ports without a Server',
  *check({ resources, snapshot }) {
    for (const object of policiesOf(resources, 'AuthorizationPolicy')) {
      const target = fieldsAt(object, 'spec', 'targetRef');
      if (kindOfRef(target)?.kind !== 'Namespace' || textAt(target, 'name') !== object.metadata.namespace) continue;
      const ports = declaredPorts(snapshot, [object.metadata.namespace]).filter(({ port }) => !PROXY_PORTS.has(port));
      const bare = ports.filter(({ policy }) => policy.server === null);
      const [first] = bare;
      if (first === undefined) continue;
      const isIdle = bare.length === ports.length;
      yield {
        severity: isIdle ? 'error' : 'info',
        object,
        path: ['spec', 'targetRef'],
        problem: `${isIdle ? 'No Server takes any port of the Namespace' : `No Server takes ${namesOf(snapshot, bare)}`}. A policy of a Namespace is added to its Servers, and to nothing else.`,
        effect: `${isIdle ? 'It has no effect' : 'It has no say there'}: port ${first.port} of ${nameWorkload(snapshot, first.pod)} is under the default policy ${first.policy.ref.name}, which lets in ${accessOf(snapshot, first.pod, first.policy)}.`,
        right: 'A Server for each port that it is meant for; a Server closes its port to everyone else.',
        edits: [],
      };
    }
  },
};

function namesOf(snapshot: Snapshot, ports: readonly ServedPort[]): string {
  return some([...new Set(ports.map(({ pod, port }) => `port ${port} of ${nameWorkload(snapshot, pod)}`))]);
}
