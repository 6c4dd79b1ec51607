/**
 * The chain of the alarm loop, of real programs: Prometheus scrapes a proxy's page and evaluates the generated rules, two Alertmanagers in a cluster
 * call denywhy and a receiver, and denywhy posts its answers to both.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ruleFile } from '../../src/alerting/manifest.ts';
import { rulePack } from '../../src/alerting/pack.ts';
import { DEFAULTS } from '../../src/alerting/settings.ts';
import { openSqlite } from '../../src/drivers/sqlite.ts';
import { createRedisStore } from '../../src/drivers/store-redis.ts';
import { createSqliteStore } from '../../src/drivers/store-sqlite.ts';
import type { Incident } from '../../src/triage/incident.ts';
import { startAlertmanagers, startReceiver, type TestAlertmanagers } from '../alertmanager.ts';
import { freePort } from '../ports.ts';
import { startExporter, startPrometheus, type TestPrometheus, waitFor } from '../prometheus.ts';
import { startRedis, type TestRedis } from '../redis.ts';
import { startService } from '../service.ts';

/** Of an incident, as the API shows it. */
interface Shown {
  readonly kind: string;
  readonly state: string;
  readonly server: { readonly name: string } | null;
  readonly counted: { readonly metrics: number };
  readonly alerts: readonly string[];
  readonly answer: { readonly sentence: string } | null;
}

interface Source {
  readonly id: string;
  readonly state: string;
  readonly at: string;
}

export interface AlarmChain {
  readonly prometheus: TestPrometheus;
  readonly pair: TestAlertmanagers;
  /** The proxy denies some more requests of a client, at a Server. */
  deny(server: string, client: string, more: number): void;
  /** An alert that comes from elsewhere: denywhy's status code. */
  alert(server: string): Promise<number>;
  /** Ends denywhy at once. */
  kill(): Promise<void>;
  /** Begins it anew; resolves when it takes requests. */
  begin(): Promise<void>;
  /** All; none while denywhy does not answer. */
  incidents(): Promise<readonly Shown[]>;
  about(server: string): Promise<readonly Shown[]>;
  /** As they are stored, also while denywhy is gone. */
  stored(server: string): Promise<readonly Incident[]>;
  /** What status says of Prometheus. */
  source(): Promise<Source | undefined>;
  /** How many answers about a Server each Alertmanager holds. */
  explained(server: string): Promise<readonly number[]>;
  /** The Alertmanagers told people so. */
  notified(server: string, alert: string, status: 'firing' | 'resolved'): boolean;
  stop(): Promise<void>;
}

const TARGET = { namespace: 'production', pod: 'backend-1', deployment: 'backend' };
const PREFIX = 'chain';
/** Seconds. An alert outlasts the time that another process needs to take over, and ends within the test. */
const SETTINGS = { ...DEFAULTS, window: 10, lookback: 120, keepFiringFor: 60 };

