/** The table of denywhy's own metrics in docs/operations.md: `node test/metrics-table.ts` prints it. */
import { createMetrics } from '../src/telemetry.ts';

/** When to look at it; the others are for graphs. */
const LOOK_AT: Readonly<Record<string, string>> = {
  denywhy_store_up: '0: nothing can be accepted; senders get 503 and try again',
  denywhy_http_requests_refused_total: '`unauthorized`: a sender has the wrong token, and its alerts may be lost',
  denywhy_intake_alerts_total: '`quarantined`: something sends alerts that are none; `GET /api/v1/quarantine`',
  denywhy_intake_log_lines_total: '`unparsed`: another container’s log, or a version of Linkerd that is not known yet',
  denywhy_intake_alert_delay_seconds: 'above `group_wait` and `group_interval` of its route: Alertmanager retries, or is late',
  denywhy_queue_jobs:
    '`parked`: explanations that keep failing; `GET /api/v1/jobs/parked` says why. `waiting` that grows: `queue.concurrency`',
  denywhy_posture:
    '`not` grows: `denywhy posture`, or `GET /api/v1/posture`, says where. Replicas say the same: take the maximum. Some minutes old',
  denywhy_explanations_total: '`failed`',
  denywhy_publications_total: '`trimmed`: nobody takes the jobs of a queue in time, and the oldest are dropped',
  denywhy_policy_read_failures_total: 'it grows: the last good policy stays in force',
  denywhy_policy_last_read_timestamp_seconds: 'old, with `cluster.manifests`',
  denywhy_cluster_kinds: '`failing`: status says which kind and why',
  denywhy_leader: 'the sum over replicas is not 1 for longer than a minute',
  denywhy_prometheus_polls_total: '`failed`',
  denywhy_prometheus_lag_seconds: 'above two scrape intervals: what is denied is known so much later',
  denywhy_alertmanager_posts_total: '`failed`: answers do not reach people',
  denywhy_timed_work_failures_total: 'it grows',
};

export async function metricsTable(): Promise<string> {
  const metrics = createMetrics('0');
  const page = await metrics.page({ incidents: async () => ({}), jobs: async () => ({}), posture: async () => [] });
  const rows = [...page.matchAll(/^# HELP (denywhy_\S+) (.*)$/gm)].map(([, name = '', help = '']) => [name, help, LOOK_AT[name] ?? '']);
  const known = new Set(rows.map(([name]) => name));
  const gone = Object.keys(LOOK_AT).filter((name) => !known.has(name));
  if (gone.length > 0) throw new Error(`there is no metric ${gone.join(', ')}`);
  return [
    '| metric | what it is | look at it when |',
    '| --- | --- | --- |',
    ...rows.map(([name, help, look]) => `| \`${name}\` | ${help} | ${look} |`),
  ].join('\n');
}

if (import.meta.main) process.stdout.write(`${await metricsTable()}\n`);
