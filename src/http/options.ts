/** What the app is made of: the composition root hands it over. */
import type { ReportedRule } from '../alerting/rule-report.ts';
import type { AlertFact } from '../evidence/alert.ts';
import type { Fact } from '../evidence/facts.ts';
import type { KeyWorkload } from '../evidence/key.ts';
import type { Instant, ObjectRef } from '../policy/resource.ts';
import type { Queue, Store } from '../ports.ts';
import type { Logger, Metrics } from '../telemetry.ts';
import type { DeltaContext } from '../triage/delta.ts';
import type { TriageBounds } from '../triage/incident.ts';
import type { Intake } from '../triage/intake.ts';
import type { MuteList } from '../triage/mutes.ts';
import type { SeriesWindow } from '../triage/series.ts';
import type { TrafficPart } from '../triage/traffic.ts';
import type { Token } from './auth.ts';
import type { BodyLimits, Budget } from './body.ts';

export interface HttpLimits extends BodyLimits {
  /** Bytes of bodies in memory at a time. */
  readonly held: number;
  readonly requests: number;
  readonly streams: number;
  readonly alerts: number;
  readonly facts: number;
  /** Milliseconds after which a store that has not answered is taken for gone. */
  readonly answerTime: number;
}

/** Whose an address was. */
export interface AddressAt {
  /** The first recorded change; null: none is recorded. */
  readonly recordedSince: Instant | null;
  readonly owners: readonly {
    readonly kind: 'Pod' | 'ExternalWorkload';
    readonly namespace: string;
    readonly name: string;
    readonly workload: { readonly kind: string; readonly name: string } | null;
    readonly serviceAccount: string;
  }[];
}

/** Questions about the policy that the service knows. Each answer is data as the command of the same name prints it; null: no cluster is known. */
export interface Asking {
  /** Errors: InvalidInput. */
  can(question: CanQuestion): Readonly<Record<string, unknown>> | null;
  /** Errors: InvalidInput, Unavailable (the store). */
  simulate(question: SimulateQuestion): Promise<Readonly<Record<string, unknown>> | null>;
  /** By namespace, then by name; `workload` as `KIND/NAME`, or as kubectl takes it. Errors: InvalidInput (nothing has the name). */
  workloads(question: {
    readonly namespace: string | null;
    readonly workload: string | null;
    readonly at: Instant | null;
  }): readonly WorkloadSummary[] | null;
  /** What is enforced on the ports of these, for whom, and who was seen there. Errors: Unavailable (the store). */
  policy(question: {
    readonly namespace: string;
    readonly workloads: readonly WorkloadSummary['workload'][];
    readonly at: Instant | null;
  }): Promise<Readonly<Record<string, unknown>> | null>;
  /** Also where no cluster is known: clients are then called as they were counted. Errors: Unavailable (the store). */
  traffic(namespace: string): Promise<{ readonly rows: readonly TrafficRow[]; readonly isWhole: boolean }>;
  /** `namespace` null: every one. Errors: InvalidInput (nothing runs there), Unavailable (the store). */
  posture(namespace: string | null): Promise<Readonly<Record<string, unknown>> | null>;
  /** How many workloads and namespaces are in which state by which practice, as of some minutes ago at most. Errors: Unavailable (the store). */
  postureCounts(): Promise<readonly PostureCount[] | null>;
}

export interface WorkloadSummary {
  readonly namespace: string;
  readonly workload: KeyWorkload;
  readonly pods: number;
  /** How many of them have a proxy. */
  readonly meshed: number;
}

/** One client of one port of a workload. */
export interface TrafficRow {
  /** Tells it from the others of the namespace. */
  readonly id: string;
  /** For people: `sa/frontend`, `node …`, an identity, an address. */
  readonly client: string;
  readonly identity: string | null;
  readonly ip: string | null;
  readonly namespace: string;
  readonly workload: KeyWorkload | null;
  /** null: no source tells. */
  readonly port: number | null;
  readonly allowed: number;
  readonly denied: number;
  readonly last: Instant | null;
  readonly parts: readonly Pick<TrafficPart, 'server' | 'route' | 'authorization' | 'allowed' | 'denied' | 'last' | 'incident'>[];
  /** Highest first: those with denials, then those seen last. */
  readonly sort: number;
}

/** The way out of incidents. null: there is no such incident. */
export interface RemedyListing {
  readonly items: readonly Readonly<Record<string, unknown>>[];
  readonly repairs: readonly Readonly<Record<string, unknown>>[];
  readonly tightenings: readonly Readonly<Record<string, unknown>>[];
}

