/** `possible`: nobody saw it, and nothing calls so by itself. */
export type TrafficKind = 'observed' | 'probe' | 'scrape' | 'control-plane' | 'possible';

/** Requests of one client to one port of some workloads, told together. */
export interface ToldTraffic {
  readonly kind: TrafficKind;
  readonly client: string;
  readonly namespace: string;
  readonly servers: readonly string[];
  readonly port: number;
  readonly requests: readonly string[];
  /** Requests and connections that were counted; null: nobody counted. */
  readonly count: number | null;
}
