/** Questions about the policy: may this client reach that port, and what would a change of objects do. */
import { parseInstant } from '../policy/time.ts';
import * as asked from './asking-shapes.ts';
import { jsonOperation, type Operation, operation } from './operation.ts';
import type { Shared } from './options.ts';
import { Problem } from './problem.ts';
import * as shapes from './schemas.ts';

export function askingOperations({ asking, limits, budget }: Shared): readonly Operation[] {
  const unknown = { 404: { description: 'No cluster is known', schema: shapes.problem } };
  return [
    jsonOperation({
      id: 'askCan',
      method: 'post',
      path: '/api/v1/can',
      summary: 'May this client reach that port with this request, by Linkerd and by NetworkPolicy, and why',
      scope: 'read',
      schema: asked.canBody,
      limits,
      budget,
      answers: { 200: { description: 'The answer with its reasons', schema: asked.canAnswer }, ...unknown },
      async handle({ body: { client, server, namespace, method, path, authority, grpc, ip, unmeshed, at } }) {
        const question = {
          ...{ client, server },
          namespace: namespace ?? null,
          method: method ?? null,
          path: path ?? null,
          authority: authority ?? null,
          grpc: grpc ?? null,
          ip: ip ?? null,
          unmeshed: unmeshed ?? false,
          at: momentOf(at),
        };
        return { status: 200, body: known(asking?.can(question) ?? null) };
      },
    }),
    jsonOperation({
      id: 'simulate',
      method: 'post',
      path: '/api/v1/simulate',
      summary:
        'What a change of objects would deny and allow, over observed traffic and on request everything that is possible; nothing is applied',
      scope: 'read',
      schema: asked.simulateBody,
      limits,
      budget,
      answers: { 200: { description: 'What would change, for whom, and why', schema: asked.simulateAnswer }, ...unknown },
      async handle({ body }) {
        const { change = '', delete: deleted = [], prune = false, namespace, traffic = 'observed', at, markdown = false } = body;
        if (Buffer.byteLength(change) > MOST_BYTES)
          throw new Problem(413, 'The change is larger than 2 MiB.', 'Give the objects that change, without those that stay as they are.');
        if (change === '' && deleted.length === 0) throw new Problem(400, 'Nothing would change.', 'Give `change`, `delete`, or both.');
        const question = { change, deleted, prune, namespace: namespace ?? null, traffic, at: momentOf(at), markdown };
        return { status: 200, body: known((await asking?.simulate(question)) ?? null) };
      },
    }),
    operation({
      id: 'getPosture',
      method: 'get',
      path: '/api/v1/posture',
      summary: 'How near to least privilege: each practice with evidence, what is lacking and the next step; of one namespace the plan too',
      scope: 'read',
      query: shapes.postureQuery,
      answers: { 200: { description: 'Namespaces with their practices', schema: shapes.postureAnswer }, ...unknown },
      async handle({ query: { namespace } }) {
        return { status: 200, body: known((await asking?.posture(namespace ?? null)) ?? null) };
      },
    }),
  ];
}

/** It is read in one piece, and nobody else is answered meanwhile. */
const MOST_BYTES = 2 * 2 ** 20;

export function momentOf(at: string | undefined): number | null {
  return at === undefined ? null : parseInstant(at);
}

/** Errors: Problem 404. */
export function known<T>(answer: T | null): T {
  if (answer !== null) return answer;
  throw new Problem(404, 'No cluster is known.', 'Set kubernetes.watch, or cluster.manifests; GET /api/v1/status tells how it goes.');
}
