/** How evidence changes an incident. Pure. */
import type { AlertFact } from '../evidence/alert.ts';
import { type IncidentKey, type IncidentKind, type KeySelection, selects } from '../evidence/key.ts';
import { earlier, later } from '../evidence/tally.ts';
import type { Labels } from '../policy/inbound.ts';
import type { Instant } from '../policy/resource.ts';
import type { FoldedClients } from './clients.ts';
import { type IncidentDelta, mergeOver } from './delta.ts';
import { type AlertState, hashId, type Incident, moved, type TriageBounds } from './incident.ts';

/** Where the incidents of one workload and kind are listed. An alert that says less has a slot of its own. */
export function slotId(key: Pick<Incident, 'cluster' | 'namespace' | 'workload' | 'kind'>): string {
  return hashId('s', [key.cluster, key.namespace, key.workload?.kind ?? null, key.workload?.name ?? null, key.kind]);
}

/** The slots in which evidence may find its incident: its own, then those of alerts that waited for it. */
export function slotsFor(delta: IncidentDelta): readonly string[] {
  const { cluster, namespace, workload, kind } = delta;
  const whole = { cluster, namespace, workload, kind };
  return [whole, { ...whole, kind: null }, { ...whole, workload: null }, { ...whole, workload: null, kind: null }].map(slotId);
}

/** The incident that the evidence belongs to; null: a new one. What a source lacks contradicts nothing; a full match goes first. */
export function incidentFor(delta: IncidentDelta, candidates: readonly Incident[]): Incident | null {
  let best: { incident: Incident; score: number } | null = null;
  for (const incident of candidates) {
    // An alert that waits for evidence of a denial must not be given to what is everyday.
    if (delta.isSign && incident.waitingForEvidence) continue;
    const score = matchScore(delta, incident);
    if (score !== null && (best === null || score > best.score || (score === best.score && incident.activeAt > best.incident.activeAt))) {
      best = { incident, score };
    }
  }
  return best?.incident ?? null;
}

function matchScore(delta: IncidentDelta, incident: Incident): number | null {
  if (incident.kind !== null && incident.kind !== delta.kind) return null;
  if (incident.workload !== null && (incident.workload.kind !== delta.workload.kind || incident.workload.name !== delta.workload.name))
    return null;
  if (isSymptom(delta.kind) && (incident.server !== null || incident.route !== null)) return null;
  const server = likeness(delta.server, incident.server);
  const route = likeness(delta.route, incident.route);
  if (server === null || route === null) return null;
  return server + route + (incident.kind === null ? 0 : 1) + (incident.workload === null ? 0 : 1) + (incident.waitingForEvidence ? 0 : 4);
}

/** A symptom names neither Server nor route, so what names one is about something else. */
function isSymptom(kind: IncidentKind): boolean {
  return !DENIALS.has(kind);
}
const DENIALS: ReadonlySet<IncidentKind> = new Set<IncidentKind>([
  'http-denied',
  'tcp-denied',
  'terminated',
  'route-not-found',
  'rate-limited',
  'audit-allowed',
  'admin-denied',
]);

/** null: two different ones; 2: the same; 0: one of them is not known. */
function likeness(a: Labels | null, b: Labels | null): number | null {
  if (a === null || b === null) return a === b ? 2 : 0;
  return a.kind === b.kind && a.name === b.name && a.group === b.group ? 2 : null;
}

export function openedBy(delta: IncidentDelta, now: Instant): Incident {
  const { cluster, namespace, workload, kind, server, route, port, admin } = delta;
  return {
    id: hashId('i', [cluster, namespace, workload, kind, server, route]),
    cluster,
    namespace,
    workload,
    server,
    route,
    kind,
    port,
    admin,
    pods: [],
    state: 'open',
    waitingForEvidence: false,
    openedAt: now,
    activeAt: now,
    firstSeen: null,
    lastSeen: null,
    count: 0,
    counted: { metrics: 0, logs: 0, before: 0 },
    clients: 0,
    beyond: 0,
    details: [],
    alerts: [],
    muted: false,
    transitions: [{ at: now, from: null, to: 'open', actor: 'denywhy', reason: 'first evidence' }],
    evidence: 0,
    explained: 0,
    explainedPolicy: '',
    answers: 0,
    answer: null,
    wayOut: null,
  };
}

