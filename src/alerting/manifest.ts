/** The rules as files: the operator's custom resource, or what Prometheus itself loads. */
import { InvalidInput } from '../errors.ts';
import type { RuleGroup } from './rule.ts';
import { written } from './written.ts';

/** The operator refuses more (prometheus-operator `pkg/operator/rules.go`, half of what a ConfigMap holds). */
export const MAX_RULES_BYTES = 512 * 1024;

export interface RuleMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

const RULE_API = { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule' } as const;

/** What Prometheus loads by `rule_files`. Errors: InvalidInput (too large). */
export function ruleFile(groups: readonly RuleGroup[]): string {
  const text = written({ groups });
  const bytes = new TextEncoder().encode(text).byteLength;
  if (bytes <= MAX_RULES_BYTES) return text;
  throw new InvalidInput(
    `the rules have ${Math.ceil(bytes / 1024)} KiB; the operator takes ${MAX_RULES_BYTES / 1024} KiB.`,
    'Shorten the mutes and overrides of the tuning file: one that names a namespace does the work of many that name its Servers.',
  );
}

/** A PrometheusRule. Errors: InvalidInput (too large). */
export function ruleManifest(groups: readonly RuleGroup[], metadata: RuleMetadata): string {
  ruleFile(groups);
  return written({ ...RULE_API, metadata, spec: { groups } });
}
