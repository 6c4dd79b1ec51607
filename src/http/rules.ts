/** The alert rules, and whether the Prometheus that denywhy asks has them. */
import * as z from 'zod';
import { ruleReport } from '../alerting/rule-report.ts';
import { DEFAULTS } from '../alerting/settings.ts';
import { type Operation, operation } from './operation.ts';
import type { KnownRules, Shared } from './options.ts';
import * as shapes from './rules-schema.ts';

/** Most alerts of a rule that are shown; all are counted. */
const MOST_ALERTS = 20;

/** What there is to say where no Prometheus is configured. */
export function withoutPrometheus(manifests: KnownRules['manifests']): KnownRules {
  return {
    prometheus: null,
    fault: {
      message: 'No Prometheus is configured, so that nobody can say whether the rules are loaded.',
      remedy: 'Name it as prometheus.url (DENYWHY_PROMETHEUS_URL), and start denywhy again.',
    },
    remarks: [],
    manifests,
    rules: ruleReport(DEFAULTS, null),
  };
}

export function rulesOperation({ rules }: Shared): Operation {
  return operation({
    id: 'listRules',
    method: 'get',
    path: '/api/v1/rules',
    summary: 'Each rule of the pack: its expression, tests and runbook, whether Prometheus has it, healthy and evaluated, and what it sees',
    scope: 'read',
    query: z.strictObject({}),
    answers: { 200: { description: 'The rules, whether or not Prometheus answers', schema: shapes.ruleList } },
    handle: async () => ({ status: 200, body: show(rules === undefined ? withoutPrometheus(null) : await rules()) }),
  });
}

function show({ prometheus, fault, remarks, manifests, rules }: KnownRules): z.input<typeof shapes.ruleList> {
  return {
    prometheus,
    fault,
    remarks: [...remarks],
    manifests: manifests?.map(({ name, by }) => ({ name, by: by.map((one) => ({ ...one, reasons: [...one.reasons] })) })) ?? null,
    items: rules.map(({ expressions, severities, usedBy, tests, active, ...rule }) => ({
      ...rule,
      expressions: [...expressions],
      severities: [...severities],
      usedBy: [...usedBy],
      tests: [...tests],
      runbook: rule.kind === 'alert' ? `/runbooks/${rule.name}` : null,
      firing: active.filter(({ state }) => state === 'firing').length,
      pending: active.filter(({ state }) => state === 'pending').length,
      alerts: active.slice(0, MOST_ALERTS).map((alert) => ({ ...alert, labels: { ...alert.labels } })),
    })),
  };
}
