import { objectKey, refOf } from '../policy/resource.ts';
import { namespaceIndex } from '../policy/snapshot.ts';
import { showProtocol } from '../policy/wording.ts';
import { effectOf, nameWorkload } from './effect.ts';
import { policiesOf, textAt } from './objects.ts';
import type { LintRule } from './rule.ts';
import { portsServed } from './servers.ts';

export const rateLimitNotUsed: LintRule = {
  code: 'rate-limit-not-used',
  title: 'a rate limit that its Server does not use',
  *check({ resources, snapshot }) {
    for (const object of policiesOf(resources, 'HTTPLocalRateLimitPolicy')) {
      const name = textAt(object, 'spec', 'targetRef', 'name');
      const server = namespaceIndex(snapshot, object.metadata.namespace).servers.get(`policy.linkerd.io/Server/${name}`)?.value;
      const served = server == null ? undefined : portsServed(snapshot, server)[0];
      if (server == null || served === undefined) continue;
      const used = served.policy.rateLimit?.object;
      if (used !== undefined && objectKey(used) === objectKey(refOf(object))) continue;
      const isHttp = served.policy.routes !== null && server.protocol !== 'grpc';
      // Not accepted for another reason: that is a code of its own.
      if (isHttp && used === undefined) continue;
      yield {
        severity: 'error',
        object,
        path: ['spec', 'targetRef'],
        problem:
          isHttp && used !== undefined
            ? `HTTPLocalRateLimitPolicy ${used.name} targets Server ${server.ref.name} too, and a Server has one: the older, of equal age the first by name (RateLimitReasonAlreadyExists).`
            : `Server ${server.ref.name} has protocol ${showProtocol(server.protocol)}, on which there are no rate limits.`,
        effect: `No request to port ${served.port} of ${nameWorkload(snapshot, served.pod)} is counted by it. ${effectOf(snapshot, object)}`,
        right: isHttp
          ? 'One policy with total, identity and overrides together; delete the other.'
          : 'proxyProtocol: HTTP/1, HTTP/2 or unknown on the Server, where it speaks HTTP.',
        edits: [],
      };
    }
  },
};