export interface RemedyAsking {
  /** `items`: one for each client and denied thing; `repairs`: of pods there that are not ready, whoever dials them; `tightenings`: of what lets in too much there. Errors: Unavailable (the store). */
  list(incident: string): Promise<RemedyListing | null>;
  /** `number` from 1. Errors: InvalidInput (not of this form), Unavailable. */
  one(incident: string, number: number, form: 'yaml' | 'patch' | 'diff'): Promise<{ readonly text: string } | 'no incident' | 'no remedy'>;
}

/** The pack, and how the Prometheus that is asked has it. */
export interface KnownRules {
  /** Its address; null: none is configured. */
  readonly prometheus: string | null;
  /** Why the states are not known. */
  readonly fault: { readonly message: string; readonly remedy: string } | null;
  readonly remarks: readonly string[];
  /** PrometheusRules that hold a group of it, and who takes them; null: the objects of no cluster are known. */
  readonly manifests:
    | readonly {
        readonly name: string;
        readonly by: readonly { readonly prometheus: string; readonly isTaken: boolean | null; readonly reasons: readonly string[] }[];
      }[]
    | null;
  readonly rules: readonly ReportedRule[];
}

/** The policy objects of incidents. */
export interface ObjectAsking {
  /** null: there is no such incident. Errors: Unavailable (the store). */
  of(incident: string, at: 'denial' | 'now'): Promise<IncidentObjects | null>;
}

export interface IncidentObjects {
  /** The moment whose policy it is; null: the one in force now, or the only one known. */
  readonly of: Instant | null;
  /** What refuses comes first. */
  readonly objects: readonly ShownObject[];
}

export interface ShownObject {
  readonly object: ObjectRef;
  /** File and line; null: it came from the API server. */
  readonly place: string | null;
  readonly version: string | null;
  /** null: there is no such object at that moment. */
  readonly yaml: string | null;
  /** What became of it since the denial. */
  readonly since: 'same' | 'changed' | 'created' | 'deleted';
  /** From 1, both ends included. */
  readonly lines: readonly { readonly from: number; readonly to: number; readonly says: 'denies' | 'applies'; readonly reason: string }[];
}

/** What counters said of a workload, as facts; those of one bucket have times within it. */
export interface CountersRead {
  readonly facts: readonly Fact[];
  /** What may be missing in the answer. */
  readonly remarks: readonly string[];
}

/** Both from closed lists. */
export interface PostureCount {
  readonly practice: string;
  readonly state: string;
  readonly count: number;
}

export interface CanQuestion {
  readonly client: string;
  readonly server: string;
  readonly namespace: string | null;
  readonly method: string | null;
  readonly path: string | null;
  readonly authority: string | null;
  readonly grpc: string | null;
  readonly ip: string | null;
  readonly unmeshed: boolean;
  /** null: now. */
  readonly at: Instant | null;
}

export interface SimulateQuestion {
  /** Manifests; empty: nothing is applied. */
  readonly change: string;
  readonly deleted: readonly string[];
  readonly prune: boolean;
  readonly namespace: string | null;
  readonly traffic: 'observed' | 'all';
  readonly at: Instant | null;
  readonly markdown: boolean;
}

/** What a webhook brought, after it was saved. */
export interface Heard {
  readonly alerts: readonly AlertFact[];
  /** Alerts that were cut off. */
  readonly truncated: number;
  /** As Alertmanager writes it: quoted for regular expressions. */
  readonly receiver: string;
}

export interface HttpOptions {
  readonly store: Store;
  readonly queue: Queue;
  readonly intake: Intake;
  readonly context: DeltaContext;
  readonly mutes: MuteList & { refresh(): Promise<void> };
  readonly bounds: TriageBounds;
  readonly tokens: readonly Token[];
  readonly limits: HttpLimits;
  readonly isMetricsOpen: boolean;
  readonly now: () => Instant;
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Milliseconds between two looks for new events. */
  readonly eventPoll: number;
  /** null: no cluster is known. */
  readonly addressAt?: (ip: string, at: Instant) => AddressAt | null;
  readonly asking?: Asking;
  /** It must not throw. Absent: no Prometheus is asked. */
  readonly rules?: () => Promise<KnownRules>;
  /** Absent: no way out is looked for. */
  readonly remedies?: RemedyAsking;
  /** Absent: no objects are known. */
  readonly objects?: ObjectAsking;
  /** Absent: no Prometheus is configured. Errors: Unavailable. */
  readonly counters?: (namespace: string, workload: KeyWorkload, window: SeriesWindow) => Promise<CountersRead>;
  /** Told of each webhook; it must not throw. */
  readonly heard?: (heard: Heard) => void;
}

/** With what all requests share. */
export interface Shared extends HttpOptions {
  readonly budget: Budget;
  /** Aborted when the server shuts down. */
  readonly closing: AbortSignal;
}
