/** A cluster written down in files: manifests, dumps, recorded histories, in any mixture. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInput } from '../errors.ts';
import { showOrigin } from '../manifests/place.ts';
import { type Manifests, readManifests } from '../manifests/read.ts';
import { mergeManifests } from '../manifests/record.ts';
import type { Cluster, ClusterRecord, Inputs, Notice } from '../ports.ts';

export interface ManifestsOptions {
  /** Files, directories (read whole, below too) and `-` for stdin, in the order in which they were given. */
  readonly paths: readonly string[];
  readonly inputs: Inputs;
  /** Of namespaced objects that name none. */
  readonly defaultNamespace: string;
  /** Looks first whether a text is something beside manifests that is wanted too; null: it is not. */
  readonly readOther?: (text: string, file: string) => Manifests | null;
}

const MANIFEST_NAME = /\.(?:ya?ml|json|jsonl)(?:\.gz)?$/i;
const MAX_FILES = 10_000;

/**
 * What is put together how: manifests/record.ts. In a directory, files that hold no manifests are passed over with a notice; a file that was
 * named must hold some. Errors of `read`: InvalidInput.
 */
export function createManifestsCluster(options: ManifestsOptions): Cluster {
  return { read: () => readCluster(options) };
}

async function readCluster({ paths, inputs, defaultNamespace, readOther }: ManifestsOptions): Promise<ClusterRecord> {
  const readings: Manifests[] = [];
  const files = new Map<string, string>();
  const notices: Notice[] = [];
  const blank: string[] = [];
  const readOne = async (path: string, mayBeOther: boolean): Promise<boolean> => {
    const text = await inputs.text(path);
    const file = path === '-' ? 'stdin' : path;
    if (paths.length > 1 && isBlank(text)) {
      notices.push({ where: file, message: 'There is nothing in it.' });
      blank.push(file);
      return true;
    }
    const reading = readOther?.(text, file) ?? readManifests(text, file, { defaultNamespace, mayBeOther });
    if (!reading.isManifest) return false;
    readings.push(reading);
    if (reading.resources.length > 0) files.set(file, text);
    return true;
  };
  for (const path of paths) {
    if (path === '-' || !(await isDirectory(path))) {
      await readOne(path, false);
      continue;
    }
    const found = await listFiles(path);
    const others = [...found.others];
    for (const file of found.candidates) if (!(await readOne(file, true))) others.push(file);
    if (others.length === found.others.length + found.candidates.length) throw noManifests(path, others.length);
    if (others.length > 0) notices.push({ where: path, message: `Passed over, since they hold no manifests: ${someOf(path, others)}.` });
  }
  if (readings.length === 0 && blank[0] !== undefined)
    throw new InvalidInput('There is nothing in it.', 'Name files that hold Kubernetes objects.', { file: blank[0] });
  const merged = mergeManifests(readings);
  return {
    changes: merged.changes,
    files,
    notices: [...notices, ...merged.notices.map(({ origin, message }) => ({ where: showOrigin(origin), message }))],
    isHistory: merged.isHistory,
  };
}

/** Nothing but comments: what is left of a file when nobody needs its objects. */
function isBlank(text: string): boolean {
  return text.length < 65_536 && text.split('\n').every((line) => line.trim() === '' || line.startsWith('#') || line.trim() === '---');
}

/** A name that leads nowhere is left to `inputs`, which says so. */
async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

interface Found {
  readonly candidates: string[];
  readonly others: string[];
}

/** All files below, in the order of their names. Links are followed, each place is seen once; hidden entries and node_modules are left out. */
async function listFiles(root: string): Promise<Found> {
  const found: Found = { candidates: [], others: [] };
  const seen = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    const real = await realpath(path).catch(() => null);
    if (real === null) {
      found.others.push(path);
      return;
    }
    if (seen.has(real)) return;
    seen.add(real);
    const info = await stat(real);
    if (info.isDirectory()) {
      for (const name of (await entriesOf(path)).sort()) {
        if (!name.startsWith('.') && name !== 'node_modules') await visit(join(path, name));
      }
      return;
    }
    (info.isFile() && MANIFEST_NAME.test(path) ? found.candidates : found.others).push(path);
    if (found.candidates.length + found.others.length > MAX_FILES) {
      throw new InvalidInput(
        `There are more than ${MAX_FILES.toLocaleString('en')} files in it.`,
        'Name the directory that holds the manifests.',
        { file: root },
      );
    }
  };
  await visit(root);
  return found;
}

async function entriesOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM')) {
      throw new InvalidInput('This directory may not be read.', 'Give yourself the permission, or name the files.', { file: directory });
    }
    throw error;
  }
}

function noManifests(directory: string, count: number): InvalidInput {
  const what =
    count === 0 ? 'There are no files in this directory.' : `None of the ${count} files in this directory holds Kubernetes objects.`;
  return new InvalidInput(
    what,
    'Manifests and dumps are recognised by apiVersion and kind, in files *.yaml, *.yml, *.json, *.jsonl and their .gz.',
    {
      file: directory,
    },
  );
}

/** A few names, without the directory they all lie in. */
function someOf(root: string, paths: readonly string[]): string {
  const shown = paths.slice(0, 5).map((path) => path.slice(join(root, '/').length));
  return paths.length > shown.length ? `${shown.join(', ')} and ${paths.length - shown.length} more` : shown.join(', ');
}
