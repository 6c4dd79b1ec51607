/**
 * `npm run oracle -- FILE…`: compares our law with Linkerd's own decisions, in the formats of the oracle.
 * Prints `agree N of M` per file and in all, then each disagreement; exit 1 if there is any. `--print` writes our answers instead.
 */
import { basename } from 'node:path';
import { type Comparison, compareAdmission, compareCluster, compareUpdates } from './oracle/cases.ts';
import { type Difference, differences } from './oracle/diff.ts';
import { compareEvidence } from './oracle/evidence.ts';
import { filesBelow, type Rec, readRecords, Unreadable } from './oracle/read.ts';

const args = process.argv.slice(2);
const print = args.includes('--print');
const paths = args.filter((arg) => !arg.startsWith('-'));
if (paths.length === 0) {
  process.stderr.write('oracle: name files or folders in the formats of the oracle, e.g. npm run oracle -- test/fixtures/oracle\n');
  process.exit(2);
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader went away (`… | head`).
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.on('uncaughtException', (error) => {
  process.stderr.write(`oracle: ${error instanceof Unreadable ? error.message : error.stack}\n`);
  process.exitCode = error instanceof Unreadable ? 2 : 70;
});

let disagreed = false;
const all = { files: 0, asked: 0, agreed: 0 };
for (const file of filesBelow(paths)) {
  const tally = { asked: 0, agreed: 0, admittedOnly: 0 };
  const lines: string[] = [];
  for (const comparison of comparisonsOf(file)) {
    if (print) {
      process.stdout.write(`${JSON.stringify({ case: comparison.case, query: comparison.query, got: comparison.got })}\n`);
      continue;
    }
    tally.asked++;
    if (comparison.remark === 'admitted-only') tally.admittedOnly++;
    const found = differences(comparison.expected, comparison.got);
    if (found.length === 0) tally.agreed++;
    for (const d of found) lines.push(show(comparison, d));
  }
  if (print) continue;
  const note =
    tally.admittedOnly === 0 ? '' : ` (${tally.admittedOnly} refused in a parser's words: compared by admitted and schema alone)`;
  process.stdout.write(`${basename(file)}: agree ${tally.agreed} of ${tally.asked}${note}\n`);
  for (const line of lines) process.stdout.write(`  ${line}\n`);
  all.files++;
  all.asked += tally.asked;
  all.agreed += tally.agreed;
  if (tally.agreed < tally.asked || tally.asked === 0) disagreed = true;
  if (tally.asked === 0) process.stdout.write('  nothing in this file has a format of the oracle\n');
}
if (all.files > 1) process.stdout.write(`in all: agree ${all.agreed} of ${all.asked} (${all.files} files)\n`);
// Not process.exit(), which would cut off what a pipe has not taken yet.
process.exitCode = disagreed ? 1 : 0;

function* comparisonsOf(file: string): Iterable<Comparison> {
  const records = readRecords(file);
  if (records[0]?.['settings'] !== undefined && records[0]['id'] === undefined) {
    yield* compareCluster(benchmark(records));
    return;
  }
  for (const record of records) {
    if (record['steps'] !== undefined) yield* compareUpdates(record);
    else if (record['object'] !== undefined) yield* compareAdmission(record);
    else if (record['scenario'] !== undefined) yield* compareEvidence(record, file);
    else if (record['resources'] !== undefined) yield* compareCluster(record);
  }
}

/** The benchmark's one-key lines as one cluster. */
function benchmark(records: readonly Rec[]): Rec {
  return {
    id: 'benchmark',
    settings: records[0]?.['settings'] as Rec,
    resources: records.flatMap((r) => (r['resource'] === undefined ? [] : [r['resource']])),
    queries: records.flatMap((r) => (r['query'] === undefined ? [] : [{ ...(r['query'] as Rec) }])),
  };
}

function show(c: Comparison, d: Difference): string {
  return `${c.case} ${c.query} ${d.field || '(whole)'}: expected ${JSON.stringify(d.expected)}, got ${JSON.stringify(d.got)}`;
}
