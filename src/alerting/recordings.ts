/**
 * What was denied and allowed within the window, by incident: the alerts' and the dashboard's ground.
 * Names: level:metric:operation (prometheus.io/docs/practices/rules).
 */
import { ADMIN_PORT, ERROR_BEFORE_POLICY, LABEL, METRIC } from '../evidence/conventions.ts';
import type { IncidentKind } from '../evidence/key.ts';
import { AUDIT, growth, increase } from './growth.ts';
import { byKey, type Level } from './key-labels.ts';
import { binary, combine, differs, duration, isOneOf, type Matcher, type Promql, series } from './promql.ts';
import type { RecordingRule } from './rule.ts';
import type { Settings } from './settings.ts';

interface Recording {
  readonly metric: string;
  /** Of the record; the metric's without `_total`, unless it is only a part of it. */
  readonly name?: string;
  readonly level: Level;
  readonly matchers: readonly Matcher[];
  /** null: no denial, and then the first increment does not matter. */
  readonly kind: IncidentKind | null;
}

const ROUTED: Level = 'namespace_workload_server_route';
const SERVED: Level = 'namespace_workload_server';

/** Scrapes and probes are not the application's traffic. */
const NOT_ADMIN = [differs(LABEL.targetPort, String(ADMIN_PORT))];
const BEFORE_POLICY = [isOneOf(LABEL.error, ERROR_BEFORE_POLICY)];

const RECORDINGS = {
  httpDeny: { metric: METRIC.httpDeny, level: ROUTED, matchers: [], kind: 'http-denied' },
  tcpDeny: { metric: METRIC.tcpDeny, level: SERVED, matchers: [], kind: 'tcp-denied' },
  routeNotFound: { metric: METRIC.routeNotFound, level: SERVED, matchers: [], kind: 'route-not-found' },
  tcpTerminate: { metric: METRIC.tcpTerminate, level: SERVED, matchers: [], kind: 'terminated' },
  rateLimited: { metric: METRIC.rateLimited, level: SERVED, matchers: [], kind: 'rate-limited' },
  httpAudit: { metric: METRIC.httpAllow, name: 'inbound_http_authz_audit', level: ROUTED, matchers: AUDIT, kind: 'audit-allowed' },
  tcpAudit: { metric: METRIC.tcpAllow, name: 'inbound_tcp_authz_audit', level: SERVED, matchers: AUDIT, kind: 'audit-allowed' },
  tcpErrors: {
    metric: METRIC.tcpErrors,
    name: 'inbound_tcp_errors_before_policy',
    level: 'namespace_workload',
    matchers: BEFORE_POLICY,
    kind: 'refused-before-policy',
  },
  httpAllow: { metric: METRIC.httpAllow, level: ROUTED, matchers: NOT_ADMIN, kind: null },
  tcpAllow: { metric: METRIC.tcpAllow, level: SERVED, matchers: NOT_ADMIN, kind: null },
} as const satisfies Record<string, Recording>;

export type RecordingId = keyof typeof RECORDINGS;

export const RECORDING_IDS = Object.keys(RECORDINGS) as readonly RecordingId[];

/** The record's name. */
export function recordName(id: RecordingId, { window }: Pick<Settings, 'window'>): string {
  const recording: Recording = RECORDINGS[id];
  return `${recording.level}:${recording.name ?? recording.metric.replace(/_total$/, '')}:increase${duration(window)}`;
}

export function recorded(id: RecordingId, settings: Pick<Settings, 'window'>, matchers: readonly Matcher[] = []): Promql {
  return series(recordName(id, settings), matchers);
}

export function levelOf(id: RecordingId): Level {
  return RECORDINGS[id].level;
}

export function recordingRule(id: RecordingId, settings: Settings): RecordingRule {
  const { metric, matchers, level, kind }: Recording = RECORDINGS[id];
  const counted = kind === null ? increase(metric, matchers, settings) : growth(metric, matchers, settings);
  return { record: recordName(id, settings), expr: byKey(counted, settings, level, kind) };
}

/** Denied of all that came, by key; where nothing was allowed it is 1. */
export function ratio(denied: Promql, allowed: Promql, on: readonly string[]): Promql {
  return binary(denied, '/', combine(binary(denied, '+', allowed, on), 'or', denied, on), on);
}
