/**
 * `npm run captures -- [--findings [-o json]] DIR…`: compares our law and our parsers with what was captured from a running Linkerd, or, with
 * `--findings`, our diagnoses with why its clients were really refused.
 * Prints `agree N of M` per folder and in all, what cannot be compared, then each difference; exit 1 if there is any.
 * `-o json`: our answers alone, one a line.
 */
import { parseArgs } from 'node:util';
import { InvalidInput } from '../src/errors.ts';
import { checkFolder, foldersBelow } from './captures/folders.ts';
import { countOfFindings, dataLines, judgeFindings, textLines } from './captures/judge-findings.ts';
import { type Check, countOf, type Report, showCount } from './captures/report.ts';

const { values: options, positionals: paths } = parseArgs({
  options: { findings: { type: 'boolean', default: false }, output: { type: 'string', short: 'o', default: 'text' } },
  allowPositionals: true,
});
if (options.output !== 'text' && (options.output !== 'json' || !options.findings)) {
  process.stderr.write('captures: -o takes text, or json beside --findings\n');
  process.exit(2);
}
if (paths.length === 0) {
  process.stderr.write('captures: name captured folders, e.g. npm run captures -- test/fixtures/captures/situations\n');
  process.exit(2);
}

try {
  const { agreed, all } = options.findings ? findings() : checks();
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

/** Stories have no clients to judge. */
function findings() {
  const situations = paths.flatMap(foldersBelow).filter((folder) => folder.read('truth.json') !== null);
  const reports = situations.map((folder) => {
    const report = judgeFindings(folder);
    const lines = options.output === 'json' ? dataLines(report) : textLines(report);
    process.stdout.write(`${lines.join('\n')}\n`);
    return report;
  });
  const count = countOfFindings(reports);
  if (options.output !== 'json') process.stdout.write(`in all: agree ${count.agreed} of ${count.all}\n`);
  return count;
}

function showReport({ name, checks, skipped }: Report): string {
  const lines = [`${name}: ${showCount(checks)}`, ...skipped.map((s) => `  – ${s}`), ...checks.flatMap(showDifferences)];
  return `${lines.join('\n')}\n`;
}

function showDifferences({ kind, about, differences }: Check): readonly string[] {
  return differences.map((d) => `  ✗ ${kind} ${about} ${d.field}: expected ${JSON.stringify(d.expected)}, got ${JSON.stringify(d.got)}`);
}
