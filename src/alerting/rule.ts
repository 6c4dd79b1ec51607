/** Rules as Prometheus reads them (prometheus.io/docs/prometheus/latest/configuration/recording_rules). Field names are the file's own. */
import type { Promql } from './promql.ts';

export interface RecordingRule {
  readonly record: string;
  readonly expr: Promql;
}

export interface AlertingRule {
  readonly alert: string;
  readonly expr: Promql;
  readonly for?: string;
  readonly keep_firing_for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export type Rule = RecordingRule | AlertingRule;

export interface RuleGroup {
  readonly name: string;
  readonly interval?: string;
  readonly query_offset?: string;
  readonly rules: readonly Rule[];
}

/** Text that Prometheus would take for a template is shown as it stands: labels and annotations are Go templates. */
export function literal(text: string): string {
  return text.replaceAll('{{', '{{ "{{" }}');
}
