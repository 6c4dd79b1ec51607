/** An alert that names Server or client is a denial without a count: enough to ask the law, where logs and counters are not at hand. */
import type { AlertFact } from './alert.ts';
import { ADMIN_PORT, LABEL, METRIC } from './conventions.ts';
import type { Denial, DenialKind } from './facts.ts';
import type { IncidentKind } from './key.ts';
import { clientTlsOf, labelOf, portOf, reporterOf, routeOf, serverOf } from './metrics-labels.ts';

const NOWHERE = { cluster: '', namespace: null, pod: null, workload: null };

/** null: resolved, or its labels name neither Server nor client. */
export function denialOfAlert(alert: AlertFact): Denial | null {
  const { labels, startsAt, name } = alert;
  const server = serverOf(labels);
  const tls = clientTlsOf(labels);
  if (alert.status === 'resolved' || (server === null && tls === null)) return null;
  const port = portOf(labels);
  return {
    type: 'denial',
    kind: kindOfAlert(alert) ?? 'http-denied',
    at: startsAt,
    reporter: reporterOf(labels, NOWHERE),
    server,
    route: routeOf(labels),
    port,
    admin: port === ADMIN_PORT,
    client: { ip: null, port: null, tls },
    request: null,
    count: 0,
    sinceBefore: false,
    error: null,
    didNotApply: [],
    source: { kind: 'alert', name: name ?? 'alert', line: null, raw: labelOf(labels, LABEL.error) },
  };
}

const KINDS: ReadonlyMap<IncidentKind, DenialKind> = new Map([
  ['http-denied', 'http-denied'],
  ['tcp-denied', 'tcp-denied'],
  ['terminated', 'terminated'],
  ['route-not-found', 'route-not-found'],
  ['rate-limited', 'rate-limited'],
  ['audit-allowed', 'audit-allowed'],
  ['admin-denied', 'http-denied'],
]);

const COUNTERS: readonly (readonly [metric: string, kind: DenialKind])[] = [
  [METRIC.httpDeny, 'http-denied'],
  [METRIC.tcpDeny, 'tcp-denied'],
  [METRIC.tcpTerminate, 'terminated'],
  [METRIC.routeNotFound, 'route-not-found'],
  [METRIC.rateLimited, 'rate-limited'],
];

/** By the label for it, else by the one counter that the rule's expression names; null: it names none, or several. */
export function kindOfAlert({ selects, generatorURL }: AlertFact): DenialKind | null {
  const named = selects.kind === undefined ? undefined : KINDS.get(selects.kind);
  const [counter, ...more] = COUNTERS.filter(([metric]) => generatorURL.includes(metric));
  return named ?? (more.length === 0 ? (counter?.[1] ?? null) : null);
}
