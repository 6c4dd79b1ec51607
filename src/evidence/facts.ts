/** The three kinds of fact: a denial, a symptom, an observation. Absent parts are null: each source lacks something. */
import type { ClientTls } from '../policy/evaluation.ts';
import type { AuthorizationRef, Labels, RouteRef, ServerRef } from '../policy/inbound.ts';
import type { Instant } from '../policy/resource.ts';
import type { OverTime } from './over-time.ts';

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
  /** From the proxy's line `Local identity is …`; absent where it was not seen. */
  readonly serviceAccount?: string;
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

/** False: a rate limit or an audit, which are no refusals by policy. */
export function isRefusal(kind: DenialKind): boolean {
  return kind !== 'rate-limited' && kind !== 'audit-allowed';
}

/**
 * What a counter adds to a fact; a log line has none of it. `lastAt`: the last increase, where `at` is the first.
 * `countedBefore`: what the counter showed at `at`, its first reading, when nothing says when that happened; `count` is then 0,
 * and later increases come as facts of their own. `over`: when, of what was summed; absent: evenly from `at` to `lastAt`.
 */
interface Counted {
  readonly lastAt?: Instant | null;
  readonly over?: OverTime;
  readonly countedBefore?: number;
}

/** A request or connection that a proxy refused (or, `audit-allowed`, would refuse under `deny` unless another authorization applies). */
export interface Denial extends Counted {
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
  /** 1 for a log line; the increase for a counter, from `at` to `lastAt`. */
  readonly count: number;
  /** Metrics only: already denied when first seen, so `count` starts here and more happened before `at`. */
  readonly sinceBefore: boolean;
  /** `rate-limited` counters only: the policy (null: it had no metadata) and which of its limits, `total` or `identity`. */
  readonly rateLimit?: { readonly ref: Labels | null; readonly scope: string };
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
  /** Prometheus could not read a proxy's metrics; why is not known (`up` is 0). */
  | 'scrape-failed'
  | 'probe-failing'
  | 'request-failed'
  | 'application-refused'
  | 'controller-complaint';

export interface Symptom extends Counted {
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
  /** What the failed request was, where the line says so. */
  readonly request?: RequestTrace;
  /** A client's proxy: what it was dialling. */
  readonly peer?: Peer;
  /** Everyday by itself: it tells more of an incident of its workload, and makes none. */
  readonly isSign?: boolean;
  /** `controller-complaint` only. */
  readonly complaint?: ControllerComplaint;
}

/** What a client's proxy dialled, as its log spans name it. */
export interface Peer {
  /** null: a pod's own address or a control-plane component. */
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number | null } | null;
  /** `ip:port` of the endpoint (the application's port, also where 4143 is dialled), or the control plane's `name:port`; the Service's `ip:port` where no endpoint was chosen. */
  readonly address: string | null;
  /** Only where an EgressNetwork of the client's cluster refused it; null: which one, the source does not say. */
  readonly egress?: { readonly namespace: string; readonly name: string } | null;
}

/** The policy controller refuses or ignores an object (linkerd2 `policy-controller/k8s/index/src/inbound/`, facts §4.6). */
export interface ControllerComplaint {
  readonly kind:
    | 'illegal-authorization-policy'
    | 'ignored-route'
    | 'overlapping-servers'
    | 'invalid-object'
    | 'invalid-default-policy-annotation'
    | 'illegal-pod-update';
  readonly namespace: string | null;
  /** The object complained of: its kind as far as the line tells, and its name; null where only the span of some change is known. */
  readonly object: { readonly kind: string; readonly name: string } | null;
  /** The pod whose policy was being built. */
  readonly pod: string | null;
  /** `overlapping-servers`: the Server that keeps the port. `illegal-authorization-policy`: the Server or route it was to authorize. */
  readonly target: { readonly kind: string; readonly name: string } | null;
  readonly port: number | null;
  /** In the controller's words; empty for overlapping Servers. */
  readonly error: string;
}

/** Traffic that was allowed: client × Server × route × authorization. */
export interface Observation extends Counted {
  readonly type: 'observation';
  readonly at: Instant | null;
  readonly reporter: Reporter;
  /** null: an access log line names none. */
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  readonly authorization: AuthorizationRef | null;
  readonly port: number | null;
  readonly client: Client;
  readonly request: RequestTrace | null;
  readonly count: number;
  readonly source: Source;
}

export type Fact = Denial | Symptom | Observation;
