/** Prometheus, Alertmanager and logs as they are configured: opened with the service, told of its webhooks and answers, and closed with it. */
import type { Config } from '../config-schema.ts';
import { createAlertmanager } from '../drivers/alertmanager.ts';
import { openKubernetes } from '../drivers/kubernetes-client.ts';
import { createKubernetesLogs } from '../drivers/logs-kubernetes.ts';
import { createLokiLogs } from '../drivers/logs-loki.ts';
import { createPrometheus } from '../drivers/metrics-prometheus.ts';
import { createUpstream, type Upstream } from '../drivers/upstream.ts';
import type { Heard } from '../http/options.ts';
import type { Instant } from '../policy/resource.ts';
import type { Alertmanager, Logs, Prometheus, Store } from '../ports.ts';
import type { Logger, Metrics } from '../telemetry.ts';
import type { TriageBounds } from '../triage/incident.ts';
import type { Intake } from '../triage/intake.ts';
import { dropSources } from '../triage/sources.ts';
import { KUBERNETES } from './cluster-status.ts';
import { alertmanagerId, startAlertmanager } from './service-alertmanager.ts';
import { LOGS, type LogsWorkOptions, startLogs } from './service-logs.ts';
import { PROMETHEUS, startPrometheus } from './service-prometheus.ts';

/** Nobody has been asked anything yet. */
export interface Upstreams {
  /** Prometheus, to be asked for its rules. */
  readonly rules: Upstream | null;
  readonly prometheus: Prometheus | null;
  readonly alertmanagers: readonly Alertmanager[];
  readonly logs: Logs | null;
}

export interface UpstreamWork {
  heard(heard: Heard): void;
  /** An answer is new. */
  answered(): void;
  /** Of facts that name none; empty: nobody knows. */
  cluster(): string;
  stop(): Promise<void>;
}

interface Options {
  readonly store: Store;
  readonly intake: Intake;
  readonly bounds: TriageBounds;
  readonly pods: LogsWorkOptions['pods'];
  readonly isLeader: () => boolean;
  readonly now: () => Instant;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const ALERTMANAGER_ANSWER = 64 * 2 ** 20;
const LOKI_ANSWER = 64 * 2 ** 20;

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Instant;
}

/** Errors: InvalidInput (files that cannot be read). */
export async function openUpstreams(config: Config, surroundings: Surroundings): Promise<Upstreams> {
  const { prometheus, alertmanager } = config;
  const opened = prometheus.url === '' ? null : await open('Prometheus', prometheus.url, prometheus, prometheus.answer);
  const peers: Alertmanager[] = [];
  for (const url of alertmanager.urls) peers.push(createAlertmanager(await open('Alertmanager', url, alertmanager, ALERTMANAGER_ANSWER)));
  return {
    rules: opened,
    prometheus: opened === null ? null : createPrometheus(opened),
    alertmanagers: peers,
    logs: await openLogs(config, surroundings),
  };
}

/** null: no namespace is named. */
async function openLogs({ logs, loki, kubernetes }: Config, { env, now }: Surroundings): Promise<Logs | null> {
  if (logs.namespaces.length + logs.follow.length === 0) return null;
  if (loki.url === '')
    return createKubernetesLogs(openKubernetes({ kubeconfig: kubernetes.kubeconfig || null, context: kubernetes.context || null, env }));
  const tenant = loki.tenant === '' ? [] : [['X-Scope-OrgID', loki.tenant] as const];
  const upstream = await open('Loki', loki.url, { ...loki, headers: [...loki.headers, ...tenant] }, LOKI_ANSWER);
  const labels = { namespace: loki.namespaceLabel, pod: loki.podLabel, container: loki.containerLabel };
  return createLokiLogs({ upstream, labels, now, every: loki.poll });
}

type Access = Config['prometheus'] | Config['alertmanager'] | Config['loki'];

function open(name: string, url: string, access: Access, mostBytes: number): Promise<Upstream> {
  const { credentials, credentialsFile, username, password, headers, caFile, certFile, keyFile, serverName, insecure, timeout } = access;
  const orNull = (text: string) => (text === '' ? null : text);
  return createUpstream({
    name,
    url,
    credentials: {
      bearer: orNull(credentials),
      bearerFile: orNull(credentialsFile),
      basic: username === '' ? null : { username, password },
    },
    headers: new Map(headers),
    tls: { ca: orNull(caFile), certificate: orNull(certFile), key: orNull(keyFile), serverName: orNull(serverName), isVerified: !insecure },
    timeout,
    mostBytes,
  });
}

export function startUpstreams({ prometheus, alertmanagers, logs }: Upstreams, config: Config, options: Options): UpstreamWork {
  const { poll, pollAllowed, resume, series, cluster } = config.prometheus;
  const { namespaces, follow, back, pods: mostPods, bytes: mostBytes, followed: mostFollowed } = config.logs;
  const reading =
    logs === null
      ? null
      : startLogs({ ...options, logs, namespaces, follow, back, mostPods, mostBytes, mostFollowed, hasCounters: prometheus !== null });
  const polling =
    prometheus === null
      ? null
      : startPrometheus({
          ...options,
          prometheus,
          cluster,
          ownCluster: config.cluster.name,
          every: poll,
          everyAllowed: pollAllowed,
          resume,
          mostSeries: series,
          looked: (alert) => reading?.counted(alert),
        });
  const { refresh, link } = config.alertmanager;
  const posting = alertmanagers.length === 0 ? null : startAlertmanager({ ...options, peers: alertmanagers, refresh, link });
  const configured = [
    ...(config.kubernetes.watch ? [KUBERNETES] : []),
    ...(prometheus === null ? [] : [PROMETHEUS]),
    ...alertmanagers.map((_, i) => alertmanagerId(i)),
    ...(logs === null ? [] : [LOGS]),
  ];
  void dropSources(options.store, configured).catch((error: unknown) => options.logger.debug({ error }, 'old sources stay in status'));
  return {
    heard({ alerts, truncated, receiver }) {
      polling?.look(alerts);
      reading?.look(alerts);
      if (truncated > 0) posting?.truncated(receiver);
    },
    answered: () => posting?.answered(),
    cluster: () => polling?.cluster() ?? '',
    async stop() {
      await Promise.all([polling?.stop(), posting?.stop(), reading?.stop()]);
    },
  };
}
