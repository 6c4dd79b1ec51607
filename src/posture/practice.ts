/** What a practice is, what it says of a namespace or workload, and all that it may look at. */
import type { EnforcedPort } from '../access/enforced.ts';
import type { Recorded } from '../access/replay.ts';
import type { DefaultSource, PendingChange } from '../access/rollout.ts';
import type { WorkloadRef } from '../evidence/facts.ts';
import type { Retention } from '../evidence/metrics-retention.ts';
import type { ClusterSettings } from '../policy/cluster-settings.ts';
import type { ClusterView } from '../policy/history.ts';
import type { ClientAuthorization, DefaultPolicy } from '../policy/inbound.ts';
import type { Instant, ObjectRef, Resource } from '../policy/resource.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Steps } from '../policy/steps.ts';
import type { Workload } from '../policy/workload.ts';
import type { Asks } from './asks.ts';
import type { AlertingFacts, Unread } from './check-alerting.ts';

/** In the order in which they build on each other. The names stay, for programs. */
export const PRACTICE_IDS = [
  'default-deny',
  'ports-covered',
  'own-service-account',
  'network-layered',
  'probes-and-scrapes',
  'denials-observable',
  'grants-used',
  'audit-ended',
  'changes-staged',
  'policies-documented',
  'labels-consistent',
] as const;
export type PracticeId = (typeof PRACTICE_IDS)[number];

/** `unknown`: what was read does not tell, and `lacking` names what would. */
export const POSTURE_STATES = ['holds', 'partly', 'not', 'unknown'] as const;
export type PostureState = (typeof POSTURE_STATES)[number];

export interface Evidence {
  readonly text: string;
  /** The object with its place, or the program, that says so. */
  readonly source: string;
}

export interface NextStep {
  readonly text: string;
  /** Ready to run; null: no command does it. */
  readonly command: string | null;
}

export interface Judgement {
  /** `deploy/backend`; null: of the namespace. */
  readonly workload: string | null;
  readonly state: PostureState;
  /** What was found, in one sentence without a full stop; equal where the same was found. */
  readonly found: string;
  readonly evidence: readonly Evidence[];
  /** What would have to be known to be sure, and where it is to be had. */
  readonly lacking: readonly string[];
  /** null: it holds, or nothing can be said before what is lacking is there. */
  readonly next: NextStep | null;
}

export interface Practice {
  readonly id: PracticeId;
  /** What is true where it holds. */
  readonly title: string;
  /** Empty: it has no meaning there (no pods with a proxy, no policy, …). In steps where it takes long. */
  judge(context: PostureContext, namespace: string): readonly Judgement[] | Steps<readonly Judgement[]>;
}

/** Pods of one owner. */
export interface PostureWorkload {
  readonly ref: WorkloadRef;
  readonly pods: readonly Workload[];
  /** null: not among the objects, or the pods are nobody's. */
  readonly owner: Resource | null;
  /** Empty: no pod has a proxy. */
  readonly ports: readonly EnforcedPort[];
  /** Of ports that no Server takes; null: no pod has a proxy. */
  readonly defaults: { readonly policy: DefaultPolicy; readonly source: DefaultSource } | null;
  /** What a restart would change, and for how many pods. */
  readonly pending: readonly { readonly change: PendingChange; readonly pods: number }[];
}

/** Equal traffic, counted. */
export interface SeenTraffic {
  readonly recorded: Recorded;
  readonly count: number;
}

export interface Observed {
  /** Empty: none was recorded. */
  readonly traffic: readonly SeenTraffic[];
  readonly first: Instant | null;
  readonly last: Instant | null;
}

/** What Prometheus says of itself. */
export interface PrometheusFacts extends Pick<AlertingFacts, 'prometheus' | 'targets' | 'rules'> {
  /** null: it does not tell, or there is no Prometheus. */
  readonly retention: Retention | Unread | null;
}

/** All that posture is judged by. */
export interface PostureFacts {
  readonly snapshot: Snapshot;
  readonly settings: ClusterSettings;
  readonly workloads: readonly PostureWorkload[];
  /** How the policy came to be; without moments: nobody recorded it. */
  readonly history: ClusterView;
  readonly observed: Observed;
  readonly alerting: PrometheusFacts;
  readonly asks: Asks;
  /**
   * Resources that were not read (`pods`, `servers.policy.linkerd.io`): the namespace of which alone they were, where rights cover no other; null:
   * none of them was.
   */
  readonly unread: ReadonlyMap<string, string | null>;
  /**
   * The number of the remedy, proved, that takes away a grant which nobody was seen to use; `identity`: the one in it that never came. null: there is
   * none.
   */
  withdrawal(authorization: ClientAuthorization, identity: string | null): number | null;
  /** The same of the one that names who was seen to come, instead of everyone whom the policy, or the accessPolicy of the Server, takes. */
  narrowing(object: ObjectRef, authorization: ClientAuthorization): number | null;
  /** The same of the one that takes accessPolicy audit out of the Server. */
  enforcing(server: ObjectRef): number | null;
  readonly now: Instant;
}

/** The facts with their indexes. */
export interface PostureContext extends PostureFacts {
  /** How many are judged. */
  readonly namespaces: number;
  workloadsIn(namespace: string): readonly PostureWorkload[];
  /** Of any pod of the workload. */
  seenAt(workload: PostureWorkload, port: number): readonly SeenTraffic[];
}
