/** What a simulation says of the cluster that the objects go to. */
import type { ObjectRef } from '../policy/resource.ts';

/** One client of one port of some workloads, as a simulation tells it. */
export interface Shift {
  readonly outcome: 'newly-denied' | 'newly-allowed';
  /** `possible`: nobody saw it, and nothing calls so by itself. */
  readonly kind: 'observed' | 'probe' | 'scrape' | 'control-plane' | 'possible';
  readonly client: string;
  readonly namespace: string;
  readonly servers: readonly string[];
  readonly port: number;
  readonly requests: readonly string[];
  /** null: nobody counted. */
  readonly count: number | null;
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
