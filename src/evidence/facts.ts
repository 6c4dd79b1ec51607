/** The three kinds of fact: a denial, a symptom, an observation. Absent parts are null: each source lacks something. */
import type { ClientTls } from '../policy/evaluation.ts';
import type { AuthorizationRef, RouteRef, ServerRef } from '../policy/inbound.ts';
import type { Instant } from '../policy/resource.ts';

/** A workload by its owner's kind (`Deployment`, `StatefulSet`, `DaemonSet`, `ReplicaSet`, `Job`, `CronJob`, `Pod`, …) and name. */
export interface WorkloadRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** The proxy that reported a fact. Proxy lines name neither: they come from prefixes, scrape labels, or the command line. */
export interface Reporter {
  readonly cluster: string;
  readonly namespace: string | null;
  readonly pod: string | null;
  readonly workload: WorkloadRef | null;
}

/** Where a fact was read, for people: a file and line, a metric with its labels, an alert. */
export interface Source {
  readonly kind: 'log' | 'metrics' | 'alert';
  /** File name, `stdin`, query, or alert name. */
  readonly name: string;
  /** 1-based; null where lines make no sense. */
  readonly line: number | null;
  /** The raw text, cut at 2,000 characters. */
  readonly raw: string;
}

export interface Client {
  readonly ip: string | null;
  readonly port: number | null;
  readonly tls: ClientTls | null;
}

/** What an HTTP denial says of its request; each part may be unknown. */
export interface RequestTrace {
  readonly version: string | null;
  readonly method: string | null;
  readonly path: string | null;
  readonly authority: string | null;
  readonly grpc: boolean | null;
}

export type DenialKind = 'http-denied' | 'tcp-denied' | 'terminated' | 'route-not-found' | 'rate-limited' | 'audit-allowed';

/** A request or connection that a proxy refused (or, `audit-allowed`, would refuse under `deny` unless another authorization applies). */
export interface Denial {
  readonly type: 'denial';
  readonly kind: DenialKind;
  /** null: the line carries only the proxy's uptime and no wall clock is known. */
  readonly at: Instant | null;
  readonly reporter: Reporter;
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  /** Application port; a log line has none since Linkerd 2.18. */
  readonly port: number | null;
  /** True for the proxy's own admin server (4191). */
  readonly admin: boolean;
  readonly client: Client;
  readonly request: RequestTrace | null;
  /** 1 for a log line; the increase for a counter. */
  readonly count: number;
  /** Metrics only: already denied when first seen, so `count` starts here and more happened before `at`. */
  readonly sinceBefore: boolean;
  /** The rate-limit error or other tail of the error text; null where there is none. */
  readonly error: string | null;
  /** DEBUG lines: the authorizations the proxy says did not apply. */
  readonly didNotApply: readonly AuthorizationRef[];
  readonly source: Source;
}

/** Trouble that policy causes without a denial, or that looks like one (facts §8 rows 49 to 56). */
export type SymptomKind =
  | 'refused-before-policy'
  | 'connect-failed'
  | 'remote-proxy-error'
  | 'policy-controller-unreachable'
  | 'server-misconfigured'
  | 'detection-fallback'
  | 'scrape-refused'
  | 'probe-failing'
  | 'request-failed'
  | 'application-refused'
  | 'controller-complaint';

export interface Symptom {
  readonly type: 'symptom';
  readonly kind: SymptomKind;
  readonly at: Instant | null;
  readonly reporter: Reporter;
  readonly port: number | null;
  readonly client: Client | null;
  /** In the source's own words. */
  readonly detail: string;
  readonly count: number;
  readonly source: Source;
}

/** Traffic that was allowed: client × Server × route × authorization. */
export interface Observation {
  readonly type: 'observation';
  readonly at: Instant | null;
  readonly reporter: Reporter;
  readonly server: ServerRef;
  readonly route: RouteRef | null;
  readonly authorization: AuthorizationRef | null;
  readonly port: number | null;
  readonly client: Client;
  readonly request: RequestTrace | null;
  readonly count: number;
  readonly source: Source;
}

export type Fact = Denial | Symptom | Observation;
