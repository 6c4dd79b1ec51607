/** Alerts: the state of each fingerprint, and the incidents that it belongs to. An alert makes no client and no count. */
import { type AlertFact, INCIDENT_KINDS } from '../evidence/alert.ts';
import type { KeySelection } from '../evidence/key.ts';
import type { Instant } from '../policy/resource.ts';
import type { Collection, Store } from '../ports.ts';
import type { DeltaContext } from './delta.ts';
import { alertId, isSelected, nextAlert, openedByAlert, slotId, withAlert } from './fold.ts';
import type { AlertState, Incident, TriageBounds } from './incident.ts';
import { enterSlot, incidentsIn, putIncident } from './places.ts';
import type { WorkingSet } from './working-set.ts';

interface Options {
  readonly store: Store;
  readonly context: Pick<DeltaContext, 'cluster'>;
  readonly bounds: TriageBounds;
  readonly now: () => Instant;
}

/** Most incidents or alerts of one namespace that are looked at to find those that belong together. */
const MOST_LOOKED_AT = 1000;
/** Most incidents that one alert is put on. */
const MOST_SELECTED = 200;

export async function foldAlerts(set: WorkingSet, alerts: readonly AlertFact[], options: Options, touched: Set<string>): Promise<void> {
  if (alerts.length === 0) return;
  await set.load('alerts', alerts.map(alertId));
  await loadCandidates(set, alerts, options);
  const lists = createLists(options.store);
  for (const alert of alerts) {
    const known = set.get<AlertState>('alerts', alertId(alert));
    const { state, changed } = nextAlert(known, alert, options.now());
    const incidents = changed ? await attach(set, state, options, lists, touched) : state.incidents;
    putAlert(set, { ...state, incidents: incidents.slice(-MOST_SELECTED) });
  }
}

/** Puts the alerts that fire already on an incident that is opened now. */
export async function attachFiring(set: WorkingSet, id: string, options: Options): Promise<void> {
  const opened = set.get<Incident>('incidents', id);
  if (opened === null) return;
  // An alert that names no namespace may select what is opened in any.
  const tags = [...new Set([firingTag(opened.namespace), firingTag(null)])];
  const lists = await Promise.all(tags.map((tag) => options.store.list('alerts', { tag, limit: MOST_LOOKED_AT })));
  const firing = lists.flat();
  await set.load(
    'alerts',
    firing.map((d) => d.id),
  );
  for (const document of firing) {
    const alert = set.get<AlertState>('alerts', document.id);
    const incident = set.get<Incident>('incidents', id);
    if (alert === null || incident === null || alert.status !== 'firing') continue;
    if (!pointsAtUs(alert.selects) || !isSelected(alert.selects, incident)) continue;
    putIncident(set, withAlert(incident, alert, options.now(), options.bounds));
    putAlert(set, { ...alert, incidents: [...alert.incidents, id].slice(-MOST_SELECTED) });
  }
}

/** Alerts of which Alertmanager says nothing any more. */
export async function endAlerts(set: WorkingSet, ids: readonly string[], { now, bounds }: Pick<Options, 'now' | 'bounds'>): Promise<void> {
  await set.load('alerts', ids);
  const firing = ids
    .map((id) => set.get<AlertState>('alerts', id))
    .filter((alert) => alert !== null)
    .filter(({ status }) => status === 'firing');
  await set.load(
    'incidents',
    firing.flatMap((alert) => alert.incidents),
  );
  for (const alert of firing) {
    const ended: AlertState = { ...alert, status: 'resolved', endsAt: now() };
    for (const id of ended.incidents) {
      const incident = set.get<Incident>('incidents', id);
      if (incident !== null) putIncident(set, withAlert(incident, ended, now(), bounds));
    }
    putAlert(set, ended);
  }
}

function putAlert(set: WorkingSet, alert: AlertState): void {
  const firing = alert.status === 'firing' ? [firingTag(alert.selects.namespace ?? null)] : [];
  set.put('alerts', alert.id, alert, { tags: [`status:${alert.status}`, ...firing], sort: alert.lastSeen });
}

function firingTag(namespace: string | null): string {
  return `firing:${namespace ?? ''}`;
}

