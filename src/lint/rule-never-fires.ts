import { LABEL, METRIC, SIDE_LABEL, SIDE_METRIC, TLS } from '../evidence/conventions.ts';
import { expressionsIn, type Selection } from './promql.ts';
import type { LintRule } from './rule.ts';

const KINDS: ReadonlySet<string> = new Set([LABEL.serverKind, LABEL.routeKind, LABEL.authzKind]);
const TLS_VALUES: ReadonlySet<string> = new Set(Object.values(TLS));

export const ruleNeverFires: LintRule = {
  code: 'rule-never-fires',
  title: 'an alert on values that never come',
  *check({ resources }) {
    for (const { object, path, name, selections } of expressionsIn(resources)) {
      for (const selection of selections) {
        const fault = faultOf(selection);
        if (fault === null) continue;
        yield {
          severity: 'error',
          object,
          path,
          problem: fault.problem,
          effect: `${name === '' ? 'The rule' : name} never fires for a denial.`,
          right: fault.right,
          edits: [],
        };
      }
    }
  },
};

function faultOf({ metric, matchers }: Selection): { readonly problem: string; readonly right: string } | null {
  const value = (label: string) =>
    matchers.find((matcher) => matcher.label === label && (matcher.operator === '=' || matcher.operator === '=~'))?.value;
  if (metric === SIDE_METRIC.responses && value(SIDE_LABEL.direction) === 'inbound' && /403/.test(value(SIDE_LABEL.statusCode) ?? ''))
    return {
      problem: `${metric} of the server counts what the application answered. A request that policy denies never gets there.`,
      right: METRIC.httpDeny,
    };
  if (metric?.startsWith('inbound_') !== true) return null;
  for (const { label, operator, value: text } of matchers) {
    if (operator === '=' && KINDS.has(label) && text !== text.toLowerCase())
      return { problem: `${label} is written in small letters: ${text} never comes.`, right: `${label}="${text.toLowerCase()}"` };
    if (operator === '=' && label === LABEL.tls && !TLS_VALUES.has(text))
      return {
        problem: `${label} is never ${JSON.stringify(text)}.`,
        right: `${label}="no_identity" for clients without a mesh identity, "true" for those with one`,
      };
  }
  return null;
}
