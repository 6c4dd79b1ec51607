/** The way out of one denial: changes that were proved before anyone sees them, or why there is none. */
import type { Who } from '../access/clients.ts';
import type { RemedyId } from '../diagnoses/finding.ts';
import type { PatchOperation } from '../manifests/json-patch.ts';
import type { Keeper } from '../manifests/keeper.ts';
import type { Evaluation } from '../policy/evaluation.ts';
import type { RouteRef } from '../policy/inbound.ts';
import type { ObjectRef, Origin, Resource } from '../policy/resource.ts';

/**
 * The one answer that sorts lists. `fix`: the first remedy is a change that is proved. `decide`: a person must choose first (mesh the client,
 * give it a ServiceAccount). `do-not-allow`: the denial looks right. `needs-evidence`: what would decide was not observed. `nothing-to-do`: the
 * policy in force lets it in.
 */
export type RemedyVerdict = 'fix' | 'decide' | 'do-not-allow' | 'needs-evidence' | 'nothing-to-do';

/** What becomes of one object. */
export interface Change {
  readonly action: 'create' | 'edit' | 'delete';
  readonly object: ObjectRef;
  /** null: it does not exist yet. */
  readonly before: Resource | null;
  /** With the status that Linkerd would give it; null: it is deleted. */
  readonly after: Resource | null;
  /** Whole, for `kubectl apply`, without what only an API server writes; null: it is deleted, or only a part of it is known and the patch edits it. */
  readonly manifest: unknown;
  /** For `kubectl patch --type json`; none where the object is created or deleted. */
  readonly patch: readonly PatchOperation[];
  /** Where it stands, as far as anybody knows. */
  readonly origin: Origin | null;
  /** Against the file it stands in, comments and form kept; where that cannot be, against the object as YAML. */
  readonly diff: string;
  /** Whether `diff` is against the file. */
  readonly isOfFile: boolean;
  /** Who would take a manual edit back; null: nobody is known to. */
  readonly keeper: Keeper | null;
}

/** What a person does by hand: no object of policy changes. */
export interface Step {
  readonly text: string;
  /** null: there is no single one. */
  readonly command: string | null;
}

/** Clients of one kind for which requests to one port come out differently. */
export interface Newcomer {
  readonly who: Who;
  readonly namespace: string;
  /** Workloads behind the port. */
  readonly pods: number;
  readonly port: number;
  readonly server: string | null;
  readonly requests: readonly string[];
  /** Where they are too many to be told one by one: so many more clients of this kind, and so many more ports of this number. */
  readonly alike?: { readonly clients: number; readonly ports: number };
}

export interface Proof {
  /** What the client's request comes out as. */
  readonly verdict: Evaluation['verdict'];
  readonly route: RouteRef | null;
  /** What the client itself may do newly beside the request that was denied. */
  readonly clientToo: readonly Newcomer[];
  /** Everybody else who newly gets in. */
  readonly newlyIn: readonly Newcomer[];
  /** Whom it shuts out, none of whom was seen; of the paths of probes only the kubelet counts. */
  readonly shutOut: readonly Newcomer[];
}

export interface Remedy {
  readonly id: RemedyId;
  /** One sentence: what to do. */
  readonly title: string;
  /** In the order in which they are applied. Empty: the steps alone are the remedy. */
  readonly changes: readonly Change[];
  readonly steps: readonly Step[];
  /** What it lets in beyond need, and why nothing less works; null: nothing. */
  readonly widens: string | null;
  /** Whom it shuts out by intent; null: nobody. */
  readonly tightens: string | null;
  /** null exactly where nothing is changed. */
  readonly proof: Proof | null;
}

export interface WayOut {
  readonly verdict: RemedyVerdict;
  /** Why this verdict, in sentences; for `fix` and `decide`, whose remedies say it, why a grant would have been withheld. */
  readonly reasons: readonly string[];
  /** Best first; empty for `do-not-allow` and `nothing-to-do`. */
  readonly remedies: readonly Remedy[];
}
