/** Expected denials, kept quiet but counted. */
import type { Instant } from '../policy/resource.ts';
import type { Store } from '../ports.ts';
import { changeIncident } from './actions.ts';
import { clientsTag } from './clients.ts';
import type { ClientDelta } from './delta.ts';
import { isSelected } from './fold.ts';
import type { Incident, IncidentClient, Mute } from './incident.ts';

/** The mutes as they were last read. */
export interface MuteList {
  current(): readonly Mute[];
}

/** Most mutes that there may be at a time. */
export const MOST_MUTES = 1000;

/** `refresh` reads them anew. Errors: Unavailable. */
export function createMuteList(store: Store, now: () => Instant): MuteList & { refresh(): Promise<void> } {
  let mutes: readonly Mute[] = [];
  return {
    current: () => mutes.filter((mute) => !isExpired(mute, now())),
    async refresh() {
      mutes = (await store.list('mutes', { limit: MOST_MUTES })).map((d) => d.value as unknown as Mute);
    },
  };
}

/** Looks anew at the open incidents that a mute selects, since it began or ended. Returns how many changed. */
export async function applyMutes(store: Store, mutes: readonly Mute[], target: Mute['target'], clientsLookedAt: number): Promise<number> {
  const tag = target.namespace === undefined ? 'active' : `active:${target.namespace}`;
  let changed = 0;
  for (const { id, value } of await store.list('incidents', { tag, limit: MOST_LOOKED_AT })) {
    if (!isSelected(target, value as unknown as Incident)) continue;
    const clients = await store.list('clients', { tag: clientsTag(id), limit: clientsLookedAt });
    await changeIncident(store, id, (incident) => {
      const muted = isMutedBy(
        mutes,
        incident,
        clients.map((d) => d.value as unknown as IncidentClient),
        clients.length > 0 && clients.length < clientsLookedAt && incident.beyond === 0,
      );
      if (muted === incident.muted) return null;
      changed++;
      return { ...incident, muted };
    });
  }
  return changed;
}

/** Most open incidents that a mute is put on at once; the others follow with their next evidence. */
const MOST_LOOKED_AT = 500;

/**
 * An incident is muted when a mute takes it whole, or each client that came; an unmuted client makes it loud again.
 * `before`: every client that came earlier was muted, or none came.
 */
export function isMutedBy(
  mutes: readonly Mute[],
  incident: Incident,
  clients: readonly Pick<ClientDelta, 'ip' | 'tls'>[],
  before: boolean,
): boolean {
  const mine = mutes.filter((mute) => isSelected(mute.target, incident));
  if (mine.some((mute) => mute.client === null)) return true;
  if (mine.length === 0) return false;
  return before && clients.every((client) => mine.some((mute) => takesClient(mute, client)));
}

function takesClient({ client }: Mute, { ip, tls }: Pick<ClientDelta, 'ip' | 'tls'>): boolean {
  if (client === null) return true;
  if (client.identity !== null) return tls?.state === 'established' && tls.clientId === client.identity;
  return client.ip !== null && client.ip === ip;
}

export function isExpired(mute: Mute, now: Instant): boolean {
  return mute.expiresAt <= now;
}
