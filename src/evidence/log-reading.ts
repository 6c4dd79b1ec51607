/** What one line says, before it is joined with its neighbours. */
import type { ClientTls } from '../policy/evaluation.ts';
import type { AuthorizationRef, RouteRef, ServerRef } from '../policy/inbound.ts';
import type { Client, ControllerComplaint, DenialKind, Peer, RequestTrace, SymptomKind } from './facts.ts';

/** A line that names what was refused (or audited). */
export interface Refusal {
  readonly type: 'refusal';
  readonly kind: DenialKind;
  readonly server: ServerRef;
  readonly route: RouteRef | null;
  readonly client: Client;
  readonly port: number | null;
  readonly admin: boolean;
  readonly thread: number;
}

/** The error-response or connection-close line that follows a refusal, or stands alone (no route, rate limit, Linkerd 2.11). */
export interface Failure {
  readonly type: 'failure';
  readonly kind: 'http-denied' | 'tcp-denied' | 'route-not-found' | 'rate-limited';
  readonly ip: string;
  readonly clientPort: number | null;
  readonly port: number | null;
  readonly admin: boolean;
  /** From `unauthorized connection on …`. */
  readonly server: ServerRef | null;
  readonly request: RequestTrace | null;
  /** The rate limit that was exceeded. */
  readonly error: string | null;
}

/** At level DEBUG, after a refusal: an authorization that was looked at. null: the policy had none. */
export interface NotApplied {
  readonly type: 'not-applied';
  readonly authorization: AuthorizationRef | null;
  readonly thread: number;
}

/** At level DEBUG: a request or connection that was let in. */
export interface Allowed {
  readonly type: 'allowed';
  readonly server: ServerRef;
  readonly route: RouteRef | null;
  readonly authorization: AuthorizationRef;
  readonly client: Client;
  readonly port: number | null;
}

/** An access log line. Policy denials are among them: 403, or 200 for gRPC. */
export interface Access {
  readonly type: 'access';
  readonly client: Client;
  readonly request: RequestTrace;
  readonly status: number;
  /** null: the format does not say, or the response declared no length. */
  readonly responseBytes: number | null;
}

export interface Trouble {
  readonly type: 'trouble';
  readonly kind: SymptomKind;
  readonly port: number | null;
  readonly client: Client | null;
  readonly detail: string;
  readonly request?: RequestTrace;
  readonly peer?: Peer;
  readonly complaint?: ControllerComplaint;
  /** The event goes on in the next lines, which have no head of their own. */
  readonly continues?: boolean;
}

/** `Local identity is …`: whose proxy this is. */
export interface Identity {
  readonly type: 'identity';
  readonly identity: string;
}

/** The first line of a proxy: what came before was another process. */
export interface Start {
  readonly type: 'start';
}

export type Reading = Refusal | Failure | NotApplied | Allowed | Access | Trouble | Identity | Start;
/** `irrelevant`: known, and says nothing about policy. null: not understood. */
export type Outcome = Reading | 'irrelevant' | null;

export function client(ip: string | null, port: number | null, tls: ClientTls | null): Client {
  return { ip, port, tls };
}
