/** All rules in their groups. */
import { type AlertKind, EVERYTHING, type Scope, tuningOf } from './alert-kind.ts';
import { BLINDNESS_ALERTS } from './blindness-alerts.ts';
import { DENIED_ALERTS } from './denied-alerts.ts';
import { IDENTITY_ALERT } from './identity-alert.ts';
import type { AlertName } from './names.ts';
import { assertPromql, duration } from './promql.ts';
import { RATIO_ALERT } from './ratio-alert.ts';
import { RECORDING_IDS, recordingRule } from './recordings.ts';
import { type AlertingRule, literal, type Rule, type RuleGroup } from './rule.ts';
import { isAtLeast, type Settings } from './settings.ts';
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

function alertingRules(alert: AlertKind, settings: Settings): readonly AlertingRule[] {
  return partsOf(alert, settings).flatMap((part) =>
    alert.conditions(part, part.threshold, settings).map(
      ({ expr, labels }): AlertingRule => ({
        alert: alert.name,
        expr,
        ...(part.for === 0 ? {} : { for: duration(part.for) }),
        ...(keepsFiringFor(alert, settings) > 0 ? { keep_firing_for: duration(keepsFiringFor(alert, settings)) } : {}),
        labels: { severity: literal(part.severity), ...labels },
        annotations: annotationsOf(alert, settings),
      }),
    ),
  );
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
      leftOut: [...muted, ...overrides.slice(0, i)],
      threshold: override.threshold ?? usual.threshold,
      severity: override.severity ?? usual.severity,
      for: override.for ?? usual.for,
    }),
  );
  return [...special, { only: {}, leftOut: [...muted, ...overrides], ...usual }];
}
