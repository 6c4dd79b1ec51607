/** A directory that holds the objects of a recording as they stand at this moment of it, a file each: what the manifests driver watches. */
import { createHash } from 'node:crypto';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeDirectory } from '../drivers/directory.ts';
import { InvalidInput } from '../errors.ts';
import { showYaml } from '../manifests/yaml-show.ts';
import { type Change, objectKey, type Resource, refOf } from '../policy/resource.ts';

export interface PolicyDirectory {
  take(change: Change): void;
  /** Writes what changed since: each file is there as it was or as it is, never half. Errors: InvalidInput. */
  flush(): Promise<void>;
}

/** What is written by this program; everything else in the directory is let alone. */
const SUFFIX = '.story.yaml';

/** Makes the directory, and removes what an earlier story left in it. Errors: InvalidInput. */
export async function openPolicyDirectory(directory: string): Promise<PolicyDirectory> {
  await writing(directory, async () => {
    makeDirectory(resolve(directory));
    const names = await readdir(directory);
    for (const name of names.filter((one) => one.endsWith(SUFFIX))) await rm(join(directory, name), { force: true });
  });
  const written = new Map<string, string>();
  const changed = new Map<string, string | null>();
  return {
    take({ type, resource }) {
      changed.set(nameOf(resource), type === 'deleted' ? null : textOf(resource));
    },
    async flush() {
      const files = [...changed].filter(([name, text]) => (written.get(name) ?? null) !== text);
      changed.clear();
      await writing(directory, async () => {
        for (const [name, text] of files) await put(join(directory, name), text);
      });
      for (const [name, text] of files) {
        if (text === null) written.delete(name);
        else written.set(name, text);
      }
    },
  };
}

/** Hidden until it is whole. */
async function put(file: string, text: string | null): Promise<void> {
  if (text === null) {
    await rm(file, { force: true });
    return;
  }
  const draft = join(file, '..', `.${createHash('sha256').update(file).digest('hex').slice(0, 16)}.draft`);
  await writeFile(draft, text, { mode: 0o644 });
  await rename(draft, file);
}

/** `meshtlsauthentication.production.frontend-mtls.story.yaml`; names that are none of Kubernetes' become a hash. */
function nameOf(resource: Resource): string {
  const ref = refOf(resource);
  const parts = [ref.kind.toLowerCase(), ref.namespace, ref.name].filter((part) => part !== '');
  const isPlain = parts.every((part) => /^[a-z0-9](?:[a-z0-9.-]{0,78}[a-z0-9])?$/.test(part));
  return `${isPlain ? parts.join('.') : createHash('sha256').update(objectKey(ref)).digest('hex')}${SUFFIX}`;
}

function textOf({ origin: _, ...object }: Resource): string {
  return showYaml(object);
}

async function writing(directory: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : null;
    if (code === null) throw error;
    throw new InvalidInput(`The policies cannot be written there (${code}).`, 'Give --policies a directory that this user may write to.', {
      file: directory,
    });
  }
}
