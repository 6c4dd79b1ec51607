/** Work that time causes, done by one leader in bounded steps: quiet incidents end, lost work is found, what is old goes. */

import type { Instant } from '../policy/resource.ts';
import type { Collection, Queue, Store, Write } from '../ports.ts';
import { changeIncident } from './actions.ts';
import { isQuiet } from './fold.ts';
import { type Incident, type Mute, moved, type TriageBounds } from './incident.ts';
import { isExpired } from './mutes.ts';

export interface Retention {
  readonly incidentsMilliseconds: number;
  readonly incidents: number;
  readonly observations: number;
  readonly waitingMilliseconds: number;
  readonly events: number;
  readonly policyRevisions: number;
}

export interface TimedOptions {
  readonly store: Store;
  readonly queue: Queue;
  readonly bounds: TriageBounds;
  readonly quietMilliseconds: number;
  readonly retention: Retention;
}

/** Most documents that one step looks at or removes: a step never holds the store for long. */
const STEP = 500;

/** Queues again what was saved and not queued when a process died. Returns how many. */
export async function sweep({ store, queue }: Pick<TimedOptions, 'store' | 'queue'>): Promise<number> {
  const lost = await store.list('incidents', { tag: 'unexplained', limit: STEP });
  if (lost.length > 0) await queue.add(lost.map((document) => document.id));
  return lost.length;
}

/** Resolves incidents that were quiet for long enough and have no alert firing. */
export async function resolveQuiet({ store, bounds, quietMilliseconds }: TimedOptions, now: Instant): Promise<number> {
  const minutes = Math.round(quietMilliseconds / 60_000);
  const reason = `${minutes} quiet minutes and no alert firing`;
  let resolved = 0;
  for (const document of await store.list('incidents', { tag: 'active', limit: STEP * 4 })) {
    if (!isQuiet(document.value as unknown as Incident, now, quietMilliseconds)) continue;
    await changeIncident(store, document.id, (incident) =>
      isQuiet(incident, now, quietMilliseconds) ? moved(incident, 'resolved', now, 'denywhy', reason, bounds) : null,
    );
    resolved++;
  }
  return resolved;
}

/** Removes what is too old or too much, one step of each. Returns how much went; call again while it is not 0. */
export async function retain({ store, retention }: TimedOptions, now: Instant): Promise<number> {
  let gone = await store.trim({ keep: retention.events, now, most: STEP });
  gone += await dropIncidents(store, retention, now);
  gone += await dropBeyond(store, 'observations', retention.observations);
  gone += await dropBeyond(store, 'policy', retention.policyRevisions);
  gone += await dropExpiredMutes(store, now);
  return gone;
}

async function dropIncidents(store: Store, retention: Retention, now: Instant): Promise<number> {
  const beyond = (await store.count('incidents')) - retention.incidents;
  const resolved = await store.list('incidents', { tag: 'state:resolved', oldestFirst: true, limit: STEP });
  const old = resolved.filter((d, i) => d.sort <= now - retention.incidentsMilliseconds || i < beyond);
  let gone = 0;
  for (const { id } of old) gone += await dropIncident(store, id);
  return gone;
}

/** Its clients first, a step at a time: an incident without clients is better than clients without an incident. */
async function dropIncident(store: Store, id: string): Promise<number> {
  const clients = await store.list('clients', { tag: `incident:${id}`, limit: STEP });
  const writes: Write[] = clients.map((c) => ({ collection: 'clients', id: c.id, expected: null, value: null }));
  if (clients.length < STEP) {
    writes.push(
      { collection: 'explanations', id, expected: null, value: null },
      { collection: 'incidents', id, expected: null, value: null },
    );
  }
  await store.commit({ writes });
  return writes.length;
}

async function dropBeyond(store: Store, collection: Collection, keep: number): Promise<number> {
  const beyond = (await store.count(collection)) - keep;
  if (beyond <= 0) return 0;
  const oldest = await store.list(collection, { oldestFirst: true, limit: Math.min(STEP, beyond) });
  await store.commit({ writes: oldest.map(({ id }) => ({ collection, id, expected: null, value: null })) });
  return oldest.length;
}

async function dropExpiredMutes(store: Store, now: Instant): Promise<number> {
  const mutes = await store.list('mutes', { limit: STEP });
  const expired = mutes.filter((d) => isExpired(d.value as unknown as Mute, now));
  if (expired.length > 0)
    await store.commit({ writes: expired.map(({ id }) => ({ collection: 'mutes', id, expected: null, value: null })) });
  return expired.length;
}
