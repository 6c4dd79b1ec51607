/** Incidents as they are kept: what a person triages. Plain data, so that every store keeps it the same way. */
import { createHash } from 'node:crypto';
import type { RequestTrace, Source, Symptom } from '../evidence/facts.ts';
import type { IncidentKind, KeySelection, KeyWorkload } from '../evidence/key.ts';
import type { OverTime } from '../evidence/over-time.ts';
import type { Counts } from '../evidence/tally.ts';
import type { ClientTls } from '../policy/evaluation.ts';
import type { AuthorizationRef, RouteRef, ServerRef } from '../policy/inbound.ts';
import type { Instant } from '../policy/resource.ts';
import type { RemedyVerdict } from '../remedies/remedy.ts';

export type IncidentState = 'open' | 'acknowledged' | 'resolved';

export interface Transition {
  readonly at: Instant;
  /** null: it was opened. */
  readonly from: IncidentState | null;
  readonly to: IncidentState;
  /** A person's name, or `denywhy`. */
  readonly actor: string;
  readonly reason: string;
}

/** The answer for the incident as a whole: its first client's, in one sentence. */
export interface Answer {
  readonly sentence: string;
  /** `Kind namespace/name` of the object that decided. */
  readonly object: string | null;
  /** The first finding's diagnosis, and how sure it is; null: no cause was found. */
  readonly finding: { readonly id: string; readonly certainty: 'certain' | 'likely' | 'possible' } | null;
  /** The client that was denied most, as `namespace/name`, identity or address; null: unknown. Older answers have none. */
  readonly client?: string | null;
  readonly at: Instant;
}

/** What is to be done about an incident, in short; `title` is the first remedy's, else the first reason. */
export interface IncidentWayOut {
  readonly verdict: RemedyVerdict;
  readonly title: string | null;
  /** Whose it is; null: nobody's in particular. */
  readonly client: string | null;
}

/** Never another port, pod or client in the key: those are listed inside. A null part is one that no source has said yet. */
export interface Incident {
  readonly id: string;
  readonly cluster: string;
  readonly namespace: string | null;
  readonly workload: KeyWorkload | null;
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  /** null: an alert opened it that does not say. */
  readonly kind: IncidentKind | null;
  readonly port: number | null;
  readonly admin: boolean;
  readonly pods: readonly string[];
  readonly state: IncidentState;
  /** Opened by an alert; no fact has come yet. */
  readonly waitingForEvidence: boolean;
  readonly openedAt: Instant;
  /** When new evidence last came in, by our clock. */
  readonly activeAt: Instant;
  /** By the evidence's own clock. */
  readonly firstSeen: Instant | null;
  readonly lastSeen: Instant | null;
  /** Denials, each once: what counters grew by; lines where no counter counts. */
  readonly count: number;
  /** When, of those of which it is known; absent: of none. */
  readonly over?: OverTime;
  /** Sums over the clients: what counters grew by, what log lines were seen, what counters showed before their first reading. */
  readonly counted: { readonly metrics: number; readonly logs: number; readonly before: number };
  /** An identity that a counter saw and an address that a log saw may be one. */
  readonly clients: number;
  /** Denials of clients beyond the bound. */
  readonly beyond: number;
  /** Symptoms: what the source said. */
  readonly details: readonly string[];
  /** Ids of the alerts that fire for it. */
  readonly alerts: readonly string[];
  readonly muted: boolean;
  readonly transitions: readonly Transition[];
  /** Grows with every change that an explanation depends on. */
  readonly evidence: number;
  /** The `evidence` and the policy revision that the answer stands for; 0: none yet. */
  readonly explained: number;
  readonly explainedPolicy: string;
  /** How many explanations were made; each is one revision for other programs. */
  readonly answers: number;
  readonly answer: Answer | null;
  /** null: not explained yet. */
  readonly wayOut: IncidentWayOut | null;
}

/** One client of one incident. */
export interface IncidentClient {
  readonly incident: string;
  readonly ip: string | null;
  readonly tls: ClientTls | null;
  readonly pod: string | null;
  readonly logs: Counts;
  readonly metrics: Counts;
  readonly requests: readonly RequestTrace[];
  readonly didNotApply: readonly AuthorizationRef[];
  readonly sources: readonly Source[];
  readonly error: string | null;
  /** Samples of what was told, those told last; absent: it is about denials. */
  readonly symptoms?: readonly KeptSymptom[];
}

/** Symptoms that differ in their times and counts only. */
export interface KeptSymptom {
  readonly sample: Symptom;
  readonly count: number;
  readonly first: Instant | null;
  readonly last: Instant | null;
}

/** One alert, by its fingerprint. */
export interface AlertState {
  readonly id: string;
  readonly name: string | null;
  readonly status: 'firing' | 'resolved';
  readonly startsAt: Instant | null;
  readonly endsAt: Instant | null;
  readonly lastSeen: Instant;
  readonly labels: Readonly<Record<string, string>>;
  readonly selects: KeySelection;
  readonly incidents: readonly string[];
}

/** Expected denials: kept quiet, but counted. */
export interface Mute {
  readonly id: string;
  readonly author: string;
  readonly reason: string;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
  readonly target: KeySelection;
  /** null: whoever. */
  readonly client: { readonly identity: string | null; readonly ip: string | null } | null;
}

/** How much is kept of each thing that could grow without end. */
export interface TriageBounds {
  readonly clientsPerIncident: number;
  readonly clientsExplained: number;
  readonly pods: number;
  readonly alerts: number;
  readonly transitions: number;
  readonly details: number;
  readonly incidentsPerSlot: number;
}
export const BOUNDS: TriageBounds = {
  clientsPerIncident: 1000,
  clientsExplained: 100,
  pods: 100,
  alerts: 100,
  transitions: 100,
  details: 20,
  incidentsPerSlot: 200,
};

/** A short id that any store and queue may use as a key: a letter, then hex. */
export function hashId(prefix: string, parts: readonly unknown[]): string {
  return `${prefix}${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 20)}`;
}

/** Under which a pod waits for its workload. */
export function waitingId(cluster: string, namespace: string, pod: string): string {
  return hashId('w', [cluster, namespace, pod]);
}

/** What incidents are found by. */
export function tagsOf(incident: Incident): readonly string[] {
  const active = incident.state === 'resolved' ? [] : ['active', ...(incident.namespace === null ? [] : [`active:${incident.namespace}`])];
  const dirty = incident.explained < incident.evidence ? ['unexplained'] : [];
  return [
    `state:${incident.state}`,
    ...active,
    ...dirty,
    ...(incident.namespace === null ? [] : [`namespace:${incident.namespace}`]),
    ...(incident.kind === null ? [] : [`kind:${incident.kind}`]),
  ];
}

export function moved(incident: Incident, to: IncidentState, at: Instant, actor: string, reason: string, bounds: TriageBounds): Incident {
  const transition: Transition = { at, from: incident.state, to, actor, reason };
  return { ...incident, state: to, transitions: [...incident.transitions, transition].slice(-bounds.transitions) };
}
