/** The shapes of the policy in force and of who calls whom. */
import * as z from 'zod';
import { count, labels, named, time } from './schema-parts.ts';
import { cursor, limitOf, name, next, workload } from './schemas.ts';

const at = z.iso.datetime({ offset: true }).optional().describe('the policy of that moment; now by default');
const workloadText = z.string().min(1).max(320).describe('KIND/NAME, or as kubectl takes it: deploy/NAME');

export const workloadQuery = z.strictObject({
  namespace: name.optional(),
  q: z.string().max(253).optional().describe('part of the name, or of the namespace’s'),
  at,
  limit: limitOf(1000, 200),
  cursor,
});
export const workloadPage = named(
  'WorkloadPage',
  z.strictObject({
    items: z.array(
      z.strictObject({
        namespace: z.string(),
        workload,
        pods: count,
        meshed: count.describe('pods that have a proxy; on others nothing is enforced'),
        denied: count.describe('in open incidents, of the thousand that were active last'),
      }),
    ),
    namespaces: z
      .array(z.strictObject({ namespace: z.string(), workloads: count }))
      .describe('all that have workloads, whatever is asked for'),
    next,
  }),
);

const trafficPart = z.strictObject({
  server: labels.nullable(),
  route: labels.nullable(),
  authorization: labels.nullable().describe('what let it in'),
  allowed: count,
  denied: count,
  last: time.nullable(),
  incident: z.string().nullable().describe('in which the denials are counted'),
});
export const trafficRow = named(
  'TrafficRow',
  z.strictObject({
    client: z.string().describe('sa/NAME, a workload without identity, a node, an identity or an address'),
    identity: z.string().nullable(),
    ip: z.string().nullable(),
    namespace: z.string().describe('of the workload that is called'),
    workload: workload.nullable(),
    port: z.int().nullable().describe('null: no source tells'),
    allowed: count,
    denied: count,
    last: time.nullable().describe('when it was last seen'),
    parts: z.array(trafficPart).describe('by Server, route and authorization; the fifty with the most denials'),
  }),
);
const portTraffic = z.strictObject({
  allowed: count,
  denied: count,
  clients: z.array(trafficRow).describe('the first fifty: those that were denied, then those seen last'),
  beyond: count.describe('how many more clients there are'),
});
const whole = z.boolean().describe('false: there is more than was read; what was seen last is counted');

export const trafficQuery = z.strictObject({
  namespace: name.describe('of the workloads that are called'),
  workload: z.string().max(320).optional().describe('KIND/NAME'),
  outcome: z.enum(['allowed', 'denied']).optional().describe('clients of which something was allowed, or denied'),
  q: z.string().max(500).optional().describe('part of the client’s name, identity or address, or of the workload’s name'),
  limit: limitOf(500, 100),
  cursor,
});
export const trafficPage = named('TrafficPage', z.strictObject({ items: z.array(trafficRow), isTrafficWhole: whole, next }));

export const policyQuery = z.strictObject({
  namespace: name,
  workload: workloadText.optional(),
  at,
  limit: limitOf(100, 20).describe('workloads of one page'),
  cursor,
});
const ref = z.looseObject({ kind: z.string(), namespace: z.string(), name: z.string() });
const rule = z.looseObject({ port: z.int(), peers: z.array(z.string()) });
export const policyAnswer = named(
  'Policy',
  z.looseObject({
    form: z.literal('denywhy.policy/1'),
    workloads: z.array(
      z.looseObject({
        workload: z.looseObject({ kind: z.string(), namespace: z.string(), name: z.string() }),
        meshed: z.boolean(),
        pods: z.array(z.string()),
        default: z.looseObject({ policy: z.string(), source: z.string() }).nullable().describe('of ports that no Server takes'),
        notRolledOut: z.array(z.looseObject({ pods: count })).describe('what a restart of the pods would change'),
        ports: z.array(
          z.looseObject({
            port: z.int(),
            names: z.array(z.string()).describe('by which containers declare it'),
            pods: z.array(z.string()).describe('for which this comes out'),
            protocol: z.string(),
            server: ref.nullable().describe('null: the default policy is in force'),
            overshadowed: z.array(ref).describe('Servers that select the port too, without effect'),
            rejectedByProxy: z.string().nullable(),
            may: z.array(
              z.looseObject({
                route: z.string().nullable().describe('null: any request; other: what no route takes'),
                takes: z.array(z.string()),
                who: z.array(z.string()).describe('empty: nobody'),
                from: z.array(z.string()).describe('empty: from everywhere'),
                authorization: z
                  .looseObject({ ref: labels, object: ref.nullable(), via: z.array(ref), identities: z.array(z.string()) })
                  .nullable(),
                refusal: z.enum(['403', '404', 'closed']).nullable(),
                allowed: count.describe('counted under the policy in force'),
                denied: count.nullable().describe('of the route; null: the first row of the route has it'),
              }),
            ),
            networkPolicy: z.looseObject({ policies: z.array(ref), meshed: rule, direct: rule }).nullable(),
            callers: z.array(
              z.looseObject({
                who: z.enum(['kubelet', 'prometheus']),
                name: z.string(),
                request: z.string(),
                answer: z.enum(['yes', 'no', 'undecided']),
                isNetwork: z.boolean(),
              }),
            ),
            traffic: portTraffic,
          }),
        ),
        otherTraffic: portTraffic.describe('of ports that are not among these, and of which no source tells the port'),
      }),
    ),
    isTrafficWhole: whole,
    next,
  }),
);
