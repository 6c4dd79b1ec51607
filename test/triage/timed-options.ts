import { BOUNDS } from '../../src/triage/incident.ts';
import type { Retention, TimedOptions } from '../../src/triage/timed.ts';
import { type Desk, MINUTE } from './desk.ts';

const RETENTION: Retention = {
  incidentsMilliseconds: 24 * 60 * MINUTE,
  incidents: 1000,
  observations: 1000,
  events: 1000,
  policyRevisions: 1000,
  podChanges: 1000,
  alerts: 1000,
  readings: 1000,
  quarantine: 1000,
  pods: 1000,
};

export function timedOptions({ store, queue }: Desk, retention: Partial<Retention> = {}): TimedOptions {
  return { store, queue, bounds: BOUNDS, quietMilliseconds: 15 * MINUTE, retention: { ...RETENTION, ...retention } };
}
