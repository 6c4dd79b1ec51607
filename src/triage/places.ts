/** How an incident is put where it is found again: its tags, and its slot. */
import { slotId } from './fold.ts';
import { type Incident, type TriageBounds, tagsOf } from './incident.ts';
import type { WorkingSet } from './working-set.ts';

interface Slot {
  readonly incidents: readonly string[];
}

export function putIncident(set: WorkingSet, incident: Incident): void {
  set.put('incidents', incident.id, incident, { tags: tagsOf(incident), sort: incident.activeAt });
}

/** The incidents of a slot that was loaded. */
export function incidentsIn(set: WorkingSet, slot: string): readonly string[] {
  return set.get<Slot>('slots', slot)?.incidents ?? [];
}

export async function enterSlot(set: WorkingSet, incident: Incident, bounds: TriageBounds): Promise<void> {
  const slot = slotId(incident);
  await set.load('slots', [slot]);
  const incidents = incidentsIn(set, slot);
  if (!incidents.includes(incident.id)) set.put('slots', slot, { incidents: [...incidents, incident.id].slice(-bounds.incidentsPerSlot) });
}

/** Takes an incident that is dropped out of its slot. */
export async function leaveSlot(set: WorkingSet, incident: Incident): Promise<void> {
  const slot = slotId(incident);
  await set.load('slots', [slot]);
  const before = incidentsIn(set, slot);
  const incidents = before.filter((id) => id !== incident.id);
  if (incidents.length === before.length) return;
  if (incidents.length === 0) set.delete('slots', slot);
  else set.put('slots', slot, { incidents });
}
