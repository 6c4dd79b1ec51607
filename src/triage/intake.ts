/**
 * Batches in, incidents out. A batch that was accepted is in its incidents, once, and on disk; one whose key is known changes nothing.
 * Batches that arrive while a commit is under way are folded together: one commit serves many senders.
 */
import type { AlertFact } from '../evidence/alert.ts';
import type { Fact } from '../evidence/facts.ts';
import { earlier, later } from '../evidence/tally.ts';
import type { Instant } from '../policy/resource.ts';
import type { Queue, Store } from '../ports.ts';
import {
  type BatchDelta,
  type ClientDelta,
  type DeltaContext,
  deltaOf,
  type IncidentDelta,
  mergeClients,
  type ObservationDelta,
} from './delta.ts';
import { alertId, incidentFor, isSelected, nextAlert, openedBy, openedByAlert, slotId, slotsFor, withAlert, withEvidence } from './fold.ts';
import { type AlertState, type Incident, type IncidentClient, type TriageBounds, tagsOf } from './incident.ts';
import { isMutedBy, type MuteList } from './mutes.ts';
import { createWorkingSet, type WorkingSet } from './working-set.ts';

export interface Batch {
  /** Idempotency key; null: this batch needs none. */
  readonly id: string | null;
  readonly facts: readonly Fact[];
  readonly alerts: readonly AlertFact[];
  /** Documents that must change with it and only with it: the counters' last readings, quarantined alerts. */
  readonly also?: (set: WorkingSet) => Promise<void>;
}

/** `known`: it was accepted before. */
export type Accepted = 'accepted' | 'known';

export interface Intake {
  /** Resolves when the batch is on disk. Errors: Unavailable. */
  accept(batch: Batch): Promise<Accepted>;
  /** Folds in what waited under this pod, once its workload is known. */
  settle(pods: readonly string[]): Promise<void>;
}

export interface IntakeOptions {
  readonly store: Store;
  readonly queue: Queue;
  readonly context: DeltaContext;
  readonly mutes: MuteList;
  readonly bounds: TriageBounds;
  readonly now: () => Instant;
  /** How long an idempotency key is remembered. */
  readonly rememberMilliseconds: number;
  /** Most batches that one commit serves. */
  readonly batchesPerCommit: number;
}

interface Waiting {
  readonly batch: Batch;
  readonly done: (accepted: Accepted) => void;
  readonly failed: (error: unknown) => void;
}

const MOST_CONFLICTS = 50;
const MOST_WAITING_FACTS = 1000;

export function createIntake(options: IntakeOptions): Intake {
  const { store, queue, now } = options;
  let waiting: Waiting[] = [];
  let running = false;

  async function drain(): Promise<void> {
    running = true;
    while (waiting.length > 0) {
      const group = waiting.slice(0, options.batchesPerCommit);
      waiting = waiting.slice(group.length);
      await serve(group);
    }
    running = false;
  }

  async function serve(group: readonly Waiting[]): Promise<void> {
    try {
      const known = await commitGroup(group.map((w) => w.batch));
      for (const w of group) w.done(w.batch.id !== null && known.has(w.batch.id) ? 'known' : 'accepted');
    } catch (error) {
      for (const w of group) w.failed(error);
    }
  }

  /** Returns the keys that were known. */
  async function commitGroup(batches: readonly Batch[]): Promise<ReadonlySet<string>> {
    const known = new Set<string>();
    for (let attempt = 0; attempt < MOST_CONFLICTS; attempt++) {
      const fresh = batches.filter((b, i) => b.id === null || (!known.has(b.id) && batches.findIndex((other) => other.id === b.id) === i));
      if (fresh.length === 0) return known;
      const set = createWorkingSet(store);
      const touched = await foldInto(set, fresh, options);
      const expiresAt = now() + options.rememberMilliseconds;
      const result = await set.commit(fresh.flatMap((b) => (b.id === null ? [] : [{ id: b.id, expiresAt }])));
      if (result === 'done') {
        // Saved is enough: what could not be queued now, the sweep finds.
        await queue.add(touched).catch(() => {});
        return known;
      }
      if (result !== 'conflict') for (const id of result.known) known.add(id);
    }
    throw new Error('too many conflicting writers on one incident');
  }

  return {
    accept: (batch) =>
      new Promise((done, failed) => {
        waiting.push({ batch, done, failed });
        if (!running) void drain();
      }),
    async settle(pods) {
      for (const pod of pods) {
        const [document] = await store.get('waiting', [pod]);
        if (document === undefined || document === null) continue;
        const { facts } = document.value as unknown as { readonly facts: readonly Fact[] };
        const also = async (set: WorkingSet) => {
          await set.load('waiting', [pod]);
          set.delete('waiting', pod);
        };
        await this.accept({ id: `settle ${pod} ${document.revision}`, facts, alerts: [], also });
      }
    },
  };
}

