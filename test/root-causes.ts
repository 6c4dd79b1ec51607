/** `root-causes.json`: each of the catalogue's 56 root causes and the diagnosis that is its own. */
import { readFileSync } from 'node:fs';

interface RootCauses {
  /** By the number of the root cause. */
  readonly rows: Readonly<Record<string, string>>;
  /** Diagnoses that are no root cause of a denial. */
  readonly withoutRow: readonly string[];
  /** Those that have no file yet. Empty in the end. */
  readonly notYetWritten: readonly string[];
  /** Root causes that a lint code sees in manifests, by the code. */
  readonly lint: Readonly<Record<string, readonly number[]>>;
}

export const ROOT_CAUSES: RootCauses = JSON.parse(readFileSync(new URL('root-causes.json', import.meta.url), 'utf8'));

/** The root causes that a diagnosis is. */
export function rowsOf(id: string): readonly number[] {
  return Object.entries(ROOT_CAUSES.rows).flatMap(([row, own]) => (own === id ? [Number(row)] : []));
}
