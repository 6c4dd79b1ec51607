/** `denywhy import`: what `denywhy export` wrote, into an empty store. */
import { Option } from 'commander';
import { loadConfig } from '../config.ts';
import { createInputs } from '../drivers/inputs.ts';
import { InvalidInput } from '../errors.ts';
import { readLines } from '../evidence/log-lines.ts';
import type { Archived } from '../ports.ts';
import { readArchive } from '../triage/archive-text.ts';
import { type OpenArchive, openArchive } from './archive-open.ts';
import type { Command } from './command.ts';
import { beginImport, endImport, halfImportOf } from './half-import.ts';

const EXAMPLES = `
Examples:
  $ denywhy import --from denywhy.ndjson.gz
  $ denywhy export | DENYWHY_STORE_DRIVER=redis denywhy import

Stop denywhy serve first. The store is that of the configuration, and must be
empty. An import that was cut off is not used: run it again, it does the rest.
`;

export const importStore: Command = {
  name: 'import',
  register(subcommand) {
    subcommand
      .description('fill an empty store from a file that denywhy export wrote')
      .addOption(new Option('--from <file>', 'NDJSON, packed or not; - for stdin').default('-', 'stdin'))
      .option('--config <file>', 'configuration in YAML; the environment (DENYWHY_…) goes before it')
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const { from, config } = subcommand.opts<{ from: string; config?: string }>();
    if (from === '-' && io.isTTY.stdin)
      throw new InvalidInput('Nothing is given to import.', 'Name a file: denywhy import --from FILE, or pipe denywhy export into it.');
    const opened = await openArchive(loadConfig(io.env, config ?? null).config, () => Date.now(), `import ${process.pid}`);
    try {
      const file = from === '-' ? 'stdin' : from;
      const things = readArchive(file, readLines(createInputs({ stdin: io.stdin }).open(from)));
      const count = await fill(opened, things, io.now);
      io.stderr.write(`denywhy: ${count.toLocaleString('en')} things of ${file} imported into ${opened.place}\n`);
      return 0;
    } finally {
      await opened.close();
    }
  },
};

/** The first step is read before anything is written: a file that is no export leaves no trace. Returns how many things there were. */
async function fill(
  { store, archive, place, hold }: OpenArchive,
  things: AsyncGenerator<readonly Archived[]>,
  at: number,
): Promise<number> {
  if ((await halfImportOf(store)) === null && !(await archive.isEmpty()))
    throw new InvalidInput(
      `${place} is not empty: an import would mix two stores, and count denials twice.`,
      'Give an empty one: another DENYWHY_STORE_DIRECTORY, or another DENYWHY_REDIS_PREFIX.',
    );
  let count = 0;
  for await (const some of things) {
    if (count === 0) await beginImport(store, at);
    await hold();
    for (const step of inSteps(some)) await archive.write(step);
    count += some.length;
  }
  if (count > 0) await endImport(store);
  return count;
}

/** Characters that are written at a time: a step holds the store up for no longer than some milliseconds. */
const STEP_CHARACTERS = 2 ** 20;
const STEP_THINGS = 200;

function* inSteps(things: readonly Archived[]): Generator<readonly Archived[]> {
  let step: Archived[] = [];
  let size = 0;
  for (const thing of things) {
    step.push(thing);
    size += thing.type === 'batch' ? 0 : JSON.stringify(thing.value).length;
    if (step.length < STEP_THINGS && size < STEP_CHARACTERS) continue;
    yield step;
    [step, size] = [[], 0];
  }
  if (step.length > 0) yield step;
}