/** Stages everything that the batches change; returns the incidents that need a new explanation. */
async function foldInto(set: WorkingSet, batches: readonly Batch[], options: IntakeOptions): Promise<readonly string[]> {
  const touched = new Set<string>();
  const delta = deltaOf(
    batches.flatMap((b) => b.facts),
    options.context,
  );
  await foldIncidents(set, delta.incidents, options, touched);
  await foldAlerts(
    set,
    batches.flatMap((b) => b.alerts),
    options,
    touched,
  );
  await foldObservations(set, delta.observations);
  await keepWaiting(set, delta);
  for (const batch of batches) await batch.also?.(set);
  return [...touched];
}

async function foldIncidents(
  set: WorkingSet,
  deltas: readonly IncidentDelta[],
  options: IntakeOptions,
  touched: Set<string>,
): Promise<void> {
  await set.load('slots', deltas.flatMap(slotsFor));
  const idsIn = (slot: string) => set.get<{ readonly incidents: readonly string[] }>('slots', slot)?.incidents ?? [];
  await set.load(
    'incidents',
    deltas.flatMap((d) => slotsFor(d).flatMap(idsIn)),
  );
  for (const delta of deltas) {
    const candidates = slotsFor(delta)
      .flatMap(idsIn)
      .map((id) => set.get<Incident>('incidents', id))
      .filter((i) => i !== null);
    const found = incidentFor(delta, candidates);
    if (found === null && !delta.isNew) continue;
    const incident = found ?? openedBy(delta, options.now());
    if (found === null) await set.load('incidents', [incident.id]);
    const kept = await foldClients(set, incident, delta.clients, options.bounds);
    const next = withEvidence(
      incident,
      delta,
      { clients: kept.clients, beyond: kept.beyond + delta.beyond },
      options.now(),
      options.bounds,
    );
    putIncident(set, { ...next, muted: isMutedBy(options.mutes.current(), next, [...delta.clients.values()], incident.muted) });
    if (found === null || slotId(found) !== slotId(next)) await enterSlot(set, next, options.bounds);
    touched.add(next.id);
  }
}

async function enterSlot(set: WorkingSet, incident: Incident, bounds: TriageBounds): Promise<void> {
  const slot = slotId(incident);
  await set.load('slots', [slot]);
  const incidents = set.get<{ readonly incidents: readonly string[] }>('slots', slot)?.incidents ?? [];
  if (!incidents.includes(incident.id)) set.put('slots', slot, { incidents: [...incidents, incident.id].slice(-bounds.incidentsPerSlot) });
}

