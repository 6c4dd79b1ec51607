/** What the window reads of an explanation (`denywhy.explain/1`, docs/explain.md) and of the way out. */

export interface Ref {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface Label {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

export interface Missing {
  readonly what: string;
  readonly command: string;
}

export interface Explanation {
  readonly clients: readonly ExplainedClient[];
}

export interface ExplainedClient {
  readonly client: {
    readonly serviceAccount: { readonly namespace: string; readonly name: string } | null;
    readonly identity: string | null;
    readonly workload: Ref | null;
    readonly ips: readonly string[];
    readonly node: string | null;
    readonly meshed: boolean | null;
  };
  readonly targets: readonly Target[];
}

export interface Target {
  readonly kind: string;
  readonly workload: Ref | null;
  readonly pods: readonly string[];
  readonly port: number | null;
  readonly portName: string | null;
  readonly server: Label | null;
  readonly route: Label | null;
  readonly count: number;
  readonly countedBy: string;
  readonly first: string | null;
  readonly last: string | null;
  readonly ips: readonly string[];
  readonly requests: readonly { readonly method: string | null; readonly path: string | null; readonly authority: string | null }[];
  readonly sources: readonly Source[];
  readonly decision: Decision;
  readonly findings: readonly Finding[];
  readonly verdict: string | null;
  readonly undecidedFor: readonly string[];
  readonly agrees: boolean | null;
  readonly policy: {
    readonly server: Ref | null;
    readonly protocol: string;
    readonly defaultPolicy: { readonly policy: string; readonly applies: boolean };
  } | null;
  readonly considered: readonly Considered[];
  readonly excluded: readonly { readonly object: Ref; readonly message: string }[];
  readonly networkPolicy: NetworkAnswer | null;
  readonly now: { readonly verdict: string; readonly since: string | null } | null;
  readonly changed: Changed | null;
  readonly missing: readonly Missing[];
}

export interface Source {
  readonly kind: string;
  readonly name: string;
  readonly line: number | null;
  readonly raw: string;
}

export interface Decision {
  readonly sentence: string;
  readonly object: Ref | null;
  readonly required: readonly string[];
  readonly observed: string;
  readonly note: string;
}

export interface Finding {
  readonly id: string;
  readonly summary: string;
  readonly certainty: string;
  readonly todo: string;
  readonly missing: readonly Missing[];
  readonly objects: readonly (Ref & { readonly place: string | null })[];
}

export interface Considered {
  readonly authorization: { readonly ref: Label; readonly object: Ref | null };
  readonly applies: string;
  readonly reason: string;
}

export interface NetworkAnswer {
  readonly verdict: string;
  readonly notEnforcedHere: boolean;
  readonly wire: { readonly port: number };
  readonly egress: NetworkSide;
  readonly ingress: NetworkSide;
}

interface NetworkSide {
  readonly verdict: string;
  readonly policies: readonly Ref[];
}

export interface Changed {
  readonly turned: Turn | null;
  readonly repaired: Turn | null;
  readonly throughout: { readonly since: string | null } | null;
  readonly candidates: readonly {
    readonly object: Ref;
    readonly change: string;
    readonly at: string | null;
    readonly manager: string | null;
    readonly certainty: string;
  }[];
}

export interface Turn {
  readonly at: string | null;
  readonly more: number;
  readonly edits: readonly Edit[];
}

export interface Edit {
  readonly object: Ref;
  readonly change: string;
  readonly fields: readonly { readonly path: string; readonly before: string | null; readonly after: string | null }[];
  readonly moreFields: number;
  readonly manager: { readonly name: string } | null;
  readonly author: { readonly user: string } | null;
}

/** One item of `GET /api/v1/incidents/{id}/remedies`. */
export interface WayOut {
  readonly client: string;
  readonly verdict?: Verdict;
  readonly reasons?: readonly string[];
  readonly remedies?: readonly Remedy[];
}

/** What `GET /api/v1/incidents/{id}/remedies` says of what lets in too much. */
export interface Tightening extends Omit<WayOut, 'client'> {
  readonly finding: string;
  readonly summary: string;
}

export type Verdict = 'fix' | 'decide' | 'do-not-allow' | 'needs-evidence' | 'nothing-to-do';

export interface Remedy {
  readonly number: number | null;
  readonly title: string;
  readonly steps: readonly { readonly text: string; readonly command: string | null }[];
  readonly widens: string | null;
  readonly tightens: string | null;
  readonly changes: readonly RemedyChange[];
  readonly proof: Proof | null;
}

interface RemedyChange {
  readonly action: string;
  readonly object: Ref;
  readonly diff: string;
  readonly keeper: { readonly tool: string; readonly name: string | null } | null;
}

interface Proof {
  readonly clientToo: readonly Newcomer[];
  readonly newlyIn: readonly Newcomer[];
  readonly shutOut: readonly Newcomer[];
}

export interface Newcomer {
  readonly client: string;
  readonly namespace: string;
  readonly port: number;
  readonly requests: readonly string[];
}
