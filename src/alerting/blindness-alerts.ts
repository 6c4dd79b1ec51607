/** Alerts about what cannot be seen, and about denywhy itself. They are shown in status and are no incidents. */
import { ALERT_LABEL, METRIC, NO_INCIDENT } from '../evidence/conventions.ts';
import type { AlertKind, Condition } from './alert-kind.ts';
import { proxyJob } from './growth.ts';
import { byKey } from './key-labels.ts';
import {
  absent,
  binary,
  compare,
  equals,
  firstOf,
  isZero,
  type Matcher,
  number,
  overTime,
  type Promql,
  relabel,
  series,
  set,
} from './promql.ts';
import type { Settings } from './settings.ts';

const LABELS = { [ALERT_LABEL.incidentKind]: NO_INCIDENT } as const;

/** How far back failures of denywhy are looked for: several of its periods. */
const FAILURES_SECONDS = 900;

/** What Prometheus knows of the proxies is older than a scrape and a poll can explain. */
const LAG_SECONDS = 600;

/** Of `src/telemetry.ts`. */
export const DENYWHY_METRIC = {
  buildInfo: 'denywhy_build_info',
  storeUp: 'denywhy_store_up',
  policyFailures: 'denywhy_policy_read_failures_total',
  timedFailures: 'denywhy_timed_work_failures_total',
  jobs: 'denywhy_queue_jobs',
  polls: 'denywhy_prometheus_polls_total',
  pollLag: 'denywhy_prometheus_lag_seconds',
  alertPosts: 'denywhy_alertmanager_posts_total',
} as const;

const always = (expr: Promql): Condition => ({ expr, labels: LABELS });

const own = (metric: string, { denywhyJob }: Settings, more: readonly Matcher[] = []) =>
  series(metric, [equals('job', denywhyJob), ...more]);

export const BLINDNESS_ALERTS: readonly AlertKind[] = [
  {
    name: 'LinkerdDenialsInvisible',
    severity: 'warning',
    threshold: 0,
    for: 300,
    keepsFiring: false,
    about: 'blindness',
    summary: 'Prometheus cannot read proxies, so that no rule sees what they deny.',
    description:
      'Prometheus cannot scrape {{ $value }} proxies of {{ $labels.workload_kind }} {{ $labels.workload_name }} in namespace {{ $labels.namespace }}.',
    runbook: {
      meaning: [
        '`up` of proxies is 0, or there is no proxy among the targets at all (then the alert has no namespace).',
        'Policy itself can be the cause: a pod with default policy `deny` answers Prometheus with 403 on port 4191, even a meshed one.',
      ],
      impact: [
        'Every rule is blind for exactly these pods. Denials go on unseen, and alerts that fired are resolved although nothing is well.',
      ],
      diagnosis: [
        'The target’s last error in Prometheus: `server returned HTTP status 403 Forbidden` is policy; a timeout or a refused connection is a NetworkPolicy, a node, or the pod.',
      ],
      mitigation: [
        'Let Prometheus, by its ServiceAccount, read `/metrics` on the admin port: `linkerd viz allow-scrapes` writes the objects for the Prometheus of linkerd-viz.',
        'Where there is no proxy among the targets: `denywhy rules --prometheus URL` learns the job’s name.',
      ],
      command: 'denywhy explain -n NAMESPACE WORKLOAD --port 4191 --cluster dump.yaml',
    },
    conditions(_, threshold, settings) {
      const up = series(METRIC.up, [proxyJob(settings)]);
      return [always(firstOf([compare(byKey(isZero(up), settings, 'namespace_workload'), '>', threshold), absent(up)]))];
    },
  },
  {
    name: 'DenywhyDown',
    severity: 'critical',
    threshold: null,
    for: 300,
    keepsFiring: false,
    about: 'denywhy',
    summary: 'denywhy is down.',
    description: 'Prometheus has seen no running denywhy for some minutes.',
    runbook: {
      meaning: ['No target of denywhy’s job is up: it does not run, it is not scraped, or the scrape is denied.'],
      impact: ['Alerts arrive without an answer. Alertmanager repeats what it could not deliver, so nothing that still fires is lost.'],
      diagnosis: ['`kubectl get pods` and the last lines of its log; `/readyz` says in one sentence what it waits for.'],
      mitigation: [
        'Bring it back; it resumes where it stopped.',
        'Without a running denywhy this alert is of no use: set `alerts.DenywhyDown.enabled: false` in the tuning file.',
      ],
      command: 'denywhy config',
    },
    conditions: (_, __, settings) => [always(absent(binary(own(METRIC.up, settings), '==', number(1))))],
  },
  {
    name: 'DenywhyBlind',
    severity: 'warning',
    threshold: null,
    for: 300,
    keepsFiring: false,
    about: 'denywhy',
    summary: 'denywhy runs, and does not do all of its work.',
    description: 'denywhy ({{ $labels.job }}) is hindered: {{ $labels.reason }}.',
    runbook: {
      meaning: [
        '`reason` says what fails: `store` (it takes no writes), `policy` (manifests or cluster cannot be read), `work` (timed work), `parked` (incidents whose explanation keeps failing), `prometheus` (it cannot be asked, or lags by 10 minutes), `alertmanager` (answers cannot be posted).',
      ],
      impact: ['Incidents are missing, old, or explained by a policy that is no longer in force.'],
      diagnosis: ['denywhy’s log names the fault and what to do about it; `/readyz` and `/api/v1/jobs` show its state.'],
      mitigation: ['Follow the log. Parked jobs run again when they are retried.'],
      command: 'denywhy config',
    },
    conditions(_, __, settings) {
      const reason = (expr: Promql, value: string) => relabel(expr, [set('reason', value, 'job', '.*')]);
      const failures = (metric: string, more: readonly Matcher[] = []) =>
        compare(overTime('increase', own(metric, settings, more), FAILURES_SECONDS), '>', 0);
      const failed = [equals('result', 'failed')];
      return [
        always(
          firstOf([
            reason(compare(own(DENYWHY_METRIC.storeUp, settings), '==', 0), 'store'),
            reason(failures(DENYWHY_METRIC.policyFailures), 'policy'),
            reason(failures(DENYWHY_METRIC.timedFailures), 'work'),
            reason(compare(own(DENYWHY_METRIC.jobs, settings, [equals('state', 'parked')]), '>', 0), 'parked'),
            reason(failures(DENYWHY_METRIC.polls, failed), 'prometheus'),
            reason(compare(own(DENYWHY_METRIC.pollLag, settings), '>', LAG_SECONDS), 'prometheus'),
            reason(failures(DENYWHY_METRIC.alertPosts, failed), 'alertmanager'),
          ]),
        ),
      ];
    },
  },
];
