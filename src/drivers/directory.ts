import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a directory, and those around it. Each on its own: `mkdir` with `recursive` never returns where the file system itself takes no
 * directories, as in /proc. `path` is absolute. Errors: those of `mkdirSync`.
 */
export function makeDirectory(path: string, mode = 0o777): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeDirectory(dirname(path), mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (!existsSync(path)) throw error;
  }
}
