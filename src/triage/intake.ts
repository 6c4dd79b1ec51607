/**
 * Batches in, incidents out. A batch that was accepted is in its incidents, once, and on disk; one whose key is known changes nothing.
 * Batches that arrive while a commit is under way are folded together: one commit serves many senders.
 */
import { Unavailable } from '../errors.ts';
import type { AlertFact } from '../evidence/alert.ts';
import type { Fact } from '../evidence/facts.ts';
import { earlier, later } from '../evidence/tally.ts';
import type { Instant } from '../policy/resource.ts';
import type { Queue, Store } from '../ports.ts';
import { attachFiring, foldAlerts } from './alerts.ts';
import { foldClients, sameClientTags } from './clients.ts';
import { type DeltaContext, deltaOf, type IncidentDelta, mergeOver, type ObservationDelta } from './delta.ts';
import { incidentFor, openedBy, slotId, slotsFor, withEvidence } from './fold.ts';
import type { Incident, TriageBounds } from './incident.ts';
import { isMutedBy, type MuteList } from './mutes.ts';
import { enterSlot, putIncident } from './places.ts';
import { isAlone } from './signs.ts';
import { isSettled, keepWaiting, takeWaiting, WAITING_TAG, withWaiting } from './waiting.ts';
import { createWorkingSet, type WorkingSet } from './working-set.ts';

export interface Batch {
  /** Idempotency key; null: this batch needs none. */
  readonly id: string | null;
  readonly facts: readonly Fact[];
  readonly alerts: readonly AlertFact[];
  /**
   * Documents that must change with it and only with it (the counters' last readings, quarantined alerts), and the facts that they give. It may run
   * many times, each time on what is stored then.
   */
  readonly also?: (set: WorkingSet) => Promise<readonly Fact[]>;
}

/** `known`: it was accepted before. */
export type Accepted = 'accepted' | 'known';

export interface Intake {
  /** Resolves when the batch is on disk. Errors: Unavailable. */
  accept(batch: Batch): Promise<Accepted>;
  /** Folds in what waited under pods whose workload is known by now, and what waited since before `olderThan` under the pod itself. Returns how many pods. */
  settle(olderThan: Instant): Promise<number>;
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
/** Pods that one settling looks at. */
const MOST_SETTLED = 500;

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

  /** What is wrong with one batch must not refuse the others: then each goes alone. */
  async function serve(group: readonly Waiting[]): Promise<void> {
    try {
      const known = await commitGroup(group.map((w) => w.batch));
      for (const w of group) w.done(w.batch.id !== null && known.has(w.batch.id) ? 'known' : 'accepted');
    } catch (error) {
      if (group.length > 1 && !(error instanceof Unavailable)) for (const w of group) await serve([w]);
      else for (const w of group) w.failed(error);
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
    throw new Unavailable('too many writers change the same incidents', 'Send it again in a moment.');
  }

  return {
    accept: (batch) =>
      new Promise((done, failed) => {
        waiting.push({ batch, done, failed });
        if (!running) void drain();
      }),
    async settle(olderThan) {
      const documents = await store.list('waiting', { tag: WAITING_TAG.facts, oldestFirst: true, limit: MOST_SETTLED });
      let settled = 0;
      for (const { id, revision, sort, value } of documents) {
        const asPod = sort <= olderThan;
        if (!asPod && !isSettled(value, options.context)) continue;
        const also = (set: WorkingSet) => takeWaiting(set, id, asPod);
        if ((await this.accept({ id: `settle ${id} ${revision}`, facts: [], alerts: [], also })) === 'accepted') settled++;
      }
      return settled;
    },
  };
}

/** Stages everything that the batches change; returns the incidents that need a new explanation. */
async function foldInto(set: WorkingSet, batches: readonly Batch[], options: IntakeOptions): Promise<readonly string[]> {
  const touched = new Set<string>();
  const facts: Fact[] = [];
  for (const batch of batches) facts.push(...batch.facts, ...((await batch.also?.(set)) ?? []));
  const placed = await withWaiting(set, facts, options);
  const delta = deltaOf(placed.facts, placed.context);
  await foldIncidents(set, delta.incidents, options, touched);
  const alerts = batches.flatMap((b) => b.alerts);
  await foldAlerts(set, alerts, options, touched);
  await foldObservations(set, delta.observations);
  await keepWaiting(set, delta, options.now());
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
    const isLonely = await isAlone(set, delta);
    if (found === null && (!delta.isNew || isLonely)) continue;
    const incident = found ?? (await openFor(set, delta, options.now()));
    const kept = await foldClients(set, incident, delta.clients, delta.kind, options.bounds);
    const more = { ...kept, count: kept.count + delta.beyond, beyond: kept.beyond + delta.beyond };
    const next = withEvidence(incident, isLonely ? { ...delta, isNew: false } : delta, more, options.now(), options.bounds);
    const muted = isMutedBy(options.mutes.current(), next, [...delta.clients.values()], incident.muted || incident.clients === 0);
    putIncident(set, { ...next, muted });
    if (found === null || slotId(found) !== slotId(next)) await enterSlot(set, next, options.bounds);
    if (found === null) await attachFiring(set, next.id, options);
    touched.add(next.id);
  }
}

/** The incident of this key may be there and have fallen out of its slot, which holds so many only. */
async function openFor(set: WorkingSet, delta: IncidentDelta, now: Instant): Promise<Incident> {
  const opened = openedBy(delta, now);
  await set.load('incidents', [opened.id]);
  return set.get<Incident>('incidents', opened.id) ?? opened;
}

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
            ...mergeOver(known.over, observed.over),
          };
    const { cluster, client, namespace } = next;
    const tls = client.identity === null ? null : ({ state: 'established', clientId: client.identity } as const);
    set.put('observations', observed.id, next, {
      tags: [...(namespace === null ? [] : [`namespace:${namespace}`]), ...sameClientTags(cluster, { ip: client.ip, tls })],
      sort: next.last ?? 0,
    });
  }
}
