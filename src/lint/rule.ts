/** What a lint rule is, and all that it may see. */
import type { Resource } from '../policy/resource.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Against } from './against.ts';
import type { Draft } from './finding.ts';
import type { Suppression } from './suppressions.ts';

export interface Scope {
  /** What is looked at. */
  readonly resources: readonly Resource[];
  /** These as Linkerd takes them, in the cluster that they go to as far as it is known; a pod stands for each workload without any. */
  readonly snapshot: Snapshot;
  /** True: it is the whole cluster, and what is not among the objects does not exist. */
  readonly isWhole: boolean;
  /** Where they go to a cluster that is there: it, and what they change for its clients. */
  readonly against?: Against;
  readonly suppressions: readonly Suppression[];
}

export interface LintRule {
  /** Kebab-case and stable: file, page, cases and suppressions carry it. */
  readonly code: string;
  /** A few words, for lists. */
  readonly title: string;
  /** Pure, and the same for the same objects. */
  check(scope: Scope): Iterable<Draft>;
}
