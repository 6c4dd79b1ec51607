/** What a captured folder is checked for, and how the outcome is counted. */
import type { Difference } from '../oracle/diff.ts';

export const KINDS = ['verdict', 'policy', 'metrics', 'log', 'request', 'count'] as const;

/**
 * One thing that was recorded and that we say too.
 * `verdict`: a replay entry; `policy`: an effective policy; `metrics`: a line of `metricDelta`; `log`: a denial line; `request`: of a story; `count`: a number in a story's notes.
 */
export interface Check {
  readonly kind: (typeof KINDS)[number];
  readonly about: string;
  /** Empty: agreed. */
  readonly differences: readonly Difference[];
}

export interface Report {
  readonly name: string;
  readonly checks: readonly Check[];
  /** Said aloud, not counted: what cannot be decided or is not there, with the reason. */
  readonly skipped: readonly string[];
}

/** A captured folder; tests alter its files in memory. */
export interface Folder {
  readonly name: string;
  /** null: there is no such file. */
  read(file: string): string | null;
}

export function countOf(checks: readonly Check[]): { readonly agreed: number; readonly all: number } {
  return { agreed: checks.filter((c) => c.differences.length === 0).length, all: checks.length };
}

/** `agree 9 of 9 (3 verdicts, 1 policy, …)`; a kind that does not wholly agree as `2/3 verdicts`. */
export function showCount(checks: readonly Check[]): string {
  const { agreed, all } = countOf(checks);
  const parts = KINDS.flatMap((kind) => {
    const own = countOf(checks.filter((c) => c.kind === kind));
    return own.all === 0 ? [] : [`${own.agreed === own.all ? own.all : `${own.agreed}/${own.all}`} ${plural(kind, own.all)}`];
  });
  return `agree ${agreed} of ${all}${parts.length === 0 ? '' : ` (${parts.join(', ')})`}`;
}

function plural(kind: Check['kind'], count: number): string {
  const words = { verdict: 'verdict', policy: 'policy', metrics: 'counter', log: 'log line', request: 'request', count: 'count' };
  if (count === 1) return words[kind];
  return kind === 'policy' ? 'policies' : `${words[kind]}s`;
}
