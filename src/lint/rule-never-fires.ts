import { LABEL, METRIC, SIDE_LABEL, SIDE_METRIC, TLS } from '../evidence/conventions.ts';
import { or } from './objects.ts';
import { expressionsIn, type Selection } from './promql.ts';
import type { LintRule } from './rule.ts';

/** What proxies write there. Routes alone are written as Kubernetes spells their kind. */
const KINDS: ReadonlyMap<string, readonly string[]> = new Map([
  [LABEL.serverKind, ['server', 'default']],
  [LABEL.routeKind, ['HTTPRoute', 'GRPCRoute', 'default']],
  [LABEL.authzKind, ['authorizationpolicy', 'serverauthorization', 'default']],
]);
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
          effect: `${fault.needs} ${name === '' ? 'The rule' : name} never fires for a denial.`,
          right: fault.right,
          edits: [],
        };
      }
    }
  },
};

function faultOf({ metric, matchers }: Selection): { readonly problem: string; readonly needs: string; readonly right: string } | null {
  const value = (label: string) =>
    matchers.find((matcher) => matcher.label === label && (matcher.operator === '=' || matcher.operator === '=~'))?.value;
  if (metric === SIDE_METRIC.responses && value(SIDE_LABEL.direction) === 'inbound' && /403/.test(value(SIDE_LABEL.statusCode) ?? ''))
    return {
      problem: `${metric} of the server counts what the application answered. A request that policy denies never gets there.`,
      needs: 'It would need the application itself to answer 403.',
      right: METRIC.httpDeny,
    };
  if (metric?.startsWith('inbound_') !== true) return null;
  for (const { label, operator, value: text } of matchers) {
    const kinds = KINDS.get(label);
    if (operator === '=' && kinds !== undefined && text !== '' && !kinds.includes(text)) {
      const meant = kinds.find((kind) => kind.toLowerCase() === text.toLowerCase());
      return {
        problem: `${label} is never ${JSON.stringify(text)}.`,
        needs: `It would need a series with that value; proxies write ${or(kinds)}.`,
        right: meant === undefined ? `${label}=${JSON.stringify(kinds[0])}` : `${label}=${JSON.stringify(meant)}`,
      };
    }
    if (operator === '=' && label === LABEL.tls && !TLS_VALUES.has(text))
      return {
        problem: `${label} is never ${JSON.stringify(text)}.`,
        needs: `It would need a series with that value; proxies write ${or([...TLS_VALUES])}.`,
        right: `${label}="no_identity" for clients without a mesh identity, "true" for those with one`,
      };
  }
  return null;
}
