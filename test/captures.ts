/**
 * `npm run captures -- DIR…`: compares our law and our parsers with what was captured from a running Linkerd.
 * Prints `agree N of M` per folder and in all, what cannot be compared, then each difference; exit 1 if there is any.
 */
import { InvalidInput } from '../src/errors.ts';
import { checkFolder, foldersBelow } from './captures/folders.ts';
import { type Check, countOf, type Report, showCount } from './captures/report.ts';

const paths = process.argv.slice(2);
if (paths.length === 0) {
  process.stderr.write('captures: name captured folders, e.g. npm run captures -- test/fixtures/captures/situations\n');
  process.exit(2);
}

try {
  const checks = paths.flatMap(foldersBelow).flatMap((folder) => {
    const report = checkFolder(folder);
    process.stdout.write(showReport(report));
    return report.checks;
  });
  process.stdout.write(`in all: ${showCount(checks)}\n`);
  const { agreed, all } = countOf(checks);
  process.exitCode = agreed === all && all > 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof InvalidInput)) throw error;
  process.stderr.write(`captures: ${error.place?.file ?? ''}: ${error.message} ${error.remedy}\n`);
  process.exitCode = 2;
}

function showReport({ name, checks, skipped }: Report): string {
  const lines = [`${name}: ${showCount(checks)}`, ...skipped.map((s) => `  – ${s}`), ...checks.flatMap(showDifferences)];
  return `${lines.join('\n')}\n`;
}

function showDifferences({ kind, about, differences }: Check): readonly string[] {
  return differences.map((d) => `  ✗ ${kind} ${about} ${d.field}: expected ${JSON.stringify(d.expected)}, got ${JSON.stringify(d.got)}`);
}
