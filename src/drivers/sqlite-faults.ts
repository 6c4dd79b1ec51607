/** What SQLite and the file system refuse, in words for people. */
import { dirname } from 'node:path';
import { InvalidInput, Unavailable } from '../errors.ts';

/** Primary result codes (https://www.sqlite.org/rescode.html). */
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

const RECOVER =
  'Stop denywhy and move the file, and what lies beside it with the same name, out of the data directory: it then starts with an empty one. `sqlite3 FILE .recover` may get incidents back.';

/** A file that cannot be opened because of what is in it; null: that is not what is wrong. */
export function damagedFault(error: unknown, path: string): InvalidInput | null {
  const code = resultCode(error);
  if (code !== CORRUPT && code !== NOTADB) return null;
  return new InvalidInput('This file is damaged, or is no SQLite database.', RECOVER, { file: path });
}

/** SQLite's primary result code; null: not SQLite's error. */
export function resultCode(error: unknown): number | null {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : null;
}

/** Whether another process holds the file. */
export function isHeldByAnother(error: unknown): boolean {
  const code = error instanceof Unavailable ? resultCode(error.cause) : null;
  return code === BUSY || code === LOCKED;
}

/** What SQLite refused, as Unavailable; anything else as it came. */
export function sqliteFault(error: unknown, path: string): unknown {
  const because = { cause: error };
  switch (resultCode(error)) {
    case BUSY:
    case LOCKED:
      return new Unavailable(
        `${path}: another process has this database open.`,
        'Stop the other denywhy, or give this one a data directory of its own. Several replicas need Redis.',
        because,
      );
    case READONLY:
      return new Unavailable(`${path}: the database cannot be written.`, writable(path), because);
    case CANTOPEN:
      return new Unavailable(`${path}: the database cannot be opened.`, writable(path), because);
    case FULL:
      return new Unavailable(`${path}: the disk is full.`, `Free some space in ${dirname(path)}; denywhy goes on by itself.`, because);
    case IOERR:
      return new Unavailable(`${path}: the disk reports an error.`, 'Look into the kernel log (dmesg) for the reason.', because);
    case CORRUPT:
    case NOTADB:
      return new Unavailable(`${path}: the database is damaged.`, RECOVER, because);
    default:
      return error;
  }
}

function writable(path: string): string {
  return `Make ${dirname(path)} and what is in it writable for the user that denywhy runs as, on a file system that is not read-only.`;
}

/** Why the file could not be made; anything else as it came. Every directory on the way was made before: where one is absent all the same, none can be. */
export function creationFault(error: unknown, path: string): unknown {
  const isRefused = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  if (!isRefused) return fileFault(error, path);
  return new InvalidInput('Nothing can be kept here: this file system takes no files.', 'Name a directory on a disk.', { file: path });
}

/** What the file system refused, for people; anything else as it came. */
export function fileFault(error: unknown, path: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new Unavailable(`${path}: the database cannot be written (${code}).`, writable(path), { cause: error });
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new Unavailable(`${path}: the disk is full.`, `Free some space in ${dirname(path)}.`, { cause: error });
  if (code === 'EIO') return new Unavailable(`${path}: the disk reports an error.`, 'Look into the kernel log (dmesg).', { cause: error });
  if (code === 'ENOTDIR' || code === 'EEXIST' || code === 'EISDIR')
    return new InvalidInput(
      'The data directory is a file, or the database is a directory.',
      'Name a directory that denywhy may have to itself.',
      { file: path },
    );
  return error;
}
