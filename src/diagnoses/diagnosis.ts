/** What a diagnosis is, and all that it may see. */
import type { WhatChanged } from '../evidence/changed.ts';
import type { ClientRef } from '../evidence/client.ts';
import type { Destination } from '../evidence/destination.ts';
import type { JoinedClient, JoinedTarget } from '../evidence/join.ts';
import type { Now } from '../evidence/judge-then.ts';
import type { MissingEvidence } from '../evidence/missing.ts';
import type { Place } from '../evidence/places.ts';
import type { TallyObservation, TallySymptom } from '../evidence/tally.ts';
import type { Decision } from '../policy/decision.ts';
import type { Evaluation } from '../policy/evaluation.ts';
import type { Excluded, NearServer, UnattachedRoute } from '../policy/excluded.ts';
import type { NetworkAnswer } from '../policy/network-answer.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import type { Finding } from './finding.ts';

/** What the law says of a denied thing. */
export interface Law {
  readonly evaluation: Evaluation;
  /** The cluster as it was at the denial (or at the moment that was asked for). */
  readonly snapshot: Snapshot;
  /** The server's. */
  readonly pod: Workload;
  /** null: neither named nor to be derived. */
  readonly port: number | null;
  /** False: this policy does not do what the proxy did. */
  readonly agrees: boolean;
  readonly excluded: readonly Excluded[];
  readonly nearServers: readonly NearServer[];
  readonly unattachedRoutes: readonly UnattachedRoute[];
  readonly network: NetworkAnswer | null;
}

/** Trouble that some proxy (or the policy controller, or Prometheus) told of, and where that one runs. */
export interface PlacedSymptom {
  readonly symptom: TallySymptom;
  readonly place: Place;
}

/** All that was seen, beside the denial at hand. */
export interface Seen {
  readonly symptoms: readonly PlacedSymptom[];
  readonly observations: readonly TallyObservation[];
}

/** One client × one denied thing. */
export interface Denied {
  readonly target: JoinedTarget;
  readonly client: JoinedClient;
  readonly decision: Decision;
  /** Evidence that would decide more, with the command for it. */
  readonly missing: readonly MissingEvidence[];
  /** null: no cluster, or not this workload in it. */
  readonly law: Law | null;
  /** What the policy last known says of it, where that is something else; null: nothing else, or undecided. */
  readonly now: Now | null;
  /** What turned allow into deny; null: no refusal, or none by the objects given. */
  readonly changed: WhatChanged | null;
  readonly seen: Seen;
  /** All that this client was denied, this among it. */
  readonly together: readonly Pick<Denied, 'target' | 'client'>[];
}

/** Trouble that left no denial of this client: whoever it was, whatever it dialled. */
export interface Troubled {
  /** null: nobody in particular, the pods themselves. */
  readonly client: ClientRef | null;
  /** null: nobody knows. */
  readonly destination: Destination | null;
  /** Somebody says that it failed; else a proxy told of it. */
  readonly isAsked: boolean;
  readonly snapshot: Snapshot;
  /** Told by the client's own proxy. */
  readonly own: readonly PlacedSymptom[];
  /** Told by the proxies of the destination. */
  readonly theirs: readonly PlacedSymptom[];
  /** Whom the destination's proxies denied: the kubelet, Prometheus, others. */
  readonly refused: readonly Denied[];
  readonly seen: Seen;
}

/** The objects themselves, whether anybody was denied or not. */
export interface Standing {
  readonly snapshot: Snapshot;
  /** The namespaces of the proxies that told something, and the one asked about. */
  readonly namespaces: ReadonlySet<string>;
  readonly refused: readonly Denied[];
  readonly seen: Seen;
}

export type Draft = Omit<Finding, 'id'>;

/** One root cause, or several with one decision and one remedy. Pure, and the same for the same facts. */
export interface Diagnosis {
  /** Kebab-case and stable: file, page, cases, API and URLs carry it. */
  readonly id: string;
  /** A few words, for lists. */
  readonly title: string;
  /** `found`: by the diagnoses before it in the list; what is general is silent where something special was found. */
  denied?(denied: Denied, found: readonly Finding[]): Draft | null;
  troubled?(troubled: Troubled, found: readonly Finding[]): Draft | null;
  standing?(standing: Standing, found: readonly Finding[]): readonly Draft[];
}
