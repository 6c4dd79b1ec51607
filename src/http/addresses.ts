/** Who had an address at a moment: pods come and go, and log lines name addresses alone. */
import { parseInstant, showInstant } from '../policy/time.ts';
import { type Operation, operation } from './operation.ts';
import type { Shared } from './options.ts';
import { Problem } from './problem.ts';
import * as shapes from './schemas.ts';

export function addressOperation({ addressAt, now }: Shared): Operation {
  return operation({
    id: 'getAddress',
    method: 'get',
    path: '/api/v1/addresses',
    summary: 'Who had an address at a moment, by the recorded history of the cluster',
    scope: 'read',
    query: shapes.addressQuery,
    answers: {
      200: { description: 'Its owners then; several, where it is that of a node', schema: shapes.addressAnswer },
      404: { description: 'No cluster is known', schema: shapes.problem },
    },
    async handle({ query: { ip, at } }) {
      const moment = at === undefined ? now() : (parseInstant(at) ?? now());
      const found = addressAt?.(ip, moment) ?? null;
      if (found === null)
        throw new Problem(404, 'No cluster is known.', 'Set kubernetes.watch, or cluster.manifests; GET /api/v1/status tells how it goes.');
      const { recordedSince, owners } = found;
      return {
        status: 200,
        body: {
          ip,
          at: showInstant(moment),
          recordedSince: recordedSince === null ? null : showInstant(recordedSince),
          owners: owners.map((owner) => ({ ...owner, workload: owner.workload === null ? null : { ...owner.workload } })),
        },
      };
    },
  });
}
