/** An alert that names Server or client is a denial without a count: enough to ask the law, where logs and counters are not at hand. */
import type { ClientTls } from '../policy/evaluation.ts';
import type { Instant } from '../policy/resource.ts';
import type { AlertFact } from './alert.ts';
import { ADMIN_PORT, ALERT_LABEL, LABEL, METRIC, NO_INCIDENT } from './conventions.ts';
import type { Denial, DenialKind } from './facts.ts';
import { type IncidentKey, type IncidentKind, selects } from './key.ts';
import { clientTlsOf, labelOf, portOf, reporterOf, routeOf, serverOf } from './metrics-labels.ts';
import { tlsKey } from './tally.ts';

const NOWHERE = { cluster: '', namespace: null, pod: null, workload: null };

/** null: resolved, about no incident, or its labels name neither Server nor client. */
export function denialOfAlert(alert: AlertFact): Denial | null {
  const { labels, startsAt, name } = alert;
  const server = serverOf(labels);
  const tls = clientTlsOf(labels);
  if (alert.status === 'resolved' || labels.get(ALERT_LABEL.incidentKind) === NO_INCIDENT) return null;
  if (server === null && tls === null) return null;
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
function kindOfAlert({ selects, generatorURL }: AlertFact): DenialKind | null {
  const named = selects.kind === undefined ? undefined : KINDS.get(selects.kind);
  const [counter, ...more] = COUNTERS.filter(([metric]) => generatorURL.includes(metric));
  return named ?? (more.length === 0 ? (counter?.[1] ?? null) : null);
}

/** One denied thing as one client met it. */
export interface AlertCandidate extends Omit<IncidentKey, 'cluster' | 'kind'> {
  readonly kind: DenialKind;
  readonly admin: boolean;
  readonly first: Instant | null;
  readonly last: Instant | null;
}

/** Whether the alert's labels, counter and time agree with a denial; what the labels leave open agrees with everything, but not nothing at all. */
export function isAlertAbout(alert: AlertFact, candidate: AlertCandidate, tls: ClientTls | null): boolean {
  if (Object.keys(alert.selects).length === 0 || !isAtTimeOf(alert, candidate)) return false;
  const { namespace, workload, server, route, kind, admin } = candidate;
  const counted = kindOfAlert(alert);
  if (counted !== null && counted !== kind) return false;
  const came = clientTlsOf(alert.labels);
  if (came !== null && tls !== null && !mayBeSame(came, tls)) return false;
  const incident = admin && kind !== 'audit-allowed' ? 'admin-denied' : kind;
  return selects(alert.selects, { cluster: '', namespace, workload, server, route, kind: incident });
}

/** How a client without an identity came differs by port. */
function mayBeSame(a: ClientTls, b: ClientTls): boolean {
  return a.state === b.state && (a.state === 'none' || tlsKey(a) === tlsKey(b));
}

/** Rules look back some minutes: an alert may begin after the last denial. */
const LOOK_BACK_MS = 15 * 60_000;

function isAtTimeOf({ startsAt, endsAt }: AlertFact, { first, last }: AlertCandidate): boolean {
  if (startsAt !== null && last !== null && startsAt > last + LOOK_BACK_MS) return false;
  return endsAt === null || first === null || endsAt >= first;
}
