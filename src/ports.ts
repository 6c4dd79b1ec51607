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

/** Opens a file, or stdin by `-`, and unpacks gzip. Errors while it is read: InvalidInput (absent, no permission, a directory, too large, broken gzip). */
export type OpenInput = (path: string) => AsyncIterable<Uint8Array>;

/** Reads a cluster. Errors: InvalidInput (unreadable, truncated, …), Unavailable. */
export interface Cluster {
  read(): Promise<ClusterRecord>;
}

/** A stream of facts from logs, metrics or alerts, in the order of the source. */
export interface FactSource {
  facts(): AsyncIterable<Fact>;
}
