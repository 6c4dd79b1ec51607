/** `denywhy test`: questions of `can` with their expected answers, asked of a folder or a cluster. */
import { stat, writeFile } from 'node:fs/promises';
import { Option } from 'commander';
import { InvalidInput, Unavailable } from '../errors.ts';
import { withExpected } from '../manifests/access-tests.ts';
import { type OpenAsked, openAsked, sayNotices } from './cluster-asked.ts';
import { declareClusterOptions, type RawClusterOptions } from './cluster-options.ts';
import type { Command, Io } from './command.ts';
import { showJson } from './explain-data.ts';
import { createPalette, wantsColor } from './terminal.ts';
import { runTests, type TestResult } from './test-run.ts';
import { showJunit, showTests, testsData } from './test-text.ts';
import { firstTests } from './test-write.ts';

const EXAMPLES = `
Examples:
  $ denywhy test policies.test.yaml --cluster ./policies
  $ denywhy test policies.test.yaml -n shop
  $ denywhy test --write policies.test.yaml -n shop --cluster ./policies
  $ denywhy test shop.yaml web.yaml --cluster dump.yaml -o junit > junit.xml

Exit codes: 0 every answer is the expected one (or the file was written), 1
one is not, 2 the command line or the input is wrong, 3 the cluster is
unavailable. docs/test.md explains the files.
`;

interface RawTestOptions extends RawClusterOptions {
  readonly write?: boolean;
  readonly at?: string;
  readonly output: 'text' | 'json' | 'junit';
}

export const test: Command = {
  name: 'test',
  register(subcommand) {
    subcommand
      .description('who must and who must not reach what: asks it of a folder or a cluster')
      .argument('<file...>', 'questions with their answers');
    declareClusterOptions(subcommand)
      .option('--write', 'write today’s answers: into the file, or a new file to begin with')
      .option('--at <time>', 'the policy of that moment, where --cluster is a history')
      .addOption(new Option('-o, --output <form>', 'form of the results').choices(['text', 'json', 'junit']).default('text'))
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const raw = subcommand.opts<RawTestOptions>();
    const files = subcommand.args;
    const opened = await openAsked(raw, raw.at ?? null, io);
    if (raw.write === true) return write(files, opened, io);
    const { snapshot, cluster, inputs } = opened;
    const results: TestResult[] = [];
    for (const file of files)
      results.push(...runTests(await inputs.text(file), file, { snapshot, namespace: raw.namespace ?? null, view: cluster.view }));
    if (raw.output === 'json') io.stdout.write(showJson(testsData(results, opened.notices)));
    else if (raw.output === 'junit') io.stdout.write(showJunit(results));
    else io.stdout.write(`${showTests(results, io.columns, createPalette(wantsColor(io.isTTY.stdout, io.env))).join('\n')}\n`);
    if (raw.output !== 'json') sayNotices(opened.notices, io);
    return results.every(({ passed }) => passed) ? 0 : 1;
  },
};

async function write(files: readonly string[], { snapshot, namespace, cluster, inputs }: OpenAsked, io: Io): Promise<number> {
  for (const file of files) {
    if (file === '-') throw new InvalidInput('stdin cannot be written.', 'Name a file.');
    if (await isThere(file)) {
      const text = await inputs.text(file);
      const results = runTests(text, file, { snapshot, namespace, view: { ...cluster.view, steps: [], moments: [] } });
      const asked = results.findIndex(({ answer }) => answer === null);
      if (asked >= 0)
        throw new InvalidInput(results[asked]?.why ?? '', 'Repair the question, or delete it.', results[asked]?.place ?? null);
      const changed = new Map(results.flatMap(({ passed, answer }, i) => (passed || answer === null ? [] : [[i, answer] as const])));
      if (changed.size > 0) await save(file, withExpected(text, changed));
      io.stderr.write(`denywhy: ${changed.size} of ${results.length} answers are new in ${file}.\n`);
      continue;
    }
    if (namespace === null) throw new InvalidInput('whose answers?', 'Name the namespace: denywhy test --write FILE -n NAMESPACE.');
    if (!snapshot.namespaces.has(namespace))
      throw new InvalidInput(
        `nothing is in namespace ${namespace}.`,
        `There are: ${[...snapshot.namespaces.keys()]
          .filter((one) => one !== '')
          .slice(0, 8)
          .join(', ')}.`,
      );
    await save(file, firstTests(snapshot, namespace));
    io.stderr.write(`denywhy: wrote ${file}. Read it: what is wrong today is written down too.\n`);
  }
  return 0;
}

function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

async function save(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new Unavailable(`${file} cannot be written: ${code}.`, 'Name a file in a directory that is there and may be written.');
  }
}
