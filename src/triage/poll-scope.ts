/** Counters that are read together, and at other times than the others: a proxy is known to each scope for itself. */
import { DEFAULT_KIND, LABEL, METRIC } from '../evidence/conventions.ts';
import { labelOf } from '../evidence/metrics-labels.ts';
import { isSideMetric } from '../evidence/metrics-side.ts';
import type { TargetSeries } from '../evidence/metrics-targets.ts';

/** What was denied; side evidence; what was allowed. */
export const POLL_SCOPES = ['denied', 'side', 'allowed'] as const;
export type PollScope = (typeof POLL_SCOPES)[number];

/** Audit hits are denials to be, and read with them. */
export function scopeOf({ metric, labels }: Pick<TargetSeries, 'metric' | 'labels'>): PollScope {
  if (isSideMetric(metric)) return 'side';
  if (metric !== METRIC.httpAllow && metric !== METRIC.tcpAllow) return 'denied';
  return labelOf(labels, LABEL.authzKind) === DEFAULT_KIND && labelOf(labels, LABEL.authzName) === 'audit' ? 'denied' : 'allowed';
}
