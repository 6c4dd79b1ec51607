/** The pack for people: each rule with what it is for, its expression, its tests, and how one Prometheus has it. */
import { alertTests } from './alert-tests.ts';
import { firstDenialTests } from './first-denial-tests.ts';
import { type ActiveAlert, activeAlerts, type RuleState, ruleStates } from './loaded.ts';
import { ALERTS, rulePack } from './pack.ts';
import type { Rule, RuleGroup } from './rule.ts';
import type { Settings } from './settings.ts';
import type { UnitTest } from './unit-test.ts';

export interface ReportedRule {
  readonly group: string;
  /** Of the alert, or of the series that is recorded. */
  readonly name: string;
  readonly kind: 'alert' | 'record';
  /** Empty: it is recorded for the alerts in `usedBy`. */
  readonly summary: string;
  /** One per rule of that name. */
  readonly expressions: readonly string[];
  readonly severities: readonly string[];
  /** How long it waits before it fires, as PromQL writes it; empty: not at all. */
  readonly wait: string;
  /** Alerts whose expressions read what it records. */
  readonly usedBy: readonly string[];
  /** Names of its promtool tests. */
  readonly tests: readonly string[];
  /** `unknown`: no Prometheus told. */
  readonly state: RuleState['state'] | 'unknown';
  /** In Prometheus' words where it has some. */
  readonly detail: string;
  /** RFC 3339; null: never, or not known. */
  readonly lastEvaluation: string | null;
  readonly active: readonly ActiveAlert[];
}

/** `running`: `data` of Prometheus' answer to `/api/v1/rules`; null: none was had. Errors: Unavailable (it is no such answer). */
export function ruleReport(settings: Settings, running: unknown): readonly ReportedRule[] {
  const { groups } = rulePack(settings);
  const tests = [...firstDenialTests(settings), ...alertTests(settings)];
  const states = running === null ? [] : ruleStates(groups, running);
  return groups.flatMap((group) =>
    [...Map.groupBy(group.rules, nameOf)].map(([name, rules]) => {
      const known = states.find((one) => one.group === group.name && one.rule === name);
      return {
        ...described(name, rules, groups),
        group: group.name,
        tests: testsOf(name, tests),
        state: known?.state ?? 'unknown',
        detail: known?.detail ?? '',
        lastEvaluation: known?.lastEvaluation ?? null,
        active: running === null ? [] : activeAlerts(group.name, name, running),
      };
    }),
  );
}

function nameOf(rule: Rule): string {
  return 'record' in rule ? rule.record : rule.alert;
}

function described(
  name: string,
  rules: readonly Rule[],
  groups: readonly RuleGroup[],
): Pick<ReportedRule, 'name' | 'kind' | 'summary' | 'expressions' | 'severities' | 'wait' | 'usedBy'> {
  const alerts = rules.flatMap((rule) => ('alert' in rule ? [rule] : []));
  return {
    name,
    kind: alerts.length > 0 ? 'alert' : 'record',
    summary: ALERTS.find((alert) => alert.name === name)?.summary ?? '',
    expressions: rules.map(({ expr }) => expr),
    severities: [...new Set(alerts.map(({ labels }) => labels['severity'] ?? ''))],
    wait: alerts[0]?.for ?? '',
    usedBy: alerts.length > 0 ? [] : readersOf(name, groups),
  };
}

function readersOf(record: string, groups: readonly RuleGroup[]): readonly string[] {
  const readers = groups
    .flatMap(({ rules }) => rules)
    .flatMap((rule) => ('alert' in rule && rule.expr.includes(record) ? [rule.alert] : []));
  return [...new Set(readers)];
}

function testsOf(name: string, tests: readonly UnitTest[]): readonly string[] {
  return tests
    .filter(
      ({ alert_rule_test: alerts = [], promql_expr_test: expressions = [] }) =>
        alerts.some(({ alertname }) => alertname === name) || expressions.some(({ expr }) => expr === name),
    )
    .map((test) => test.name);
}
