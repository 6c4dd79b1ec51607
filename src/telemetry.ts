/** denywhy's own metrics and log. Names follow prometheus.io/docs/practices/naming; label values come from closed lists only. */
import type { Writable } from 'node:stream';
import { type Logger as PinoLogger, pino } from 'pino';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/**
 * One JSON object per line. What comes from outside is a value in it, never a key or part of the message; no bodies, no headers, no tokens.
 */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

/** Longest text of one value: what is longer is cut. */
const LONGEST = 2000;

export function createLogger(destination: Writable, level: LogLevel): Logger {
  const logger: PinoLogger = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      serializers: { error: describeError },
    },
    destination,
  );
  return {
    error: (fields, message) => logger.error(cut(fields), message),
    warn: (fields, message) => logger.warn(cut(fields), message),
    info: (fields, message) => logger.info(cut(fields), message),
    debug: (fields, message) => logger.debug(cut(fields), message),
  };
}

function cut(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, typeof value === 'string' ? value.slice(0, LONGEST) : value]),
  );
}

/** Without the causes' own fields: clients put what they sent into them. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error).slice(0, LONGEST);
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  return { name: error.name, message: error.message.slice(0, LONGEST), ...code, stack: error.stack?.slice(0, LONGEST) };
}

export type Metrics = ReturnType<typeof createMetrics>;

/** Gauges that are read when somebody scrapes. */
export interface Readings {
  /** Incidents by state. null: the store does not answer. */
  incidents(): Promise<Readonly<Record<string, number>> | null>;
  /** Jobs by state. null: the queue does not answer. */
  jobs(): Promise<Readonly<Record<string, number>> | null>;
  /** Judgements by practice and state. null: no cluster is known, or it takes long. */
  posture(): Promise<readonly { readonly practice: string; readonly state: string; readonly count: number }[] | null>;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(version: string) {
  const registry = new Registry();
  const registers = [registry];
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = <T extends string>(name: string, help: string, labelNames: readonly T[] = [], buckets: number[] = SECONDS) =>
    new Histogram({ name, help, labelNames, registers, buckets });

  collectDefaultMetrics({ register: registry });
  gauge('denywhy_build_info', 'Always 1; the version that runs.', ['version']).set({ version }, 1);
  const incidents = gauge('denywhy_incidents', 'Incidents by state.', ['state']);
  const jobs = gauge('denywhy_queue_jobs', 'Jobs of the queue by state.', ['state']);
  const posture = gauge('denywhy_posture', 'Workloads, or namespaces where it is theirs, by practice and state.', ['practice', 'state']);
  const storeUp = gauge('denywhy_store_up', '1 while the store takes writes.');

  async function read(readings: Readings): Promise<void> {
    const [incidentCounts, jobCounts, judged] = await Promise.all([readings.incidents(), readings.jobs(), readings.posture()]);
    storeUp.set(incidentCounts === null ? 0 : 1);
    for (const [state, count] of Object.entries(incidentCounts ?? {})) incidents.set({ state }, count);
    for (const [state, count] of Object.entries(jobCounts ?? {})) jobs.set({ state }, count);
    for (const { practice, state, count } of judged ?? []) posture.set({ practice, state }, count);
  }

  return {
    contentType: registry.contentType,
    /** The whole page, as Prometheus reads it. */
    async page(readings: Readings): Promise<string> {
      await read(readings);
      return registry.metrics();
    },
    requests: counter('denywhy_http_requests_total', 'HTTP requests by route and status.', ['method', 'route', 'code']),
    requestSeconds: histogram('denywhy_http_request_duration_seconds', 'From the end of the headers to the end of the answer.', ['route']),
    refused: counter('denywhy_http_requests_refused_total', 'Requests that were refused before anything was read of them.', ['reason']),
    streams: gauge('denywhy_event_streams', 'Clients that read the stream of events.'),
    batches: counter('denywhy_intake_batches_total', 'Bodies by source and what became of them.', ['source', 'result']),
    alerts: counter('denywhy_intake_alerts_total', 'Alerts that came in.', ['result']),
    logLines: counter('denywhy_intake_log_lines_total', 'Log lines that came in.', ['result']),
    samples: counter('denywhy_intake_samples_total', 'Samples of metrics that came in.'),
    facts: counter('denywhy_intake_facts_total', 'Facts that were made of what came in.', ['type']),
    alertDelay: histogram(
      'denywhy_intake_alert_delay_seconds',
      'From the start of an alert until it was saved, the first time it came.',
      [],
      [1, 5, 15, 30, 60, 120, 300, 900, 3600],
    ),
    explanations: counter('denywhy_explanations_total', 'Explanations that were made.', ['result']),
    explanationSeconds: histogram('denywhy_explanation_duration_seconds', 'To explain one incident and save the answer.'),
    publications: counter('denywhy_publications_total', 'Explained revisions that were handed to the queues for other programs.', [
      'result',
    ]),
    policyRevisions: counter('denywhy_policy_revisions_total', 'Changes of the policy that were seen.'),
    policyFaults: counter('denywhy_policy_read_failures_total', 'Readings of the policy that failed; the last good one stays in force.'),
    policyReadAt: gauge('denywhy_policy_last_read_timestamp_seconds', 'When the policy was last read without a fault.'),
    clusterKinds: gauge('denywhy_cluster_kinds', 'Kinds of the cluster by how it goes with following them.', ['state']),
    leader: gauge('denywhy_leader', '1 while this process does the timed work.'),
    polls: counter('denywhy_prometheus_polls_total', 'Polls of Prometheus.', ['result']),
    pollSeconds: histogram('denywhy_prometheus_poll_duration_seconds', 'One poll of Prometheus, until its facts are saved.'),
    pollLag: gauge('denywhy_prometheus_lag_seconds', 'From the newest scrape that Prometheus showed to the poll.'),
    alertPosts: counter('denywhy_alertmanager_posts_total', 'Explained incidents that were handed to Alertmanager.', ['result']),
    timedFaults: counter('denywhy_timed_work_failures_total', 'Timed work that failed and is tried again.', ['work']),
  };
}
