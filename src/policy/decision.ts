/** What a decision is for people, and what is known when it is put into words. */
import type { ClientTls } from './evaluation.ts';
import type { Excluded, NearServer, UnattachedRoute } from './excluded.ts';
import type { RouteRef, ServerRef } from './inbound.ts';
import type { ObjectRef } from './resource.ts';
import type { Surroundings } from './wording.ts';

export interface Decision {
  /** One sentence, or two. */
  readonly sentence: string;
  /** The object that decided; null where a default did, or nothing is known. */
  readonly object: ObjectRef | null;
  /** What would have been let in, the one most like the client first, and what came; both empty where the sentence says all. */
  readonly required: readonly string[];
  readonly observed: string;
  /** What stands out in `observed`; empty where nothing is to be added. */
  readonly note: string;
}

/** What is known beside the evaluation. */
export interface DecidingContext extends Surroundings {
  readonly excluded: readonly Excluded[];
  readonly nearServers: readonly NearServer[];
  readonly unattachedRoutes: readonly UnattachedRoute[];
  /** The server's workload, for people. */
  readonly workload: string;
  readonly port: number | null;
  /** Whether the pod declares the port; proxies know the policy of others only after their first connection. */
  readonly isDeclared: boolean;
  /** Paths that the kubelet probes on this port. */
  readonly probePaths: readonly string[];
  readonly denied: DenialAlone;
  /** False: this policy would not have done what the proxy did. */
  readonly agrees: boolean;
  /** True: the policy is that of a moment which was asked for, not of the denial's. */
  readonly isOfMomentAsked: boolean;
  /** null: nobody knows. */
  readonly hasServiceAccount: (namespace: string, name: string) => boolean | null;
}

/** What the proxy itself said of the denial. */
export interface DenialAlone {
  readonly kind: 'http-denied' | 'tcp-denied' | 'terminated' | 'route-not-found' | 'rate-limited' | 'audit-allowed';
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  readonly tls: ClientTls | null;
  readonly clientIp: string | null;
  /** The error text, where there is one. */
  readonly error: string | null;
  readonly requests: readonly { readonly method: string | null; readonly path: string | null }[];
}

/** A decision that one sentence says whole. */
export function say(sentence: string, object: ObjectRef | null = null): Decision {
  return { sentence, object, required: [], observed: '', note: '' };
}
