/** The shape of the rules. */
import * as z from 'zod';
import { count, named } from './schema-parts.ts';

const rule = named(
  'Rule',
  z.strictObject({
    group: z.string(),
    name: z.string().describe('of the alert, or of the series that is recorded'),
    kind: z.enum(['alert', 'record']),
    summary: z.string().describe('empty: it is recorded for the alerts in usedBy'),
    expressions: z.array(z.string()).describe('one per rule of that name'),
    severities: z.array(z.string()),
    wait: z.string().describe('how long it waits before it fires; empty: not at all'),
    usedBy: z.array(z.string()).describe('alerts that read what it records'),
    tests: z.array(z.string()).describe('names of its promtool tests, as in `denywhy rules -o tests`'),
    runbook: z.string().nullable().describe('where denywhy serves its page'),
    state: z
      .enum(['ok', 'missing', 'other', 'failing', 'not evaluated', 'unknown'])
      .describe('`other`: loaded with other labels or waits, as a tuned one is; `unknown`: no Prometheus told'),
    detail: z.string(),
    lastEvaluation: z.string().nullable(),
    firing: count,
    pending: count,
    alerts: z
      .array(
        z.strictObject({
          state: z.enum(['firing', 'pending']),
          labels: z.record(z.string(), z.string()),
          activeAt: z.string().nullable(),
          value: z.string(),
        }),
      )
      .describe('the first twenty'),
  }),
);

export const ruleList = named(
  'RuleList',
  z.strictObject({
    prometheus: z.string().nullable().describe('its address; null: none is configured'),
    fault: z.strictObject({ message: z.string(), remedy: z.string() }).nullable().describe('why the states are not known'),
    remarks: z.array(z.string()),
    manifests: z
      .array(
        z.strictObject({
          name: z.string().describe('namespace/name of a PrometheusRule that holds a group of the pack'),
          by: z.array(
            z.strictObject({
              prometheus: z.string(),
              isTaken: z.boolean().nullable().describe('null: the objects do not tell'),
              reasons: z.array(z.string()),
            }),
          ),
        }),
      )
      .nullable()
      .describe('null: the objects of no cluster are known'),
    items: z.array(rule),
  }),
);