/** Puts the alert on every open incident that it selects; a firing one that finds none reopens or opens one. Returns their ids. */
async function attach(
  set: WorkingSet,
  alert: AlertState,
  options: Options,
  lists: Lists,
  touched: Set<string>,
): Promise<readonly string[]> {
  if (!pointsAtUs(alert.selects)) return alert.incidents;
  const ids = new Set([...alert.incidents, ...(await candidates(set, alert.selects, options, lists))]);
  await set.load('incidents', ids);
  const selected = [...ids]
    .map((id) => set.get<Incident>('incidents', id))
    .filter((incident) => incident !== null)
    .filter((incident) => alert.incidents.includes(incident.id) || isSelected(alert.selects, incident));
  const open = selected.filter((incident) => incident.state !== 'resolved' || alert.incidents.includes(incident.id));
  if (open.length > 0 || alert.status === 'resolved') return putOn(set, alert, open, options);
  const [last] = selected.toSorted((a, b) => b.activeAt - a.activeAt);
  if (last !== undefined) return putOn(set, alert, [last], options);
  return alert.selects.namespace === undefined ? alert.incidents : [await openFor(set, alert, options, touched)];
}

function putOn(set: WorkingSet, alert: AlertState, incidents: readonly Incident[], options: Options): readonly string[] {
  for (const incident of incidents) putIncident(set, withAlert(incident, alert, options.now(), options.bounds));
  return incidents.map(({ id }) => id);
}

async function openFor(set: WorkingSet, alert: AlertState, options: Options, touched: Set<string>): Promise<string> {
  const { cluster } = options.context;
  const selection = alert.selects.cluster === undefined && cluster !== '' ? { ...alert.selects, cluster } : alert.selects;
  const made = openedByAlert(selection, options.now());
  await set.load('incidents', [made.id]);
  const opened = withAlert(set.get<Incident>('incidents', made.id) ?? made, alert, options.now(), options.bounds);
  putIncident(set, opened);
  await enterSlot(set, opened, options.bounds);
  touched.add(opened.id);
  return opened.id;
}

/** An alert that names no more than a cluster is about anything. */
function pointsAtUs({ namespace, workload, server, route, kind }: KeySelection): boolean {
  return [namespace, workload, server, route, kind].some((part) => part !== undefined);
}

/** What the alert may select: in the slots of its workload, where it names one; else among the open incidents, which are listed. */
async function candidates(set: WorkingSet, selection: KeySelection, options: Options, lists: Lists): Promise<readonly string[]> {
  const slots = slotsOf(selection, options);
  await set.load('slots', slots);
  const found = slots.flatMap((slot) => incidentsIn(set, slot));
  if (found.length > 0) return found;
  return lists.ids('incidents', selection.namespace === undefined ? 'active' : `namespace:${selection.namespace}`);
}

/** Of the workload that the selection names; none where it names none. */
function slotsOf({ cluster, namespace, workload }: KeySelection, { context }: Options): readonly string[] {
  if (namespace === undefined || workload === undefined) return [];
  return [null, ...INCIDENT_KINDS].map((kind) => slotId({ cluster: cluster ?? context.cluster, namespace, workload, kind }));
}

/** Reads in two steps what all the alerts may need: one by one they would wait for the store many times. */
async function loadCandidates(set: WorkingSet, alerts: readonly AlertFact[], options: Options): Promise<void> {
  const slots = new Set(alerts.flatMap(({ selects }) => slotsOf(selects, options)));
  await set.load('slots', slots);
  const known = alerts.flatMap((alert) => set.get<AlertState>('alerts', alertId(alert))?.incidents ?? []);
  await set.load('incidents', [...known, ...[...slots].flatMap((slot) => incidentsIn(set, slot))]);
}

interface Lists {
  ids(collection: Collection, tag: string): Promise<readonly string[]>;
}

/** One listing per commit, however many alerts ask for it. */
function createLists(store: Store): Lists {
  const known = new Map<string, Promise<readonly string[]>>();
  return {
    ids(collection, tag) {
      const listed =
        known.get(tag) ?? store.list(collection, { tag, limit: MOST_LOOKED_AT }).then((documents) => documents.map((d) => d.id));
      known.set(tag, listed);
      return listed;
    },
  };
}
