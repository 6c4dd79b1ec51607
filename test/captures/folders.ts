/** Captured folders on disk. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { InvalidInput } from '../../src/errors.ts';
import type { Folder, Report } from './report.ts';
import { checkSituation } from './situation.ts';
import { checkStory } from './story.ts';

const SITUATION = 'replay.json';
const STORY = 'policy-history.jsonl';

/** A file may be packed: `traffic.jsonl.gz` stands for `traffic.jsonl`. */
export function folderAt(path: string): Folder {
  return {
    name: basename(path),
    read(file) {
      const plain = join(path, file);
      if (existsSync(plain)) return readFileSync(plain, 'utf8');
      return existsSync(`${plain}.gz`) ? gunzipSync(readFileSync(`${plain}.gz`)).toString('utf8') : null;
    },
  };
}

function has(path: string, file: string): boolean {
  return existsSync(join(path, file)) || existsSync(join(path, `${file}.gz`));
}

/** Every situation and story at or below a path, in name order. Errors: InvalidInput when there is none. */
export function foldersBelow(path: string): readonly Folder[] {
  if (!existsSync(path))
    throw new InvalidInput('There is no such folder.', 'Name a captured folder, or one that holds some.', { file: path });
  const found = statSync(path).isDirectory() ? walk(path) : [];
  if (found.length === 0) {
    throw new InvalidInput(
      `Nothing here can be replayed: there is no ${SITUATION} and no ${STORY}.`,
      'Name a captured folder, or one that holds some.',
      { file: path },
    );
  }
  return found.map(folderAt);
}

function walk(path: string): readonly string[] {
  if (has(path, SITUATION) || has(path, STORY)) return [path];
  const names = readdirSync(path).sort();
  return names
    .map((name) => join(path, name))
    .filter((below) => statSync(below).isDirectory())
    .flatMap(walk);
}

/** A folder with a history and no replay is a story. */
export function checkFolder(folder: Folder): Report {
  return folder.read(SITUATION) === null ? checkStory(folder) : checkSituation(folder);
}
