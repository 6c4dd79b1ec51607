/** Prometheus and Alertmanager as they are configured: opened with the service, told of its webhooks and answers, and closed with it. */
import type { Config } from '../config-schema.ts';
import { createAlertmanager } from '../drivers/alertmanager.ts';
import { createPrometheus } from '../drivers/metrics-prometheus.ts';
import { createUpstream, type Upstream } from '../drivers/upstream.ts';
import type { Heard } from '../http/options.ts';
import type { Instant } from '../policy/resource.ts';
import type { Alertmanager, Prometheus, Store } from '../ports.ts';
import type { Logger, Metrics } from '../telemetry.ts';
import type { TriageBounds } from '../triage/incident.ts';
import type { Intake } from '../triage/intake.ts';
import { dropSources } from '../triage/sources.ts';
import { KUBERNETES } from './cluster-status.ts';
import { alertmanagerId, startAlertmanager } from './service-alertmanager.ts';
import { PROMETHEUS, startPrometheus } from './service-prometheus.ts';

/** Nobody has been asked anything yet. */
export interface Upstreams {
  readonly prometheus: Prometheus | null;
  readonly alertmanagers: readonly Alertmanager[];
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
  readonly isLeader: () => boolean;
  readonly now: () => Instant;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const ALERTMANAGER_ANSWER = 64 * 2 ** 20;

/** Errors: InvalidInput (files that cannot be read). */
export async function openUpstreams({ prometheus, alertmanager }: Config): Promise<Upstreams> {
  const opened = prometheus.url === '' ? null : await open('Prometheus', prometheus.url, prometheus, prometheus.answer);
  const peers: Alertmanager[] = [];
  for (const url of alertmanager.urls) peers.push(createAlertmanager(await open('Alertmanager', url, alertmanager, ALERTMANAGER_ANSWER)));
  return { prometheus: opened === null ? null : createPrometheus(opened), alertmanagers: peers };
}

function open(name: string, url: string, access: Config['prometheus'] | Config['alertmanager'], mostBytes: number): Promise<Upstream> {
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

export function startUpstreams({ prometheus, alertmanagers }: Upstreams, config: Config, options: Options): UpstreamWork {
  const { poll, pollAllowed, resume, series, cluster } = config.prometheus;
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
        });
  const { refresh, link } = config.alertmanager;
  const posting = alertmanagers.length === 0 ? null : startAlertmanager({ ...options, peers: alertmanagers, refresh, link });
  const configured = [
    ...(config.kubernetes.watch ? [KUBERNETES] : []),
    ...(prometheus === null ? [] : [PROMETHEUS]),
    ...alertmanagers.map((_, i) => alertmanagerId(i)),
  ];
  void dropSources(options.store, configured).catch((error: unknown) => options.logger.debug({ error }, 'old sources stay in status'));
  return {
    heard({ alerts, truncated, receiver }) {
      polling?.look(alerts);
      if (truncated > 0) posting?.truncated(receiver);
    },
    answered: () => posting?.answered(),
    cluster: () => polling?.cluster() ?? '',
    async stop() {
      await Promise.all([polling?.stop(), posting?.stop()]);
    },
  };
}
