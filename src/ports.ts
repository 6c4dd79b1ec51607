/** The outside world on one page: what the product needs of a cluster, metrics and logs. Drivers implement it, commands choose. */
import type { Fact } from './evidence/facts.ts';
import type { Change } from './policy/resource.ts';

/** Something about the input that a person should know and that did not stop the work. */
export interface Notice {
  /** `file:line:column` where known. */
  readonly where: string;
  readonly message: string;
}

/** A cluster as it was read: its objects, or its history. */
export interface ClusterRecord {
  /** In order of time; those without a time first. */
  readonly changes: readonly Change[];
  /** The text of each manifest file, for diffs against the source. */
  readonly files: ReadonlyMap<string, string>;
  readonly notices: readonly Notice[];
  /** True when the input holds recorded watch events with times. */
  readonly isHistory: boolean;
}

/** Files by their names, and stdin by `-`. Gzip is unpacked. Errors: InvalidInput (absent, no permission, a directory, broken gzip, stdin read twice). */
export interface Inputs {
  /** The bytes, for what may be of any length. */
  open(path: string): AsyncIterable<Uint8Array>;
  /** The whole text: UTF-8, or UTF-16 with its mark. Errors also: not text, too large for one text. */
  text(path: string): Promise<string>;
}

/** Reads a cluster. Errors: InvalidInput (unreadable, truncated, …), Unavailable. */
export interface Cluster {
  read(): Promise<ClusterRecord>;
}

/** A stream of facts from logs, metrics or alerts, in the order of the source. */
export interface FactSource {
  facts(): AsyncIterable<Fact>;
}
