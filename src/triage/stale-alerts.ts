/** Alerts that fire here and of which nothing was heard for long: a resolve that was lost would keep an incident open for ever. */
import type { Instant } from '../policy/resource.ts';
import type { HeldAlert, Store } from '../ports.ts';
import { endAlerts } from './alerts.ts';
import { alertId } from './fold.ts';
import type { AlertState, TriageBounds } from './incident.ts';
import type { Intake } from './intake.ts';

interface Options {
  readonly store: Store;
  readonly intake: Intake;
  readonly bounds: TriageBounds;
  readonly now: () => Instant;
}

const MOST = 500;

/** Firing alerts that were last heard of before `olderThan`, the longest ago first. Errors: Unavailable. */
export async function staleAlerts(store: Store, olderThan: Instant): Promise<readonly AlertState[]> {
  const documents = await store.list('alerts', { tag: 'status:firing', oldestFirst: true, limit: MOST });
  return documents.map(({ value }) => value as unknown as AlertState).filter(({ lastSeen }) => lastSeen < olderThan);
}

/**
 * `held`: what all Alertmanagers hold together. What they hold is heard of again, what they do not has ended without our being told. Returns how
 * many ended. Errors: Unavailable.
 */
export async function reconcile(stale: readonly AlertState[], held: readonly HeldAlert[], options: Options): Promise<number> {
  const alive = new Map(held.map(({ alert }) => [alertId(alert), alert]));
  const heard = stale.flatMap(({ id }) => alive.get(id) ?? []);
  const gone = stale.filter(({ id }) => !alive.has(id)).map(({ id }) => id);
  if (heard.length + gone.length === 0) return 0;
  await options.intake.accept({
    id: null,
    facts: [],
    alerts: heard,
    also: async (set) => {
      await endAlerts(set, gone, options);
      return [];
    },
  });
  return gone.length;
}
