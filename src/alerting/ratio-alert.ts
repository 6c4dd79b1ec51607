/** Much of what comes is denied. Few denials say nothing about a ratio, hence the floor. */
import { ALERT_LABEL } from '../evidence/conventions.ts';
import type { IncidentKind } from '../evidence/key.ts';
import type { AlertKind, Condition, Scope } from './alert-kind.ts';
import { matchersOf } from './alert-kind.ts';
import { scoped } from './denied-alerts.ts';
import { keyLabels } from './key-labels.ts';
import { binary, combine, compare, equals, number } from './promql.ts';
import { levelOf, type RecordingId, ratio, recorded } from './recordings.ts';
import type { Settings } from './settings.ts';

export const RATIO_ALERT: AlertKind = {
  name: 'LinkerdDenialRatioHigh',
  severity: 'critical',
  threshold: 0.05,
  for: 300,
  keepsFiring: false,
  about: 'denied',
  summary: 'A high share of the traffic is denied by Linkerd policy.',
  description:
    '{{ $labels.workload_kind }} {{ $labels.workload_name }} in namespace {{ $labels.namespace }} denies {{ $value | humanizePercentage }} of what comes to Server {{ $labels.srv_name }}.',
  runbook: {
    meaning: [
      'Of all requests or connections to one Server (or one of its routes), the named share was denied for some minutes, and it was more than a few.',
    ],
    impact: ['A client that used to get in is most likely shut out: this is what an outage by policy looks like.'],
    diagnosis: [
      'LinkerdRequestsDenied or LinkerdConnectionsDenied fires for the same labels and began earlier: its start is the moment to look at.',
      'Denials that are as they should be (a scanner, say) belong among the mutes of the tuning file, so that they do not count here.',
    ],
    mitigation: ['Undo the change of policy that began it, or add exactly the permission that is missing.'],
    command: `kubectl logs -n NAMESPACE WORKLOAD -c linkerd-proxy --tail=-1 \\
  | denywhy explain -n NAMESPACE WORKLOAD --cluster dump.yaml`,
  },
  conditions: (scope, threshold, settings) => [
    condition('http-denied', 'httpDeny', 'httpAllow', scope, threshold, settings),
    condition('tcp-denied', 'tcpDeny', 'tcpAllow', scope, threshold, settings),
  ],
};

function condition(
  kind: IncidentKind,
  denied: RecordingId,
  allowed: RecordingId,
  scope: Scope,
  threshold: number,
  settings: Settings,
): Condition {
  const on = keyLabels(settings, levelOf(denied));
  const { only } = scope;
  const deniedHere = scoped(denied, scope, settings, [equals(ALERT_LABEL.incidentKind, kind)]);
  const share = compare(ratio(deniedHere, recorded(allowed, settings, matchersOf(only)), on), '>', threshold);
  const enough = binary(deniedHere, '>=', number(settings.ratioFloor));
  return { expr: combine(share, 'and', enough, on), labels: { [ALERT_LABEL.incidentKind]: kind } };
}
