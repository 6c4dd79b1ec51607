/**
 * Everyday signs (an application's own 403, a probe that hangs up): they tell more of an incident of their workload that a policy caused.
 * By themselves they open no incident, and keep none open.
 */
import { INCIDENT_KINDS } from '../evidence/alert.ts';
import type { IncidentKind } from '../evidence/key.ts';
import type { IncidentDelta } from './delta.ts';
import { slotId } from './fold.ts';
import type { Incident } from './incident.ts';
import { incidentsIn } from './places.ts';
import type { WorkingSet } from './working-set.ts';

/** What a policy refused or hid. All other symptoms are for an explanation, not worth a page of their own. */
export const REFUSALS: ReadonlySet<IncidentKind> = new Set<IncidentKind>([
  'http-denied',
  'tcp-denied',
  'terminated',
  'route-not-found',
  'rate-limited',
  'audit-allowed',
  'admin-denied',
  'refused-before-policy',
  'server-misconfigured',
  'scrape-refused',
]);

type Whose = Pick<Incident, 'cluster' | 'namespace' | 'workload'>;

/** The incidents of a workload, of whatever kind, those that an alert opened included. */
export async function incidentsOfWorkload(set: WorkingSet, { cluster, namespace, workload }: Whose): Promise<readonly Incident[]> {
  const slots = [null, ...INCIDENT_KINDS].flatMap((kind) =>
    [workload, null].map((of) => slotId({ cluster, namespace, workload: of, kind })),
  );
  await set.load('slots', slots);
  const ids = slots.flatMap((slot) => incidentsIn(set, slot));
  await set.load('incidents', ids);
  return [...new Set(ids)].map((id) => set.get<Incident>('incidents', id)).filter((incident) => incident !== null);
}

/** True where nothing is wrong with the workload but for this, and no alert fires for it. */
export async function isAlone(set: WorkingSet, delta: IncidentDelta): Promise<boolean> {
  if (!delta.isSign) return false;
  const others = await incidentsOfWorkload(set, delta);
  return !others.some(({ state, kind, alerts }) => state !== 'resolved' && (kind === null || REFUSALS.has(kind) || alerts.length > 0));
}
