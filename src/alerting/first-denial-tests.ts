/** The first denial, a rollout, a restart and a gap, each as promtool plays it: what must fire and what must not. */
import { LABEL, METRIC } from '../evidence/conventions.ts';
import type { IncidentKind } from '../evidence/key.ts';
import type { AlertKind } from './alert-kind.ts';
import { DENIED_ALERTS } from './denied-alerts.ts';
import { type Case, cases, type Pod } from './first-denial-cases.ts';
import type { AlertName } from './names.ts';
import { levelOf, type RecordingId, recordName } from './recordings.ts';
import type { Settings } from './settings.ts';
import {
  type Behaviour,
  behaviourOf,
  CLIENT,
  clockOf,
  expected,
  input,
  keyOfLabels,
  type Labels,
  podOf,
  ROUTE,
  SERVER,
  stepsOf,
  target,
  type UnitTest,
  withKind,
} from './unit-test.ts';

interface Family {
  readonly alert: AlertName;
  readonly recording: RecordingId;
  readonly metric: string;
  readonly labels: Labels;
  readonly kind: IncidentKind;
  /** Every case, or those that any counter must pass. */
  readonly isThorough: boolean;
}

const AUDITED: Labels = { ...SERVER, authz_kind: 'default', authz_name: 'audit', ...CLIENT };

const FAMILIES: readonly Family[] = [
  {
    alert: 'LinkerdRequestsDenied',
    recording: 'httpDeny',
    metric: METRIC.httpDeny,
    labels: { ...SERVER, ...ROUTE, ...CLIENT },
    kind: 'http-denied',
    isThorough: true,
  },
  {
    alert: 'LinkerdConnectionsDenied',
    recording: 'tcpDeny',
    metric: METRIC.tcpDeny,
    labels: { ...SERVER, ...CLIENT },
    kind: 'tcp-denied',
    isThorough: false,
  },
  {
    alert: 'LinkerdRouteNotFound',
    recording: 'routeNotFound',
    metric: METRIC.routeNotFound,
    labels: { ...SERVER, ...CLIENT },
    kind: 'route-not-found',
    isThorough: false,
  },
  {
    alert: 'LinkerdConnectionsTerminated',
    recording: 'tcpTerminate',
    metric: METRIC.tcpTerminate,
    labels: { ...SERVER, ...CLIENT },
    kind: 'terminated',
    isThorough: false,
  },
  {
    alert: 'LinkerdRateLimited',
    recording: 'rateLimited',
    metric: METRIC.rateLimited,
    labels: { ...SERVER, ratelimit_name: 'limit', ratelimit_scope: 'total', ...CLIENT },
    kind: 'rate-limited',
    isThorough: false,
  },
  {
    alert: 'LinkerdAuditHits',
    recording: 'httpAudit',
    metric: METRIC.httpAllow,
    labels: { ...AUDITED, ...ROUTE },
    kind: 'audit-allowed',
    isThorough: false,
  },
  { alert: 'LinkerdAuditHits', recording: 'tcpAudit', metric: METRIC.tcpAllow, labels: AUDITED, kind: 'audit-allowed', isThorough: false },
  {
    alert: 'LinkerdConnectionsRefusedBeforePolicy',
    recording: 'tcpErrors',
    metric: METRIC.tcpErrors,
    labels: { error: 'unexpected', target_port: '8080' },
    kind: 'refused-before-policy',
    isThorough: false,
  },
];

/** For every alert about denied traffic that is on. */
export function firstDenialTests(settings: Settings): readonly UnitTest[] {
  const clock = clockOf(settings);
  return FAMILIES.flatMap((family) => {
    const alert = DENIED_ALERTS.find(({ name }) => name === family.alert);
    const key = keyOfLabels(family.labels, levelOf(family.recording), settings);
    const behaviour = alert === undefined ? null : behaviourOf(alert, settings, key);
    if (alert === undefined || behaviour === null) return [];
    return cases(Math.floor(behaviour.threshold) + 1, clock.window, clock)
      .filter(({ isThorough }) => family.isThorough || !isThorough)
      .map((played) => unitTest(played, family, alert, behaviour, settings));
  });
}

function unitTest({ name, pods, counts }: Case, family: Family, alert: AlertKind, behaviour: Behaviour, settings: Settings): UnitTest {
  const clock = clockOf(settings);
  const labels = withKind(keyOfLabels(family.labels, levelOf(family.recording), settings), family.kind);
  const wait = stepsOf(behaviour.for, clock);
  const stays = stepsOf(behaviour.keepFiringFor, clock);
  const lastFiring = counts.findLastIndex(([, count]) => count > 0);
  const firstFiring = counts.findIndex(([, count]) => count > 0);
  const record = recordName(family.recording, settings);
  const alertTests = counts
    // An alert that waits is not firing yet when its condition is first true.
    .filter(([step, count]) => count === 0 || step >= (counts[firstFiring]?.[0] ?? 0) + wait)
    .map(([step, count]) => ({
      alertname: alert.name,
      eval_time: clock.at(step),
      exp_alerts: count === 0 ? [] : [expected(alert, settings, behaviour.severity, labels, count)],
    }));
  const end = lastFiring < 0 ? null : clock.at(Math.max(...counts.map(([step]) => step)) + clock.window + stays + 1);
  const last = end === null ? [] : [{ alertname: alert.name, eval_time: end, exp_alerts: [] }];
  return {
    name: `${family.metric}: ${name}`,
    interval: clock.at(1),
    input_series: pods.flatMap((pod) => seriesOf(pod, family, settings)).filter(isFirst),
    alert_rule_test: [...alertTests, ...last],
    promql_expr_test: counts.map(([step, count]) => ({
      expr: record,
      eval_time: clock.at(step),
      exp_samples: count === 0 ? [] : [{ labels: input(record, labels, '').series, value: count }],
    })),
  };
}

function seriesOf({ name, counter, labels, up, start }: Pod, family: Family, settings: Settings) {
  const { [LABEL.serverPort]: _, ...more } = labels ?? {};
  const pod = podOf(settings, name);
  const own = { ...family.labels, ...(family.labels[LABEL.serverPort] === undefined ? more : labels) };
  return [input(family.metric, { ...pod, ...own }, counter), ...(up === null || start === null ? [] : target(pod, up, start))];
}

function isFirst({ series }: { readonly series: string }, index: number, all: readonly { readonly series: string }[]): boolean {
  return all.findIndex((other) => other.series === series) === index;
}
