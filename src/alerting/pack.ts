/** All rules in their groups. */
import { type AlertKind, EVERYTHING, type Scope, tuningOf } from './alert-kind.ts';
import { BLINDNESS_ALERTS } from './blindness-alerts.ts';
import { DENIED_ALERTS } from './denied-alerts.ts';
import { IDENTITY_ALERT } from './identity-alert.ts';
import type { AlertName } from './names.ts';
import { assertPromql, duration, firstOf } from './promql.ts';
import { RATIO_ALERT } from './ratio-alert.ts';
import { RECORDING_IDS, recordingRule } from './recordings.ts';
import { type AlertingRule, literal, type Rule, type RuleGroup } from './rule.ts';
import { isAtLeast, type Selection, type Settings } from './settings.ts';
import { TUTORIAL_ALERT } from './tutorial-alert.ts';

export const ALERTS: readonly AlertKind[] = [...DENIED_ALERTS, RATIO_ALERT, IDENTITY_ALERT, ...BLINDNESS_ALERTS, TUTORIAL_ALERT];

export interface RulePack {
  readonly groups: readonly RuleGroup[];
  /** What was asked for and cannot be had, in sentences. */
  readonly notices: readonly string[];
}

/** Prometheus that understands the field, and the operator that does not drop it. */
const KEEP_FIRING_FOR = [2, 42] as const;
const QUERY_OFFSET = [2, 53] as const;

/** Throws where an expression is not PromQL: that would be a bug here. */
export function rulePack(settings: Settings): RulePack {
  const { alerts, version } = settings;
  const isOn = ({ name }: AlertKind) => alerts.get(name)?.enabled !== false;
  const rulesOf = (about: readonly AlertKind['about'][]): readonly Rule[] =>
    ALERTS.filter((alert) => about.includes(alert.about) && alert !== TUTORIAL_ALERT && isOn(alert)).flatMap((alert) =>
      alertingRules(alert, settings),
    );
  const groups = [
    // One group evaluates in order: an alert sees what was recorded in the same moment.
    group('linkerd-denials', [...RECORDING_IDS.map((id) => recordingRule(id, settings)), ...rulesOf(['denied', 'trouble'])], settings),
    group('linkerd-denials-blindness', rulesOf(['blindness', 'denywhy']), settings),
    group('linkerd-policy', isOn(TUTORIAL_ALERT) ? alertingRules(TUTORIAL_ALERT, settings) : [], settings),
  ].filter(({ rules }) => rules.length > 0);
  for (const { rules } of groups) for (const { expr } of rules) assertPromql(expr);
  const wanted =
    settings.queryOffset !== null && !isAtLeast(version, ...QUERY_OFFSET) ? ['queryOffset needs Prometheus 2.53: left out.'] : [];
  const kept =
    isAtLeast(version, ...KEEP_FIRING_FOR) || settings.keepFiringFor === 0 ? [] : ['keep_firing_for needs Prometheus 2.42: left out.'];
  return { groups, notices: [...wanted, ...kept] };
}

function group(name: string, rules: readonly Rule[], { interval, queryOffset, version }: Settings): RuleGroup {
  return {
    name,
    ...(interval === null ? {} : { interval: duration(interval) }),
    ...(queryOffset === null || !isAtLeast(version, ...QUERY_OFFSET) ? {} : { query_offset: duration(queryOffset) }),
    rules,
  };
}

/** What an alert does in one part of the traffic. */
export interface Part extends Scope {
  readonly threshold: number;
  readonly severity: string;
  readonly for: number;
}

/** Parts of one severity are one rule: two of the same name and labels would be duplicates to promtool. */
function alertingRules(alert: AlertKind, settings: Settings): readonly AlertingRule[] {
  const keeps = keepsFiringFor(alert, settings);
  return [...Map.groupBy(partsOf(alert, settings), ({ severity }) => severity)].flatMap(([severity, parts]) => {
    const wait = parts[0]?.for ?? 0;
    const conditions = parts.map((part) => alert.conditions(part, part.threshold, settings));
    return (conditions[0] ?? []).map(
      ({ labels }, i): AlertingRule => ({
        alert: alert.name,
        expr: firstOf(conditions.flatMap((each) => each[i]?.expr ?? [])),
        ...(wait === 0 ? {} : { for: duration(wait) }),
        ...(keeps === 0 ? {} : { keep_firing_for: duration(keeps) }),
        labels: { severity: literal(severity), ...labels },
        annotations: annotationsOf(alert, settings),
      }),
    );
  });
}

/** Seconds. */
export function keepsFiringFor({ keepsFiring }: AlertKind, { keepFiringFor, version }: Settings): number {
  return keepsFiring && isAtLeast(version, ...KEEP_FIRING_FOR) ? keepFiringFor : 0;
}

export function annotationsOf({ name, summary, description }: AlertKind, { runbookUrl }: Settings): Readonly<Record<string, string>> {
  return { summary: literal(summary), description, runbook_url: literal(runbookUrl.replaceAll('%s', name)) };
}

/** The overrides in their order, each without what an earlier one took, and then the rest; nothing of what is muted. */
export function partsOf(alert: AlertKind, settings: Settings): readonly Part[] {
  const tuning = tuningOf(alert, settings);
  const usual = {
    threshold: tuning.threshold ?? alert.threshold ?? 0,
    severity: tuning.severity ?? alert.severity,
    for: tuning.for ?? alert.for,
  };
  if (alert.about !== 'denied') return [{ ...EVERYTHING, ...usual }];
  const isMeant = ({ alerts }: { readonly alerts?: readonly AlertName[] }) => alerts === undefined || alerts.includes(alert.name);
  const overrides = settings.overrides.filter(isMeant);
  const muted = settings.mutes.filter(isMeant);
  const special = overrides.map(
    (override, i): Part => ({
      only: override,
      leftOut: [...muted, ...overrides.slice(0, i)].filter((other) => mayShare(override, other)),
      threshold: override.threshold ?? usual.threshold,
      severity: override.severity ?? usual.severity,
      for: usual.for,
    }),
  );
  return [...special, { only: {}, leftOut: [...muted, ...overrides], ...usual }];
}

const SELECTION_PARTS = ['namespace', 'workloadKind', 'workload', 'server', 'route'] as const;

/** False where no traffic can be in both. */
function mayShare(a: Selection, b: Selection): boolean {
  return SELECTION_PARTS.every((part) => a[part] === undefined || b[part] === undefined || a[part] === b[part]);
}
