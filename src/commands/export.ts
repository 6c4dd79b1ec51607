/** `denywhy export`: a store as one file, to keep, or to import into another store. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import manifest from '../../package.json' with { type: 'json' };
import { loadConfig } from '../config.ts';
import { InvalidInput } from '../errors.ts';
import { showInstant } from '../policy/time.ts';
import { showEnd, showHead, showThing } from '../triage/archive-text.ts';
import { type OpenArchive, openArchive } from './archive-open.ts';
import type { Command, Io } from './command.ts';
import { refuseHalfImport } from './half-import.ts';

const EXAMPLES = `
Examples:
  $ denywhy export --to denywhy.ndjson.gz
  $ DENYWHY_STORE_DRIVER=redis denywhy export | gzip > denywhy.ndjson.gz

Stop denywhy serve first. The store is that of the configuration (denywhy config
shows it). docs/export.md says what is in the file.
`;

export const exportStore: Command = {
  name: 'export',
  register(subcommand) {
    subcommand
      .description('write everything of the store into one file: incidents, their clients and explanations, mutes, events')
      .option('--to <file>', 'NDJSON; packed when the name ends in .gz; stdout where left out')
      .option('--config <file>', 'configuration in YAML; the environment (DENYWHY_…) goes before it')
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const { to, config } = subcommand.opts<{ to?: string; config?: string }>();
    const opened = await openArchive(loadConfig(io.env, config ?? null).config, () => Date.now(), `export ${process.pid}`);
    try {
      await refuseHalfImport(opened.store);
      const counted = { things: 0 };
      const lines = linesOf(opened, showInstant(io.now), counted);
      if (to === undefined) await writeTo(io.stdout, lines);
      else await writeFile(to, lines);
      io.stderr.write(
        `denywhy: ${counted.things.toLocaleString('en')} things of ${opened.place} exported${to === undefined ? '' : ` to ${to}`}\n`,
      );
      return 0;
    } finally {
      await opened.close();
    }
  },
};

async function* linesOf({ archive, hold }: OpenArchive, at: string, counted: { things: number }): AsyncGenerator<string> {
  yield showHead({ version: manifest.version, at });
  for await (const things of archive.read()) {
    await hold();
    counted.things += things.length;
    if (things.length > 0) yield things.map(showThing).join('');
  }
  yield showEnd(counted.things);
}

async function writeTo(stream: Io['stdout'] & Writable, lines: AsyncIterable<string>): Promise<void> {
  for await (const text of lines) if (!stream.write(text)) await once(stream, 'drain');
}

/** The file has its name only when all of it is on the disk. Errors: InvalidInput. */
async function writeFile(path: string, lines: AsyncIterable<string>): Promise<void> {
  const partial = `${path}.partial`;
  try {
    const file = createWriteStream(partial, { mode: 0o600, flush: true });
    const source = Readable.from(lines, { objectMode: true });
    if (path.endsWith('.gz')) await pipeline(source, createGzip(), file);
    else await pipeline(source, file);
    await rename(partial, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw fileFault(error, path);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  await directory.sync().finally(() => directory.close());
}

function fileFault(error: unknown, file: string): unknown {
  const code = error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : null;
  if (code === null) return error;
  const [what, remedy] =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? ['There is no such directory.', 'Make the directory first, or give another name.']
      : code === 'ENOSPC' || code === 'EDQUOT'
        ? ['The disk is full.', 'Make room, or give a file on another disk; a name that ends in .gz takes a tenth.']
        : code === 'EISDIR'
          ? ['This is a directory.', 'Give the name of a file in it.']
          : [`This file cannot be written (${code}).`, 'Give a file in a directory where you may write.'];
  return new InvalidInput(what, remedy, { file });
}