export async function startChain(driver: 'sqlite' | 'redis'): Promise<AlarmChain> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-chain-'));
  const proxy = proxyPage();
  const redis = driver === 'redis' ? await startRedis({ 'maxmemory-policy': 'noeviction', appendfsync: 'always' }) : null;
  const receiver = await startReceiver();
  const exporter = await startExporter(proxy.text());
  const port = await freePort();
  const webhook = `http://127.0.0.1:${port}/api/v1/webhooks/alertmanager`;
  const pair = await startAlertmanagers(2, [webhook, receiver.url]);
  const peers = pair.peers.map(({ url }) => url);
  const prometheus = await startPrometheus('linkerd-proxy', [{ exporter, labels: TARGET }], ruleFile(rulePack(SETTINGS).groups), {
    alertmanagers: peers.map((url) => new URL(url).host),
  });
  const env = {
    DENYWHY_STORE_DRIVER: driver,
    DENYWHY_STORE_DIRECTORY: directory,
    ...(redis === null ? {} : { DENYWHY_REDIS_URL: redis.url, DENYWHY_REDIS_PREFIX: PREFIX }),
    DENYWHY_PROMETHEUS_URL: prometheus.url,
    DENYWHY_PROMETHEUS_POLL: '1s',
    DENYWHY_ALERTMANAGER_URLS: peers.join(','),
    DENYWHY_ALERTMANAGER_REFRESH: '1s',
    DENYWHY_TRIAGE_QUIET: '5s',
  };
  let service = startService({ port, directory, env });
  const read = async <T>(path: string): Promise<readonly T[]> => {
    const answer = await fetch(`${service.url}${path}`).catch(() => null);
    return answer?.status === 200 ? ((await answer.json()) as { items: readonly T[] }).items : [];
  };
  const incidents = () => read<Shown>('/api/v1/incidents?limit=100');
  await service.ready();
  await proxyIsKnown(prometheus);
  return {
    prometheus,
    pair,
    deny(server, client, more) {
      proxy.deny(server, client, more);
      exporter.text = proxy.text();
    },
    async alert(server) {
      const labels = { alertname: 'Elsewhere', ...TARGET, srv_group: 'policy.linkerd.io', srv_kind: 'server', srv_name: server };
      const body = JSON.stringify({ version: '4', alerts: [{ status: 'firing', labels, startsAt: new Date().toISOString() }] });
      return (await fetch(webhook, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })).status;
    },
    kill: () => service.kill(),
    begin() {
      service = startService({ port, directory, env });
      return service.ready();
    },
    incidents,
    about: async (server) => (await incidents()).filter((incident) => incident.server?.name === server),
    stored: async (server) => (await storedIn(directory, redis)).filter((incident) => incident.server?.name === server),
    source: async () => (await read<Source>('/api/v1/status')).find(({ id }) => id === 'prometheus'),
    explained: (server) =>
      Promise.all(
        pair.peers.map(async (peer) => {
          const alerts = await peer.alerts().catch(() => []);
          return alerts.filter(({ labels }) => labels['alertname'] === 'DenywhyExplained' && labels['srv_name'] === server).length;
        }),
      ),
    notified: (server, name, status) =>
      receiver.bodies
        .flatMap(({ alerts }) => alerts)
        .some((alert) => alert.labels['alertname'] === name && alert.labels['srv_name'] === server && alert.status === status),
    async stop() {
      await service.kill();
      await prometheus.stop();
      await pair.stop();
      await receiver.close();
      await exporter.close();
      await redis?.remove();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The page of one proxy, one day old. */
function proxyPage() {
  const started = Math.floor(Date.now() / 1000) - 86_400;
  const denials = new Map<string, number>();
  return {
    deny(server: string, client: string, more: number) {
      const labels = `target_addr="10.42.0.16:8080",target_ip="10.42.0.16",target_port="8080",srv_group="policy.linkerd.io",srv_kind="server",srv_name="${server}",srv_port="8080",route_group="",route_kind="default",route_name="default",tls="true",client_id="${client}.production.serviceaccount.identity.linkerd.cluster.local"`;
      denials.set(labels, (denials.get(labels) ?? 0) + more);
    },
    text() {
      const lines = [...denials].map(([labels, count]) => `inbound_http_authz_deny_total{${labels}} ${count}\n`);
      return `process_start_time_seconds ${started}\nproxy_build_info{version="2.366.0"} 1\n${lines.join('')}`;
    },
  };
}

/** The rule of a first denial asks that the proxy was seen before it. */
async function proxyIsKnown(prometheus: TestPrometheus): Promise<void> {
  const known = encodeURIComponent(`max_over_time(up[${SETTINGS.lookback}s] offset ${SETTINGS.window}s) == 1`);
  const isKnown = async () => ((await prometheus.ask(`/api/v1/query?query=${known}`)) as { result: unknown[] }).result.length > 0;
  if (!(await waitFor(isKnown, 60_000))) throw new Error('Prometheus has not seen the proxy');
}

async function storedIn(directory: string, redis: TestRedis | null): Promise<readonly Incident[]> {
  const store =
    redis === null
      ? createSqliteStore(openSqlite(join(directory, 'denywhy.db')), Date.now)
      : await createRedisStore({ url: redis.url, timeout: 3000, prefix: PREFIX });
  try {
    const all = await store.list('incidents', { limit: 1000 });
    return all.map(({ value }) => value as unknown as Incident);
  } finally {
    await store.close();
  }
}
