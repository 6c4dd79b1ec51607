/** What was sent, what was acknowledged, and what must therefore be in the incidents. */
import type { PlannedBatch } from './plan.ts';

export interface Sent {
  readonly batch: PlannedBatch;
  /** Alerts: the batch whose alert this one ends; null: it fires its own. */
  readonly ends: Sent | null;
  readonly request: { readonly path: string; readonly headers: Readonly<Record<string, string>>; readonly body: string };
  isAcknowledged: boolean;
}

export const SERVER = 'backend-http';
const NAMESPACE = 'kill';

export function workloadName(index: number): string {
  return `w${index}`;
}

/** One pod of each workload says what it denied in its log, one in its counters. */
function podName(index: number, kind: 'logs' | 'metrics'): string {
  return `w${index}-${kind}`;
}

export function ownClient({ id }: PlannedBatch): string {
  return identity(`own-${id}`);
}

export function sharedClient(workload: number): string {
  return identity(`shared-${workload}`);
}

function identity(account: string): string {
  return `${account}.${NAMESPACE}.serviceaccount.identity.linkerd.cluster.local`;
}

/** As Alertmanager makes it of the labels; here it only has to be the alert's own. */
export function fingerprintOf({ id }: PlannedBatch): string {
  return id.toString(16).padStart(16, '0');
}

export interface Ledger {
  readonly sent: readonly Sent[];
  /** Makes the request of a batch, as it is when it is sent first. */
  add(batch: PlannedBatch): Sent;
}

export function createLedger(): Ledger {
  const sent: Sent[] = [];
  /** A counter never forgets: a page holds what all earlier pages of its target held. */
  const counters = new Map<number, PlannedBatch[]>();
  const ended = new Set<Sent>();

  function toEnd(batch: PlannedBatch): Sent | null {
    if (!batch.resolves) return null;
    const isOpen = (s: Sent) => s.batch.kind === 'alerts' && s.batch.workload === batch.workload && s.ends === null && s.isAcknowledged;
    const found = sent.find((s) => isOpen(s) && !ended.has(s)) ?? null;
    if (found !== null) ended.add(found);
    return found;
  }

  return {
    sent,
    add(batch) {
      const ends = batch.kind === 'alerts' ? toEnd(batch) : null;
      const counted = [...(counters.get(batch.workload) ?? []), batch];
      if (batch.kind === 'metrics') counters.set(batch.workload, counted);
      const one: Sent = { batch, ends, request: requestOf(batch, ends, counted), isAcknowledged: false };
      sent.push(one);
      return one;
    },
  };
}

function requestOf(batch: PlannedBatch, ends: Sent | null, counted: readonly PlannedBatch[]): Sent['request'] {
  const key: Readonly<Record<string, string>> = batch.hasKey ? { 'Idempotency-Key': `batch ${batch.id}` } : {};
  switch (batch.kind) {
    case 'logs': {
      const headers = { ...key, 'Content-Type': 'text/plain', ...reporter(batch, batch.namesWorkload) };
      return { path: '/api/v1/logs', headers, body: logOf(batch) };
    }
    case 'metrics': {
      const headers = { ...key, 'Content-Type': 'text/plain', ...reporter(batch, true) };
      return { path: '/api/v1/metrics', headers, body: pageOf(batch.workload, counted) };
    }
    case 'alerts': {
      const headers = { ...key, 'Content-Type': 'application/json' };
      return { path: '/api/v1/webhooks/alertmanager', headers, body: JSON.stringify(webhookOf(batch, ends)) };
    }
  }
}

function reporter({ workload, kind }: PlannedBatch, namesWorkload: boolean): Readonly<Record<string, string>> {
  const pod = podName(workload, kind === 'metrics' ? 'metrics' : 'logs');
  const named = namesWorkload ? { 'X-Denywhy-Workload': `Deployment/${workloadName(workload)}` } : {};
  return { 'X-Denywhy-Namespace': NAMESPACE, 'X-Denywhy-Pod': pod, ...named };
}

function logOf(batch: PlannedBatch): string {
  const line = (client: string, i: number) =>
    `[${(batch.id + i / 1000).toFixed(6).padStart(12)}s]  INFO ThreadId(01) inbound:server{port=8080}: linkerd_app_inbound::policy::http: Request denied server.group=policy.linkerd.io server.kind=server server.name=${SERVER} route.group= route.kind=default route.name=default client.tls=Some(Established { client_id: Some(ClientId(Dns(Name("${client}")))), negotiated_protocol: None }) client.ip=10.42.0.7\n`;
  const own = Array.from({ length: batch.own }, (_, i) => line(ownClient(batch), i));
  const shared = Array.from({ length: batch.shared }, (_, i) => line(sharedClient(batch.workload), batch.own + i));
  return [...own, ...shared].join('');
}

/** The page that a target shows before its first denial: after it, a series that appears counts from zero. */
export function firstPageOf(workload: number): Sent['request'] {
  const pod = podName(workload, 'metrics');
  const headers = { 'Content-Type': 'text/plain', 'X-Denywhy-Namespace': NAMESPACE, 'X-Denywhy-Pod': pod };
  return { path: '/api/v1/metrics', headers, body: pageOf(workload, []) };
}

function pageOf(workload: number, counted: readonly PlannedBatch[]): string {
  const series = (client: string, value: number) =>
    `inbound_http_authz_deny_total{srv_group="policy.linkerd.io",srv_kind="server",srv_name="${SERVER}",srv_port="8080",route_group="",route_kind="default",route_name="default",tls="true",client_id="${client}"} ${value}\n`;
  const shared = counted.reduce((sum, batch) => sum + batch.shared, 0);
  return [
    '# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1795426045\n# TYPE inbound_http_authz_deny_total counter\n',
    ...counted.map((batch) => series(ownClient(batch), batch.own)),
    ...(shared === 0 ? [] : [series(sharedClient(workload), shared)]),
  ].join('');
}

/** Says of which workload the pod is whose log it was, in case no batch has said it. */
export function namingLogOf(workload: number, id: number): PlannedBatch {
  return {
    id,
    kind: 'logs',
    workload,
    own: 1,
    shared: 1,
    hasKey: true,
    namesWorkload: true,
    resolves: false,
    isRepeated: false,
    isAbandoned: false,
  };
}

const FIRST_START = Date.parse('2026-11-23T09:00:00Z');

function webhookOf(batch: PlannedBatch, ends: Sent | null): unknown {
  const about = ends?.batch ?? batch;
  const startsAt = new Date(FIRST_START + about.id * 1000).toISOString();
  const endsAt = ends === null ? '0001-01-01T00:00:00Z' : new Date(FIRST_START + batch.id * 1000).toISOString();
  const status = ends === null ? 'firing' : 'resolved';
  const server = { srv_group: 'policy.linkerd.io', srv_kind: 'server', srv_name: SERVER };
  // Some alerts say less than the key of an incident.
  const labels = {
    alertname: `Denied${about.id}`,
    namespace: NAMESPACE,
    deployment: workloadName(about.workload),
    ...(about.own > 2 ? server : {}),
  };
  const alert = { status, labels, annotations: {}, startsAt, endsAt, generatorURL: '', fingerprint: fingerprintOf(about) };
  return { version: '4', groupKey: '{}:{}', status, receiver: 'denywhy', externalURL: '', alerts: [alert] };
}
