/** One client that asks to be let in: what a kind of change sees, and what it proposes. */
import type { Denied, Law } from '../diagnoses/diagnosis.ts';
import type { Finding, RemedyId } from '../diagnoses/finding.ts';
import type { Traffic } from '../policy/evaluation.ts';
import type { InboundServer } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { type ObjectChange, type Snapshot, withChanges } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import type { Becoming } from './own-reach.ts';
import type { Step } from './remedy.ts';

/** One request that is refused, and the policy that does it. */
export interface Asking {
  readonly law: Law;
  readonly snapshot: Snapshot;
  /** The server's, and its port. */
  readonly pod: Workload;
  readonly port: number;
}

export interface Plea extends Asking {
  readonly denied: Denied;
  /** The cluster before the change that took the permission away; null: none is known. */
  readonly before: Snapshot | null;
  /** The cause that names the kind of change; null: none does. */
  readonly finding: Finding | null;
}

/** Not yet proved. */
export interface Candidate {
  readonly title: string;
  readonly changes: readonly ObjectChange[];
  readonly steps?: readonly Step[];
  readonly widens?: string;
  readonly tightens?: string;
  /** What is asked, where the change makes the proxy read it in another way (a connection as HTTP); else what was denied. */
  readonly traffic?: Traffic;
  /** The workloads that are changed are rolled out, and the client then comes with another identity. */
  readonly becoming?: Becoming;
}

/** One kind of change. Candidates that cannot be proved are dropped, so it may propose more than fits. */
export interface Kind<P extends Asking = Plea> {
  readonly id: RemedyId;
  candidates(plea: P): readonly Candidate[];
}

/** The snapshot after the changes, and the policy on the plea's port. */
export function after(
  { snapshot, pod, port }: Pick<Asking, 'snapshot' | 'pod' | 'port'>,
  changes: readonly ObjectChange[],
): { readonly snapshot: Snapshot; readonly policy: InboundServer } {
  const next = withChanges(snapshot, changes);
  return { snapshot: next, policy: inboundServer(next, pod, port) };
}
