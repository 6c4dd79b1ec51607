/** What an alert is: when it fires, what it says, and the page that helps. */
import { ALERT_LABEL, LABEL } from '../evidence/conventions.ts';
import type { AlertName } from './names.ts';
import { equals, isOneOf, type Matcher, type Promql } from './promql.ts';
import type { AlertTuning, Selection, Settings } from './settings.ts';

/** One page per alert, with the four headings that runbooks of Prometheus' rules have. Markdown; the command ends the page. */
export interface Runbook {
  readonly meaning: readonly string[];
  readonly impact: readonly string[];
  readonly diagnosis: readonly string[];
  readonly mitigation: readonly string[];
  /** What to run. NAMESPACE and WORKLOAD stand for the alert's labels. */
  readonly command: string;
}

/** One rule's part: the expression without its comparison to the threshold would say nothing, so it is all of it. */
export interface Condition {
  readonly expr: Promql;
  /** Beside severity. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface AlertKind {
  readonly name: AlertName;
  readonly severity: 'critical' | 'warning' | 'info';
  /** The rule fires above it; null: there is nothing to tune. */
  readonly threshold: number | null;
  /** Seconds. What lasts one window only must not wait. */
  readonly for: number;
  /** Stays for a while after its last denial left the window. */
  readonly keepsFiring: boolean;
  /** `denied`: its labels are the key of an incident, and it can be muted and overridden part by part. */
  readonly about: 'denied' | 'trouble' | 'blindness' | 'denywhy';
  /** Static and short. */
  readonly summary: string;
  /** A Go template that uses `{{ $labels.NAME }}` (of the expression, not the rule's own) and `{{ $value }}`, `| humanize`, `| humanizePercentage`. */
  readonly description: string;
  readonly runbook: Runbook;
  /** The rules for one part of the traffic. */
  conditions(scope: Scope, threshold: number, settings: Settings): readonly Condition[];
}

/** What a rule covers: all that `only` selects, except for what is `left out`. */
export interface Scope {
  readonly only: Selection;
  readonly leftOut: readonly Selection[];
}

export const EVERYTHING: Scope = { only: {}, leftOut: [] };

export function matchersOf(selection: Selection): readonly Matcher[] {
  return LABEL_OF.flatMap(([part, label]) => {
    const value = selection[part];
    return value === undefined ? [] : [equals(label, value)];
  });
}

/** What selects all of these, in as few selectors as can be: those that name nothing but a namespace, say, are one. */
export function matchersOfAny(selections: readonly Selection[]): readonly (readonly Matcher[])[] {
  const each = selections.map(matchersOf);
  const alone = Map.groupBy(
    each.flatMap(([matcher, ...more]) => (matcher === undefined || more.length > 0 ? [] : [matcher])),
    ({ label }) => label,
  );
  const merged = [...alone].map(([label, [first, ...more]]) =>
    first === undefined ? [] : [isOneOf(label, [first.value, ...more.map(({ value }) => value)])],
  );
  return [...merged, ...each.filter(({ length }) => length !== 1)];
}

const LABEL_OF = [
  ['namespace', LABEL.namespace],
  ['workloadKind', ALERT_LABEL.workloadKind],
  ['workload', ALERT_LABEL.workloadName],
  ['server', LABEL.serverName],
  ['route', LABEL.routeName],
] as const;

export function tuningOf({ name }: Pick<AlertKind, 'name'>, { alerts }: Pick<Settings, 'alerts'>): AlertTuning {
  return alerts.get(name) ?? { enabled: true, threshold: null, severity: null, for: null };
}
