/** Expected denials, kept quiet but counted. */
import type { Instant } from '../policy/resource.ts';
import type { ClientDelta } from './delta.ts';
import { isSelected } from './fold.ts';
import type { Incident, Mute } from './incident.ts';

/** The mutes as they were last read; refreshed by whoever holds it. */
export interface MuteList {
  current(): readonly Mute[];
}

/** An incident is muted when a mute takes it whole, or each client that came; an unmuted client makes it loud again. */
export function isMutedBy(
  mutes: readonly Mute[],
  incident: Incident,
  clients: readonly Pick<ClientDelta, 'ip' | 'tls'>[],
  before: boolean,
): boolean {
  const mine = mutes.filter((mute) => isSelected(mute.target, incident));
  if (mine.some((mute) => mute.client === null)) return true;
  if (mine.length === 0) return false;
  const fresh = incident.evidence <= 1;
  return (before || fresh) && clients.every((client) => mine.some((mute) => takesClient(mute, client)));
}

function takesClient({ client }: Mute, { ip, tls }: Pick<ClientDelta, 'ip' | 'tls'>): boolean {
  if (client === null) return true;
  if (client.identity !== null) return tls?.state === 'established' && tls.clientId === client.identity;
  return client.ip !== null && client.ip === ip;
}

export function isExpired(mute: Mute, now: Instant): boolean {
  return mute.expiresAt <= now;
}
