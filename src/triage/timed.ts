/** Work that time causes, done by one leader in bounded steps: quiet incidents end, lost work is found, what is old goes. */

import type { Instant } from '../policy/resource.ts';
import type { Collection, Cursor, Queue, Store, StoredDocument } from '../ports.ts';
import { changeIncident } from './actions.ts';
import { clientsTag, dropClients } from './clients.ts';
import { isQuiet } from './fold.ts';
import { type AlertState, type Incident, type IncidentClient, type Mute, moved, type TriageBounds } from './incident.ts';
import { applyMutes, isExpired, MOST_MUTES } from './mutes.ts';
import { leaveSlot, putIncident } from './places.ts';
import { WAITING_TAG } from './waiting.ts';
import { createWorkingSet } from './working-set.ts';

export interface Retention {
  readonly incidentsMilliseconds: number;
  readonly incidents: number;
  readonly observations: number;
  readonly alerts: number;
  readonly readings: number;
  readonly quarantine: number;
  /** Pods of which it is remembered which workload a fact named. */
  readonly pods: number;
  readonly events: number;
  readonly policyRevisions: number;
  /** Recorded changes of pods: who had which address when. */
  readonly podChanges: number;
}

export interface TimedOptions {
  readonly store: Store;
  readonly queue: Queue;
  readonly bounds: TriageBounds;
  readonly quietMilliseconds: number;
  readonly retention: Retention;
}

/** What marks a recorded change of the policy, beside the state that it led to. */
export const POLICY_REVISION_TAG = 'revision';
/** The same, of pods and what comes and goes with them. */
export const POD_CHANGE_TAG = 'pods';

/** Most documents that one step looks at or removes: a step never holds the store for long. */
const STEP = 500;
/** The rest is resolved in the next round. */
const MOST_RESOLVED = 2000;
/** Jobs that were parked stay so until somebody retries them: there are a few of them, or everything fails. */
const MOST_PARKED = 10_000;

/** Queues again what was saved and not queued when a process died: what has waited for longer than a queue takes. Returns how many. */
export async function sweep({ store, queue }: Pick<TimedOptions, 'store' | 'queue'>, olderThan: Instant): Promise<number> {
  const parked = new Set((await queue.parked(MOST_PARKED)).map(({ id }) => id));
  let found = 0;
  for await (const page of pagesOf(store, 'unexplained', true)) {
    const waited = page.filter(({ sort }) => sort <= olderThan);
    const lost = waited.filter(({ id }) => !parked.has(id)).map(({ id }) => id);
    if (lost.length > 0) await queue.add(lost);
    found += lost.length;
    if (waited.length < page.length || found >= STEP) break;
  }
  return found;
}

/** Queues the open incidents whose answer stands for another policy than the one in force. Returns how many. */
export async function requeueStale({ store, queue }: Pick<TimedOptions, 'store' | 'queue'>, policy: string): Promise<number> {
  let queued = 0;
  for await (const page of pagesOf(store, 'active', false)) {
    const stale = page.filter(({ value }) => (value as unknown as Incident).explainedPolicy !== policy).map(({ id }) => id);
    if (stale.length > 0) await queue.add(stale);
    queued += stale.length;
  }
  return queued;
}

/** The incidents of a tag, a step at a time. */
async function* pagesOf(store: Store, tag: string, oldestFirst: boolean): AsyncGenerator<readonly (StoredDocument & Cursor)[]> {
  let after: Cursor | null = null;
  do {
    const page: readonly (StoredDocument & Cursor)[] = await store.list('incidents', {
      tag,
      oldestFirst,
      limit: STEP,
      ...(after && { after }),
    });
    const last = page.at(-1);
    after = last === undefined || page.length < STEP ? null : { sort: last.sort, id: last.id };
    yield page;
  } while (after !== null);
}

/** Resolves incidents that were quiet for long enough and have no alert firing. */
export async function resolveQuiet({ store, bounds, quietMilliseconds }: TimedOptions, now: Instant): Promise<number> {
  const minutes = Math.round(quietMilliseconds / 60_000);
  const reason = `${minutes} quiet minutes and no alert firing`;
  let resolved = 0;
  for await (const page of pagesOf(store, 'active', true)) {
    const old = page.filter(({ sort }) => sort <= now - quietMilliseconds);
    const ended = await endedAlerts(
      store,
      old.flatMap(({ value }) => (value as unknown as Incident).alerts),
    );
    const withoutEnded = (incident: Incident) => ({ ...incident, alerts: incident.alerts.filter((alert) => !ended.has(alert)) });
    for (const { id, value } of old) {
      if (!isQuiet(withoutEnded(value as unknown as Incident), now, quietMilliseconds)) continue;
      await changeIncident(store, id, (incident) => {
        const left = withoutEnded(incident);
        return isQuiet(left, now, quietMilliseconds) ? moved(left, 'resolved', now, 'denywhy', reason, bounds) : null;
      });
      resolved++;
    }
    const last = page.at(-1);
    if (resolved >= MOST_RESOLVED || last === undefined || last.sort > now - quietMilliseconds) break;
  }
  return resolved;
}

