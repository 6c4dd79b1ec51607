/** What a simulation says of the cluster that the objects go to. */
import type { ToldTraffic } from '../access/told-traffic.ts';
import type { ObjectRef } from '../policy/resource.ts';

/** One client of one port of some workloads, as a simulation tells it. */
export interface Shift extends ToldTraffic {
  readonly outcome: 'newly-denied' | 'newly-allowed';
  /** The object of the change without which it would not be so; null: none alone. */
  readonly cause: ObjectRef | null;
  readonly why: string;
  /** Who else gets in by it, where that is more than one would ask for. */
  readonly wide: string | null;
}

export interface Against {
  /** False: what calls now was not looked at. */
  readonly isObserved: boolean;
  readonly shifts: readonly Shift[];
}