export function withEvidence(incident: Incident, delta: IncidentDelta, kept: FoldedClients, now: Instant, bounds: TriageBounds): Incident {
  const clients = [...delta.clients.values()];
  const sum = (part: (c: (typeof clients)[number]) => number) => clients.reduce((total, c) => total + part(c), 0);
  const next: Incident = {
    ...incident,
    namespace: delta.namespace,
    workload: delta.workload,
    kind: delta.kind,
    server: incident.server ?? delta.server,
    route: incident.route ?? delta.route,
    port: incident.port ?? delta.port,
    admin: delta.admin,
    pods: [...new Set([...incident.pods, ...delta.pods])].slice(-bounds.pods),
    waitingForEvidence: false,
    activeAt: delta.isNew ? now : incident.activeAt,
    firstSeen: earlier(incident.firstSeen, delta.first),
    lastSeen: later(incident.lastSeen, delta.last),
    count: incident.count + kept.count,
    ...mergeOver(undefined, kept.over),
    counted: {
      metrics: incident.counted.metrics + sum((c) => c.metrics.count),
      logs: incident.counted.logs + sum((c) => c.logs.count),
      before: incident.counted.before + sum((c) => c.metrics.before),
    },
    clients: kept.clients,
    beyond: incident.beyond + kept.beyond,
    details: [...new Set([...incident.details, ...delta.details])].slice(-bounds.details),
    evidence: incident.evidence + 1,
  };
  return incident.state === 'resolved' && delta.isNew ? moved(next, 'open', now, 'denywhy', 'it came back', bounds) : next;
}

/** Opened by an alert that selects nothing that is open. The first fact takes it over. */
export function openedByAlert(selection: KeySelection, now: Instant): Incident {
  return {
    ...openedBy(
      {
        cluster: selection.cluster ?? '',
        namespace: selection.namespace ?? '',
        workload: selection.workload ?? { kind: '', name: '' },
        kind: selection.kind ?? 'http-denied',
        server: selection.server ?? null,
        route: selection.route ?? null,
        port: null,
        admin: false,
        pods: [],
        clients: new Map(),
        beyond: 0,
        details: [],
        isNew: true,
        isSign: false,
        first: null,
        last: null,
      },
      now,
    ),
    id: hashId('i', ['alert', selection]),
    namespace: selection.namespace ?? null,
    workload: selection.workload ?? null,
    kind: selection.kind ?? null,
    waitingForEvidence: true,
    transitions: [{ at: now, from: null, to: 'open', actor: 'alertmanager', reason: 'an alert fires, and no evidence has come yet' }],
    evidence: 1,
  };
}

function keyOfIncident(incident: Incident): IncidentKey | null {
  const { cluster, namespace, workload, server, route, kind } = incident;
  return kind === null ? null : { cluster, namespace, workload, server, route, kind };
}

/** True when the alert points at this incident; parts that either lacks contradict nothing. */
export function isSelected(selection: KeySelection, incident: Incident): boolean {
  if (incident.kind !== null && isSymptom(incident.kind) && (selection.server !== undefined || selection.route !== undefined)) return false;
  const key = keyOfIncident(incident);
  return key === null ? selects({ ...selection, kind: 'http-denied' }, { ...incident, kind: 'http-denied' }) : selects(selection, key);
}

export function withAlert(incident: Incident, alert: AlertState, now: Instant, bounds: TriageBounds): Incident {
  const others = incident.alerts.filter((id) => id !== alert.id);
  if (alert.status === 'resolved') return { ...incident, alerts: others };
  const next = { ...incident, alerts: [...others, alert.id].slice(-bounds.alerts), activeAt: now };
  return incident.state === 'resolved' ? moved(next, 'open', now, 'alertmanager', `alert ${alert.name ?? alert.id} fires`, bounds) : next;
}

export function alertId(alert: AlertFact): string {
  return hashId('a', [alert.fingerprint ?? [...alert.labels].sort()]);
}

/** What the alert is now. `changed` false: a repeat, or one that came late. */
export function nextAlert(
  known: AlertState | null,
  alert: AlertFact,
  now: Instant,
): { readonly state: AlertState; readonly changed: boolean } {
  const { name, status, startsAt, endsAt, selects: selection } = alert;
  const state: AlertState = {
    id: alertId(alert),
    name,
    status,
    startsAt,
    endsAt: status === 'firing' ? null : endsAt,
    lastSeen: now,
    labels: Object.fromEntries(alert.labels),
    selects: selection,
    incidents: known?.incidents ?? [],
  };
  if (known === null) return { state, changed: true };
  const isLate = newest(state) < newest(known) && !isBack(known, state, now);
  if (isLate) return { state: { ...known, lastSeen: now }, changed: false };
  return { state, changed: state.status !== known.status || state.startsAt !== known.startsAt };
}

/** Longer than a peer takes to send what it knew before: its group interval of five minutes, and its place among the peers. */
const LATEST_REPEAT = 10 * 60_000;

/** Prometheus was away for so long that its alert ended, and goes on with it as it began. */
function isBack(known: AlertState, { status }: AlertState, now: Instant): boolean {
  return status === 'firing' && known.status === 'resolved' && now - (known.endsAt ?? known.lastSeen) > LATEST_REPEAT;
}

/** Two peers may tell in any order; the later moment counts. */
function newest(alert: AlertState): Instant {
  return Math.max(alert.startsAt ?? 0, alert.endsAt ?? 0);
}

/** Resolved when nothing came for so long and no alert fires. */
export function isQuiet(incident: Incident, now: Instant, quietMilliseconds: number): boolean {
  return incident.state !== 'resolved' && incident.alerts.length === 0 && now - incident.activeAt >= quietMilliseconds;
}
