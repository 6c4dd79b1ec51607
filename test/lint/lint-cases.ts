/** Folders of `test/lint/cases`: manifests in which a rule speaks, and such as look alike. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { lintData } from '../../src/commands/lint-forms.ts';
import { run as runCommand } from '../run-command.ts';

const ROOT = join(import.meta.dirname, '../..');
const CASES = join(ROOT, 'test/lint/cases');

export interface LintCase {
  readonly code: string;
  readonly name: string;
  readonly isFiring: boolean;
  /** From the root of the checkout. */
  readonly path: string;
  readonly text: string;
  /** The cluster that it goes to; null: the manifests are all that is known. */
  readonly cluster: string | null;
}

export const LINT_CASES: readonly LintCase[] = readdirSync(CASES).flatMap((code) =>
  readdirSync(join(CASES, code))
    .filter((file) => file.endsWith('.yaml') && !file.endsWith('.cluster.yaml'))
    .map((file): LintCase => {
      const path = join(CASES, code, file);
      const cluster = path.replace(/\.yaml$/, '.cluster.yaml');
      return {
        code,
        name: file.slice(0, -'.yaml'.length),
        isFiring: file.startsWith('firing'),
        path: relative(ROOT, path),
        text: readFileSync(path, 'utf8'),
        cluster: existsSync(cluster) ? relative(ROOT, cluster) : null,
      };
    }),
);

/** What `denywhy lint` answers, in this process; `path` stands for the case's own. */
export async function lintCase({ path, cluster }: LintCase, args: readonly string[] = [], own = path) {
  return runCommand(['lint', own, '-n', 'shop', ...(cluster === null ? [] : ['--against', cluster]), ...args]);
}

export async function dataOf(lintCaseOf: LintCase, own = lintCaseOf.path): Promise<ReturnType<typeof lintData>> {
  return JSON.parse((await lintCase(lintCaseOf, ['-o', 'json'], own)).stdout);
}
