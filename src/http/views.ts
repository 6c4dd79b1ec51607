/** What is stored, as the API shows it: the same, with times as RFC 3339. */
import type * as z from 'zod';
import type { Instant } from '../policy/resource.ts';
import { showInstant } from '../policy/time.ts';
import type { ParkedJob, StoredEvent } from '../ports.ts';
import type { CountedClient } from '../triage/clients.ts';
import type { ObservationDelta } from '../triage/delta.ts';
import type { Incident, IncidentClient, Mute } from '../triage/incident.ts';
import { shortSeries } from '../triage/series.ts';
import type { TrafficRow } from './options.ts';
import type { trafficRow } from './policy-shapes.ts';
import type * as shapes from './schemas.ts';

type Shown<S extends z.ZodType> = z.input<S>;

export function showIncident(incident: Incident): Shown<typeof shapes.incident> {
  const { over: _, ...shown } = incident;
  const { openedAt, activeAt, firstSeen, lastSeen, transitions, answer, wayOut = null } = shown;
  return {
    ...mutable(shown),
    openedAt: showInstant(openedAt),
    activeAt: showInstant(activeAt),
    firstSeen: time(firstSeen),
    lastSeen: time(lastSeen),
    transitions: transitions.map((t) => ({ ...t, at: showInstant(t.at) })),
    wayOut,
    answer: answer === null ? null : { client: null, ...answer, finding: answer.finding ?? null, at: showInstant(answer.at) },
  };
}

export function showWithSeries(incident: Incident): Shown<typeof shapes.incident> {
  const over = shortSeries(incident);
  const series = over === undefined ? null : { from: showInstant(over.start), step: over.step / 1000, denied: [...over.counts] };
  return { ...showIncident(incident), series };
}

export function showClient({
  client: { incident: _, symptoms: __, ...client },
  count,
  countedBy,
}: CountedClient): Shown<typeof shapes.client> {
  return { ...mutable(client), count, countedBy, logs: showCounts(client.logs), metrics: showCounts(client.metrics) };
}

function showCounts({ count, before, first, last }: IncidentClient['logs']) {
  return { count, before, first: time(first), last: time(last) };
}

export function showMute(mute: Mute): Shown<typeof shapes.mute> {
  return { ...mutable(mute), createdAt: showInstant(mute.createdAt), expiresAt: showInstant(mute.expiresAt) };
}

export function showObservation(observation: ObservationDelta): Shown<typeof shapes.observation> {
  const { over: _, ...shown } = observation;
  return { ...mutable(shown), first: time(observation.first), last: time(observation.last) };
}

export function showTraffic({ id: _, sort: __, last, parts, ...row }: TrafficRow): Shown<typeof trafficRow> {
  return { ...mutable(row), last: time(last), parts: parts.map((part) => ({ ...mutable(part), last: time(part.last) })) };
}

export function showParked(job: ParkedJob): Shown<typeof shapes.parkedList>['items'][number] {
  return { ...job, at: showInstant(job.at) };
}

export function showEvent({ sequence, value }: StoredEvent): Shown<typeof shapes.event> {
  const { incident } = value as unknown as { readonly incident: Incident };
  return { sequence, type: 'incident', incident: showIncident(incident) };
}

/** As `JSON.stringify` takes it: the API never changes what it shows. */
type Mutable<T> = T extends readonly (infer E)[] ? Mutable<E>[] : T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;

function mutable<T>(value: T): Mutable<T> {
  return value as Mutable<T>;
}

function time(at: Instant | null): string | null {
  return at === null ? null : showInstant(at);
}
