import { GATEWAY_GROUP } from '../policy/authorization-policy.ts';
import { effectOf } from './effect.ts';
import { itemsAt, ofKind, valueAt } from './objects.ts';
import type { LintRule } from './rule.ts';

export const grpcHeadersWithoutMethod: LintRule = {
  code: 'grpc-headers-without-method',
  title: 'a GRPCRoute matches headers and no method',
  *check({ resources, snapshot }) {
    for (const object of ofKind(resources, GATEWAY_GROUP, 'GRPCRoute')) {
      for (const [rule, content] of itemsAt(object, 'spec', 'rules')) {
        for (const [match, { method, headers }] of itemsAt(content, 'matches')) {
          if (method !== undefined || !Array.isArray(headers) || headers.length === 0) continue;
          const service = itemsAt(object, 'spec', 'rules').flatMap(([, other]) =>
            itemsAt(other, 'matches').map(([, one]) => valueAt(one, ['method', 'service'])),
          );
          yield {
            severity: 'error',
            object,
            path: ['spec', 'rules', rule, 'matches', match],
            problem:
              'A match with headers and without a method: the API server takes it, and the proxy refuses the whole policy of the Server.',
            effect: `Everybody is denied on the Server's ports, 127.0.0.1 included (srv_name="invalid"). ${effectOf(snapshot, object)}`,
            right: `Name the service beside the headers: method: { service: ${service.find((name) => typeof name === 'string') ?? 'SERVICE'} }`,
            edits: [],
          };
        }
      }
    }
  },
};