/** Those that do not fire any more: an alert knows the latest of its incidents only, and tells no more of them that it ended. */
async function endedAlerts(store: Store, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const distinct = [...new Set(ids)];
  const documents = distinct.length === 0 ? [] : await store.get('alerts', distinct);
  return new Set(distinct.filter((_, i) => (documents[i]?.value as unknown as AlertState | undefined)?.status !== 'firing'));
}

/** Removes what is too old or too much, one step of each. Returns how much went; call again while it is not 0. */
export async function retain({ store, retention, bounds }: TimedOptions, now: Instant): Promise<number> {
  let gone = await store.trim({ keep: retention.events, now, most: STEP });
  gone += await dropIncidents(store, retention, now);
  gone += await dropBeyond(store, 'observations', retention.observations);
  gone += await dropBeyond(store, 'policy', retention.policyRevisions, POLICY_REVISION_TAG);
  gone += await dropBeyond(store, 'policy', retention.podChanges, POD_CHANGE_TAG);
  gone += await dropBeyond(store, 'alerts', retention.alerts, 'status:resolved');
  gone += await dropBeyond(store, 'readings', retention.readings);
  gone += await dropBeyond(store, 'quarantine', retention.quarantine);
  gone += await dropBeyond(store, 'waiting', retention.pods, WAITING_TAG.workload);
  gone += await dropExpiredMutes(store, bounds, now);
  return gone;
}

/** Open incidents stay, however many they are. */
async function dropIncidents(store: Store, retention: Retention, now: Instant): Promise<number> {
  const beyond = (await store.count('incidents')) - retention.incidents;
  const resolved = await store.list('incidents', { tag: 'state:resolved', oldestFirst: true, limit: STEP });
  const old = resolved.filter((d, i) => d.sort <= now - retention.incidentsMilliseconds || i < beyond);
  let gone = 0;
  for (const { id } of old) gone += await dropIncident(store, id);
  return gone;
}

/** With its clients, a step at a time; evidence that comes in meanwhile keeps it. */
async function dropIncident(store: Store, id: string): Promise<number> {
  const set = createWorkingSet(store);
  await Promise.all([set.load('incidents', [id]), set.load('explanations', [id])]);
  const incident = set.get<Incident>('incidents', id);
  if (incident === null || incident.state !== 'resolved') return 0;
  const clients = await store.list('clients', { tag: clientsTag(id), limit: STEP });
  await dropClients(set, incident, new Map(clients.map((c) => [c.id, c.value as unknown as IncidentClient])));
  if (clients.length === STEP) putIncident(set, { ...incident, clients: Math.max(0, incident.clients - STEP) });
  else {
    await leaveSlot(set, incident);
    set.delete('incidents', id);
    if (set.get('explanations', id) !== null) set.delete('explanations', id);
  }
  return (await set.commit([])) === 'done' ? clients.length + 1 : 0;
}

async function dropBeyond(store: Store, collection: Collection, keep: number, tag?: string): Promise<number> {
  const beyond = (await store.count(collection, tag)) - keep;
  if (beyond <= 0) return 0;
  const tagged = tag === undefined ? {} : { tag };
  const oldest = await store.list(collection, { ...tagged, oldestFirst: true, limit: Math.min(STEP, beyond) });
  await store.commit({ writes: oldest.map(({ id, revision }) => ({ collection, id, expected: revision, value: null })) });
  return oldest.length;
}

/** What they kept quiet and what is still open is heard again. */
async function dropExpiredMutes(store: Store, bounds: TriageBounds, now: Instant): Promise<number> {
  const mutes = (await store.list('mutes', { limit: MOST_MUTES })).map((d) => d.value as unknown as Mute);
  const expired = mutes.filter((mute) => isExpired(mute, now));
  const alive = mutes.filter((mute) => !isExpired(mute, now));
  for (const { target } of expired) await applyMutes(store, alive, target, bounds.clientsPerIncident);
  if (expired.length > 0)
    await store.commit({ writes: expired.map(({ id }) => ({ collection: 'mutes', id, expected: null, value: null })) });
  return expired.length;
}
