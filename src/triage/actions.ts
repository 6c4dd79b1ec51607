/** What people do to incidents: acknowledge, resolve, mute. Every change says who and why. */
import { InvalidInput, Unavailable } from '../errors.ts';
import type { Instant } from '../policy/resource.ts';
import type { Store } from '../ports.ts';
import { hashId, type Incident, type IncidentState, type Mute, moved, type TriageBounds } from './incident.ts';
import { putIncident } from './places.ts';
import { createWorkingSet } from './working-set.ts';

const MOST_CONFLICTS = 20;

/** Changes one incident by compare-and-set. `change` may answer null: nothing to do. null: there is no such incident. */
export async function changeIncident(store: Store, id: string, change: (incident: Incident) => Incident | null): Promise<Incident | null> {
  for (let attempt = 0; attempt < MOST_CONFLICTS; attempt++) {
    const set = createWorkingSet(store);
    await set.load('incidents', [id]);
    const incident = set.get<Incident>('incidents', id);
    if (incident === null) return null;
    const next = change(incident);
    if (next === null) return incident;
    putIncident(set, next);
    set.event({ type: 'incident', incident: next });
    if ((await set.commit([])) === 'done') return next;
  }
  throw new Unavailable(`too many writers change incident ${id}`, 'Try again in a moment.');
}

export function move(
  store: Store,
  id: string,
  to: IncidentState,
  by: { readonly actor: string; readonly reason: string; readonly at: Instant },
  bounds: TriageBounds,
): Promise<Incident | null> {
  return changeIncident(store, id, (incident) => (incident.state === to ? null : moved(incident, to, by.at, by.actor, by.reason, bounds)));
}

/** Errors: InvalidInput when it names nothing, nobody, or ends before it begins. */
export async function addMute(store: Store, mute: Omit<Mute, 'id'>): Promise<Mute> {
  if (Object.keys(mute.target).length === 0) {
    throw new InvalidInput('a mute needs a target: it would take every incident', 'Name at least a namespace, a workload or a kind.');
  }
  if (mute.author === '' || mute.reason === '')
    throw new InvalidInput('a mute needs an author and a reason', 'Say who expects these denials, and why.');
  if (mute.expiresAt <= mute.createdAt) throw new InvalidInput('a mute must end after it begins', 'Give an expiry that lies ahead.');
  const made: Mute = { id: hashId('m', [mute.target, mute.client, mute.createdAt, mute.author]), ...mute };
  const set = createWorkingSet(store);
  await set.load('mutes', [made.id]);
  set.put('mutes', made.id, made, { sort: made.expiresAt });
  await set.commit([]);
  return made;
}

/** The mute that was ended; null: there is no such mute. */
export async function endMute(store: Store, id: string): Promise<Mute | null> {
  const set = createWorkingSet(store);
  await set.load('mutes', [id]);
  const mute = set.get<Mute>('mutes', id);
  if (mute === null) return null;
  set.delete('mutes', id);
  await set.commit([]);
  return mute;
}
