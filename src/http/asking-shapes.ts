/** The shapes of questions about the policy: may this client, and what would a change do. */
import * as z from 'zod';
import { count, named } from './schema-parts.ts';
import { name } from './schemas.ts';

const asked = z.string().min(1).max(4096);
export const canBody = named(
  'CanQuestion',
  z.strictObject({
    client: asked.describe('sa/NAME, a workload, an address, or a mesh identity'),
    server: asked.describe('deploy/NAME:PORT'),
    namespace: name.optional().describe('of both, where they name none'),
    method: asked.optional(),
    path: asked.optional(),
    authority: asked.optional(),
    grpc: asked.optional().describe('SERVICE/METHOD'),
    ip: z.union([z.ipv4(), z.ipv6()]).optional().describe('the client calls from this address'),
    unmeshed: z.boolean().optional().describe('as if the client had no proxy'),
    at: z.iso.datetime({ offset: true }).optional().describe('the policy of that moment; now by default'),
  }),
);
export const canAnswer = named(
  'CanAnswer',
  z.looseObject({
    form: z.literal('denywhy.can/1'),
    answer: z.enum(['yes', 'no', 'undecided', 'partly']),
    client: z.string(),
    server: z.string(),
    namespace: z.string(),
    port: z.int(),
    request: z.string().nullable().describe('null: whatever can be asked of the port'),
    reasons: z.array(
      z.looseObject({
        answer: z.enum(['yes', 'no', 'undecided']),
        requests: z.array(z.string()),
        ips: z.array(z.string().nullable()).describe('addresses of the client; null: not known'),
        pods: z.array(z.string()),
        linkerd: z.looseObject({
          verdict: z.string().describe('Linkerd’s own, undecided, or not-meshed'),
          sentence: z.string(),
          required: z.array(z.string()).describe('what would have been let in'),
          route: z.string().nullable(),
          enforcedBy: z.string().nullable(),
          place: z.string().nullable().describe('where the object that decided is written'),
          considered: z.array(z.looseObject({ applies: z.enum(['yes', 'no', 'unobserved']), name: z.string(), reason: z.string() })),
        }),
        network: z
          .looseObject({
            verdict: z.enum(['allow', 'deny', 'undecided']),
            sentence: z.string(),
            missing: z.array(z.string()),
            enforced: z.boolean().nullable().describe('null: not known, and it counts'),
            plugin: z.string().nullable(),
          })
          .nullable()
          .describe('by NetworkPolicy; null: the cluster has none'),
      }),
    ),
    notes: z.array(z.string()),
  }),
);

export const simulateBody = named(
  'SimulateQuestion',
  z.strictObject({
    change: z.string().optional().describe('manifests that would be applied, as YAML or JSON; at most 2 MiB'),
    delete: z.array(asked).max(1000).optional().describe('KIND/NAME of objects that would be deleted'),
    prune: z.boolean().optional().describe('policy objects in the namespaces of the change that it does not hold would go'),
    namespace: name.optional().describe('of objects that name none'),
    traffic: z.enum(['observed', 'all']).optional().describe('all: everything that is possible too'),
    at: z.iso.datetime({ offset: true }).optional().describe('the policy of that moment; now by default'),
    markdown: z.boolean().optional().describe('the answer also as Markdown, for a pull request'),
  }),
);
const outcomes = z.enum(['newly-denied', 'newly-allowed', 'undecided']);
export const simulateAnswer = named(
  'Simulation',
  z.looseObject({
    form: z.literal('denywhy.simulate/1'),
    counts: z.strictObject({ 'newly-denied': count, 'newly-allowed': count, unchanged: count, undecided: count }),
    entries: z.array(
      z.looseObject({
        outcome: outcomes,
        kind: z.enum(['observed', 'probe', 'scrape', 'control-plane', 'possible']),
        client: z.string(),
        namespace: z.string(),
        servers: z.array(z.string()),
        port: z.int(),
        requests: z.array(z.string()),
        count: count.nullable().describe('requests and connections that were counted'),
        pods: count,
        place: z.string().nullable().describe('where the object that decides is written'),
        why: z.string().describe('of undecided: what would decide'),
        wide: z.string().nullable().describe('who else stands behind this client, where that is more than one asks for'),
      }),
    ),
    looked: z.looseObject({ observed: count, requests: count, standing: count, possible: z.boolean(), unplaced: count }),
    notices: z.array(z.looseObject({ where: z.string(), message: z.string() })),
    refused: z
      .array(z.looseObject({ object: z.looseObject({ kind: z.string(), namespace: z.string(), name: z.string() }), message: z.string() }))
      .describe('objects that the API server or Linkerd’s webhook would refuse: left out of the change'),
    markdown: z.string().optional(),
  }),
);
