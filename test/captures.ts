/**
 * `npm run captures -- [--findings|--remedies|--lint [-o json]] DIR…`: compares our law and our parsers with what was captured from a running Linkerd;
 * with `--findings`, our diagnoses with why its clients were really refused; with `--remedies`, what we offer them with what its fix did; with
 * `--lint`, what we say of its objects with why they denied and what its fix changed.
 * Prints `agree N of M` per folder and in all, what cannot be compared, then each difference; exit 1 if there is any.
 * `-o json`: our answers alone, one a line.
 */
import { parseArgs } from 'node:util';
import { InvalidInput } from '../src/errors.ts';
import { checkFolder, foldersBelow } from './captures/folders.ts';
import { countOfFindings, dataLines, judgeFindings, textLines } from './captures/judge-findings.ts';
import { countOfLint, judgeLint, lintLines, lintText } from './captures/judge-lint.ts';
import { countOfRemedies, judgeRemedies, remedyData, remedyText } from './captures/judge-remedies.ts';
import { type Check, countOf, type Folder, type Report, showCount } from './captures/report.ts';

const { values: options, positionals: paths } = parseArgs({
  options: {
    findings: { type: 'boolean', default: false },
    remedies: { type: 'boolean', default: false },
    lint: { type: 'boolean', default: false },
    output: { type: 'string', short: 'o', default: 'text' },
  },
  allowPositionals: true,
});
if (options.output !== 'text' && (options.output !== 'json' || !(options.findings || options.remedies || options.lint))) {
  process.stderr.write('captures: -o takes text, or json beside --findings, --remedies or --lint\n');
  process.exit(2);
}
if (paths.length === 0) {
  process.stderr.write('captures: name captured folders, e.g. npm run captures -- test/fixtures/captures/situations\n');
  process.exit(2);
}

try {
  const { agreed, all } = options.findings ? findings() : options.remedies ? remedies() : options.lint ? lint() : checks();
  process.exitCode = agreed === all && all > 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof InvalidInput)) throw error;
  process.stderr.write(`captures: ${error.place?.file ?? ''}: ${error.message} ${error.remedy}\n`);
  process.exitCode = 2;
}

function checks() {
  const all = paths.flatMap(foldersBelow).flatMap((folder) => {
    const report = checkFolder(folder);
    process.stdout.write(showReport(report));
    return report.checks;
  });
  process.stdout.write(`in all: ${showCount(all)}\n`);
  return countOf(all);
}

function findings() {
  return judged(judgeFindings, { data: dataLines, text: textLines, count: countOfFindings });
}

function remedies() {
  return judged(judgeRemedies, { data: remedyData, text: remedyText, count: countOfRemedies });
}

function lint() {
  return judged(judgeLint, { data: lintLines, text: lintText, count: countOfLint });
}

interface Shown<R> {
  readonly data: (report: R) => readonly string[];
  readonly text: (report: R) => readonly string[];
  readonly count: (reports: readonly R[]) => { readonly agreed: number; readonly all: number };
}

/** Stories have no clients to judge. */
function judged<R>(judge: (folder: Folder) => R, { data, text, count }: Shown<R>) {
  const situations = paths.flatMap(foldersBelow).filter((folder) => folder.read('truth.json') !== null);
  const reports = situations.map((folder) => {
    const report = judge(folder);
    const lines = options.output === 'json' ? data(report) : text(report);
    if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
    return report;
  });
  const sum = count(reports);
  if (options.output !== 'json') process.stdout.write(`in all: agree ${sum.agreed} of ${sum.all}\n`);
  return sum;
}

function showReport({ name, checks, skipped }: Report): string {
  const lines = [`${name}: ${showCount(checks)}`, ...skipped.map((s) => `  – ${s}`), ...checks.flatMap(showDifferences)];
  return `${lines.join('\n')}\n`;
}

function showDifferences({ kind, about, differences }: Check): readonly string[] {
  return differences.map((d) => `  ✗ ${kind} ${about} ${d.field}: expected ${JSON.stringify(d.expected)}, got ${JSON.stringify(d.got)}`);
}
