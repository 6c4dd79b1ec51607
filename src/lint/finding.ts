/** What lint says of one object. */
import type { Path } from '../manifests/document.ts';
import type { Resource } from '../policy/resource.ts';

/** `error`: it cannot be applied, or does not do what it says. `warning`: it does more, or less, than most people mean. `info`: worth knowing. */
export type Severity = 'error' | 'warning' | 'info';

/** A change of one value of the object as it is written. */
export type Edit = { readonly set: Path; readonly value: unknown } | { readonly remove: Path };

export interface Draft {
  readonly severity: Severity;
  readonly object: Resource;
  /** Leads to the value that is wrong. */
  readonly path: Path;
  /** Of the file, where what is wrong is no value of the object. */
  readonly line?: number;
  /** What is wrong: one sentence. */
  readonly problem: string;
  /** What the object does (or fails to do) for that reason, by evaluating it. */
  readonly effect: string;
  /** The right form. */
  readonly right: string;
  /** The mechanical repair; empty: a person has to decide. */
  readonly edits: readonly Edit[];
}

export interface LintFinding extends Draft {
  readonly code: string;
  /** Why somebody wants to hear no more of it; null: nobody does. */
  readonly suppressed: string | null;
}