async function foldClients(
  set: WorkingSet,
  incident: Incident,
  clients: ReadonlyMap<string, ClientDelta>,
  bounds: TriageBounds,
): Promise<{ readonly clients: number; readonly beyond: number }> {
  const ids = [...clients.keys()].map((key) => `${incident.id}/${key}`);
  await set.load('clients', ids);
  let count = incident.clients;
  let beyond = 0;
  for (const [key, delta] of clients) {
    const id = `${incident.id}/${key}`;
    const known = set.get<IncidentClient>('clients', id);
    if (known === null && count >= bounds.clientsPerIncident) {
      beyond += delta.logs.count + delta.metrics.count;
      continue;
    }
    if (known === null) count++;
    const next: IncidentClient = { incident: incident.id, ...(known === null ? delta : mergeClients(known, delta)) };
    set.put('clients', id, next, { tags: [`incident:${incident.id}`], sort: next.metrics.last ?? next.logs.last ?? 0 });
  }
  return { clients: count, beyond };
}

export function putIncident(set: WorkingSet, incident: Incident): void {
  set.put('incidents', incident.id, incident, { tags: tagsOf(incident), sort: incident.activeAt });
}

async function foldAlerts(set: WorkingSet, alerts: readonly AlertFact[], options: IntakeOptions, touched: Set<string>): Promise<void> {
  await set.load('alerts', alerts.map(alertId));
  for (const alert of alerts) {
    const { state, changed } = nextAlert(set.get<AlertState>('alerts', alertId(alert)), alert, options.now());
    const incidents = changed ? await attach(set, state, options, touched) : state.incidents;
    const next = { ...state, incidents };
    set.put('alerts', next.id, next, { tags: [`status:${next.status}`], sort: next.lastSeen });
  }
}

/** Puts the alert on every incident it selects that is not resolved; a firing one that finds none opens one. Returns their ids. */
async function attach(set: WorkingSet, alert: AlertState, options: IntakeOptions, touched: Set<string>): Promise<readonly string[]> {
  const { namespace } = alert.selects;
  if (namespace === undefined && alert.selects.workload === undefined) return alert.incidents;
  const active = await options.store.list('incidents', {
    tag: namespace === undefined ? 'active' : `active:${namespace}`,
    limit: MOST_SELECTED,
  });
  const ids = new Set([...alert.incidents, ...active.map((d) => d.id)]);
  await set.load('incidents', ids);
  const attached: string[] = [];
  for (const id of ids) {
    const incident = set.get<Incident>('incidents', id);
    if (incident === null || (!alert.incidents.includes(id) && !isSelected(alert.selects, incident))) continue;
    putIncident(set, withAlert(incident, alert, options.now(), options.bounds));
    attached.push(id);
  }
  if (attached.length > 0 || alert.status === 'resolved') return attached;
  const opened = withAlert(openedByAlert(alert.selects, options.now()), alert, options.now(), options.bounds);
  await set.load('incidents', [opened.id]);
  const before = set.get<Incident>('incidents', opened.id);
  putIncident(set, before === null ? opened : withAlert(before, alert, options.now(), options.bounds));
  await enterSlot(set, opened, options.bounds);
  touched.add(opened.id);
  return [opened.id];
}
const MOST_SELECTED = 1000;

async function foldObservations(set: WorkingSet, observations: readonly ObservationDelta[]): Promise<void> {
  await set.load(
    'observations',
    observations.map((o) => o.id),
  );
  for (const observed of observations) {
    const known = set.get<ObservationDelta>('observations', observed.id);
    const next =
      known === null
        ? observed
        : {
            ...known,
            count: known.count + observed.count,
            port: known.port ?? observed.port,
            first: earlier(known.first, observed.first),
            last: later(known.last, observed.last),
          };
    set.put('observations', observed.id, next, {
      tags: next.namespace === null ? [] : [`namespace:${next.namespace}`],
      sort: next.last ?? 0,
    });
  }
}

/** Facts whose workload nobody knows wait under their pod, the latest of them. */
async function keepWaiting(set: WorkingSet, { homeless }: BatchDelta): Promise<void> {
  await set.load('waiting', homeless.keys());
  for (const [pod, facts] of homeless) {
    const before = set.get<{ readonly facts: readonly Fact[] }>('waiting', pod)?.facts ?? [];
    set.put('waiting', pod, { facts: [...before, ...facts].slice(-MOST_WAITING_FACTS) }, { sort: 0 });
  }
}
