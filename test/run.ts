/** `npm test`: every check there is, one after the other, and one line at the end that says how it went. Installs nothing. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';
import manifest from '../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'node_modules', '.bin');
const isPlain = process.stdout.isTTY !== true || (process.env['NO_COLOR'] ?? '') !== '';

interface Step {
  readonly title: string;
  readonly binary: string;
  readonly args: readonly string[];
}

interface Outcome {
  readonly step: Step;
  readonly state: 'ok' | 'failed' | 'skipped';
}

/** What is read of vitest's JSON report (the form is jest's). */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

interface Tally {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

function run(step: Step): Outcome {
  console.log(`\n── ${step.title} ${'─'.repeat(Math.max(3, 76 - step.title.length))}`);
  if (!existsSync(join(BIN, step.binary))) {
    const required = process.env['CI'] === 'true';
    console.log(`${required ? 'FAILED' : 'skipped'}: ${step.binary} is not installed (npm ci installs it)`);
    return { step, state: required ? 'failed' : 'skipped' };
  }
  const begin = performance.now();
  const { status } = spawnSync(join(BIN, step.binary), step.args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...(isPlain ? { NO_COLOR: '1' } : {}), PATH: `${BIN}${delimiter}${process.env['PATH'] ?? ''}` },
  });
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok' : 'FAILED'} in ${seconds} s`);
  return { step, state: status === 0 ? 'ok' : 'failed' };
}

/** Counts tests. A file that failed before its first test counts as one failure: its tests did not run, which is not a skip. */
function tally(file: string): Tally {
  if (!existsSync(file)) return { passed: 0, failed: [], skipped: [] };
  const report: Report = JSON.parse(readFileSync(file, 'utf8'));
  let passed = 0;
  const failed: string[] = [];
  const skipped: string[] = [];
  for (const { name, status, message, assertionResults } of report.testResults) {
    const path = relative(ROOT, name);
    const before = failed.length;
    const unrun: string[] = [];
    for (const test of assertionResults) {
      if (test.status === 'passed') passed += 1;
      else (test.status === 'failed' ? failed : unrun).push(`${path}: ${test.fullName}`);
    }
    if (status === 'failed' && failed.length === before) failed.push(`${path}: did not run: ${message.split('\n')[0]}`);
    else skipped.push(...unrun);
  }
  return { passed, failed, skipped };
}

function isBundledNode(): boolean {
  const bundled = `v${manifest.dependencies.node}`;
  if (process.version === bundled) return true;
  console.error(`This is Node ${process.version} (${process.execPath}); the tests run under ${bundled}, which the lockfile brings.`);
  console.error('Run `npm ci` (without --ignore-scripts), then `npm test`.');
  return false;
}

function main(): number {
  if (!isBundledNode()) return 1;
  const scratch = mkdtempSync(join(tmpdir(), 'denywhy-test-'));
  try {
    const report = join(scratch, 'vitest.json');
    const outcomes = [
      {
        title: 'biome: format, lint, walls between rooms',
        binary: 'biome',
        args: ['ci', ...(isPlain ? ['--colors=off'] : []), '--error-on-warnings', '.'],
      },
      { title: 'tsc: types', binary: 'tsc', args: ['--noEmit'] },
      { title: 'tsc: types of the window', binary: 'tsc', args: ['--noEmit', '-p', 'src/web'] },
      { title: 'knip: dead code', binary: 'knip', args: [] },
      { title: 'vite: the window', binary: 'vite', args: ['build', '--logLevel', 'warn', 'src/web'] },
      { title: 'vitest: tests', binary: 'vitest', args: ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`] },
    ].map(run);
    return summarize(outcomes, tally(report));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function summarize(outcomes: readonly Outcome[], { passed, failed, skipped }: Tally): number {
  console.log(`\n── summary ${'─'.repeat(69)}`);
  for (const { step, state } of outcomes) console.log(`${state.padEnd(8)} ${step.title}`);
  for (const name of skipped) console.log(`skipped  ${name}`);
  for (const name of failed) console.log(`failed   ${name}`);
  console.log(`${passed} passed, ${failed.length} failed${skipped.length === 0 ? '' : `, ${skipped.length} skipped`}`);
  return failed.length > 0 || passed === 0 || outcomes.some(({ state }) => state === 'failed') ? 1 : 0;
}

process.exitCode = main();
