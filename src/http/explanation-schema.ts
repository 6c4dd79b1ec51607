/**
 * The shape of an explanation: that of `denywhy explain -o json` (docs/explain.md). Findings and what changed are spelled out whole; around them
 * stands what people read first, and more may come.
 */
import * as z from 'zod';
import { count, labels, named, time } from './schema-parts.ts';

const objectRef = z.strictObject({ group: z.string(), kind: z.string(), namespace: z.string(), name: z.string() });
export const object = named('Object', objectRef);
const missing = named(
  'MissingEvidence',
  z.strictObject({ what: z.string(), command: z.string().describe('supplies it; names that nobody knows are in capitals') }),
);
export const certainty = named('Certainty', z.enum(['certain', 'likely', 'possible']));

const finding = named(
  'Finding',
  z
    .strictObject({
      id: z.string().describe('of the diagnosis: denywhy explain --id ID prints its page'),
      certainty,
      removal: z.enum(['allows', 'helps', 'unknown']).describe('what taking this cause away, and nothing else, does'),
      summary: z.string().describe('the object that decided and the mismatch'),
      required: z.array(z.string()).describe('what would have been let in, nearest first'),
      observed: z.string().describe('what came; empty where the summary says all'),
      note: z.string().describe('what stands out in it'),
      objects: z
        .array(objectRef.extend({ place: z.string().nullable().describe('file:line, or resourceVersion') }))
        .describe('where to look first, first'),
      evidence: z.array(
        z.strictObject({ what: z.string(), source: z.string().describe('file:line, a metric, an object'), at: time.nullable() }),
      ),
      missing: z.array(missing).describe('what would make it more certain'),
      todo: z.string(),
      remedies: z.array(z.string()).describe('kinds of change that fit, best first'),
    })
    .describe('one cause'),
);

const author = z
  .strictObject({ user: z.string(), impersonatedBy: z.string().nullable(), manager: z.string().nullable() })
  .nullable()
  .describe('from an audit log');
const edit = z.strictObject({
  object,
  change: z.enum(['created', 'edited', 'deleted', 'replaced']),
  of: z.enum(['policy', 'server', 'client']),
  replaces: z.string().nullable().describe('the pod that was replaced'),
  fields: z.array(z.strictObject({ path: z.string(), before: z.string().nullable(), after: z.string().nullable() })),
  moreFields: count,
  generation: z.strictObject({ before: z.int().nullable(), after: z.int().nullable() }),
  manager: z.strictObject({ name: z.string(), at: time.nullable() }).nullable().describe('who wrote it, as the client calls itself'),
  author,
});
const turn = named(
  'Turn',
  z.strictObject({ at: time, edits: z.array(edit), more: count }).describe('one moment at which the verdict changed'),
);
const changed = named(
  'WhatChanged',
  z.strictObject({
    source: z.string().describe('whether the past was recorded'),
    turned: turn.nullable().describe('what turned allow into deny'),
    repaired: turn.nullable().describe('what let the client in again'),
    throughout: z.looseObject({ since: time.nullable() }).nullable().describe('no recorded change explains it'),
    candidates: z
      .array(
        z.strictObject({
          object,
          change: z.enum(['created', 'edited']),
          at: time,
          manager: z.string().nullable(),
          author,
          certainty: z.enum(['likely', 'possible']),
        }),
      )
      .describe('by their times alone'),
    withoutManagers: z.boolean().describe('the objects were written without their managedFields'),
  }),
);

const target = z.looseObject({
  kind: z.string(),
  namespace: z.string().nullable(),
  port: z.int().nullable(),
  server: labels.nullable(),
  route: labels.nullable(),
  count,
  decision: z.looseObject({ sentence: z.string() }),
  findings: z.array(finding).describe('the one first whose removal would have allowed the request'),
  verdict: z.string().nullable().describe('what the policy of that moment says; null: no cluster, or not this workload in it'),
  agrees: z.boolean().describe('false: the cluster known decides differently from what the proxy did'),
  now: z
    .strictObject({ verdict: z.string(), since: time.nullable() })
    .nullable()
    .describe('what the policy last known says, where it is another'),
  changed: changed.nullable().describe('null: no refusal, or none by the objects known'),
  missing: z.array(missing),
});

export const explanation = named(
  'Explanation',
  z.looseObject({
    form: z.literal('denywhy.explain/1'),
    clients: z.array(z.looseObject({ client: z.looseObject({}), targets: z.array(target) })),
    troubles: z
      .array(z.looseObject({ client: z.looseObject({}).nullable(), findings: z.array(finding) }))
      .describe('trouble of clients that left no denial'),
    standing: z.array(finding).describe('what the objects show by themselves'),
    symptoms: z.array(z.looseObject({ kind: z.string(), detail: z.string(), count })),
  }),
);
