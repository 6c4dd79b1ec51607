/**
 * One SQLite file, opened by one process at a time, written in groups. What stands on it: store-sqlite.ts and queue-embedded.ts.
 *
 * WAL with synchronous=NORMAL leaves out one thing that synchronous=FULL does: flushing the log after each transaction. That flush is done here
 * instead, by fdatasync in Node's thread pool, before any writer of the group is answered. So an acknowledged write is as durable as with FULL,
 * and while the disk works the event loop goes on and the next group gathers. (https://www.sqlite.org/pragma.html#pragma_synchronous)
 */
import { close, closeSync, fdatasync, fsyncSync, openSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { Unavailable } from '../errors.ts';
import { makeDirectory } from './directory.ts';
import { creationFault, damagedFault, fileFault, resultCode, sqliteFault } from './sqlite-faults.ts';
import { migrate, refuseForeign } from './sqlite-schema.ts';

export interface SqliteFile {
  /** False: it lies in memory, and is gone with the machine. */
  readonly isOnDisk: boolean;
  prepare(sql: string): StatementSync;
  /** Runs a query now. Errors: Unavailable. */
  read<T>(query: () => T): T;
  /**
   * Runs a change in a transaction that it may share with others, all of it or nothing, and resolves once it is on the disk. A change sees what
   * earlier ones wrote. Errors: Unavailable (nothing was written); what the change itself throws (nothing was written).
   */
  write<T>(change: () => T): Promise<T>;
  /** Waits for running writes and lets go of the file. */
  close(): Promise<void>;
}

/** A transaction of more changes would keep the event loop from everything else for longer than a few milliseconds. */
const LARGEST_GROUP = 256;

/**
 * Opens the file and holds it against other processes until it is closed or the process ends, however it ends. Creates it, and its directory,
 * for the user's eyes only. Errors: InvalidInput (not denywhy's, damaged, or written by a newer denywhy), Unavailable (in use, no permission, full).
 */
export function openSqlite(path: string): SqliteFile {
  createFile(path);
  const db = open(path);
  return createSqliteFile(db, path, createGroups(db, path));
}

function createFile(path: string): void {
  try {
    makeDirectory(resolve(dirname(path)), 0o700);
    closeSync(openSync(path, 'a', 0o600));
  } catch (error) {
    throw creationFault(error, path);
  }
}

/** Of file systems that are gone with the machine, whatever is flushed (statfs(2)): tmpfs and ramfs. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

function open(path: string): DatabaseSync {
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(path, { timeout: 1000 });
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    refuseForeign(db, path);
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = NORMAL');
    db.exec('PRAGMA journal_size_limit = 67108864');
    migrate(db);
    syncDirectory(path);
    return db;
  } catch (error) {
    db?.close();
    throw damagedFault(error, path) ?? sqliteFault(error, path);
  }
}

/** The names of the file and of its log must not be lost either. */
function syncDirectory(path: string): void {
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

interface Groups {
  write<T>(change: () => T): Promise<T>;
  close(): Promise<void>;
}

interface Entry {
  readonly change: () => unknown;
  readonly settle: (outcome: Outcome) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** Changes that arrive together, or while the disk is at work, share one transaction and one flush. */
function createGroups(db: DatabaseSync, path: string): Groups {
  const transact = createTransaction(db, path);
  const log = createLog(`${path}-wal`);
  let waiting: Entry[] = [];
  let running: Promise<void> | null = null;
  let isClosed = false;

  const run = async () => {
    await new Promise(setImmediate);
    while (waiting.length > 0) {
      const group = waiting.slice(0, LARGEST_GROUP);
      waiting = waiting.slice(LARGEST_GROUP);
      const outcomes = transact(group);
      const fault = await log.flush().then(
        () => null,
        (error: unknown) => ({ error: fileFault(error, path) }),
      );
      for (const [index, entry] of group.entries()) entry.settle(fault ?? outcomes[index] ?? { error: new Error('no outcome') });
    }
    running = null;
  };

  return {
    write: <T>(change: () => T) =>
      new Promise<T>((resolve, reject) => {
        if (isClosed) throw closedFault(path);
        waiting.push({ change, settle: (outcome) => ('error' in outcome ? reject(outcome.error) : resolve(outcome.value as T)) });
        running ??= run();
      }),
    async close() {
      isClosed = true;
      await running;
      await log.close();
    },
  };
}

/** Runs a group in one transaction. A change that throws is undone alone; a fault of the file undoes all. */
function createTransaction(db: DatabaseSync, path: string): (group: readonly Entry[]) => readonly Outcome[] {
  const [begin, commit] = [db.prepare('BEGIN IMMEDIATE'), db.prepare('COMMIT')];
  const [savepoint, release, undo] = [db.prepare('SAVEPOINT change'), db.prepare('RELEASE change'), db.prepare('ROLLBACK TO change')];

  const attempt = (change: () => unknown): Outcome => {
    savepoint.run();
    try {
      const value = change();
      release.run();
      return { value };
    } catch (error) {
      if (resultCode(error) !== null) throw error;
      undo.run();
      release.run();
      return { error };
    }
  };
  return (group) => {
    try {
      begin.run();
      const outcomes = group.map(({ change }) => attempt(change));
      commit.run();
      return outcomes;
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      const fault = sqliteFault(error, path);
      return group.map(() => ({ error: fault }));
    }
  };
}

const flushFile = promisify(fdatasync);
const closeFile = promisify(close);

/** The write-ahead log as a file to flush. Its descriptor is opened once: SQLite keeps the same file until the database is closed. */
function createLog(path: string) {
  let descriptor: number | null = null;
  return {
    async flush(): Promise<void> {
      descriptor ??= openSync(path, 'r');
      await flushFile(descriptor);
    },
    async close(): Promise<void> {
      if (descriptor !== null) await closeFile(descriptor);
    },
  };
}

function createSqliteFile(db: DatabaseSync, path: string, groups: Groups): SqliteFile {
  return {
    isOnDisk: !IN_MEMORY.has(statfsSync(path).type),
    prepare: (sql) => db.prepare(sql),
    read(query) {
      if (!db.isOpen) throw closedFault(path);
      try {
        return query();
      } catch (error) {
        throw sqliteFault(error, path);
      }
    },
    write: groups.write,
    async close() {
      await groups.close();
      if (db.isOpen) db.close();
    },
  };
}

function closedFault(path: string): Unavailable {
  return new Unavailable(`${path}: the database is closed.`, 'denywhy is shutting down: try again when it has started.');
}
