/** What stands in the file, and whether it is ours. Steps are only ever added. */
import type { DatabaseSync } from 'node:sqlite';
import { InvalidInput } from '../errors.ts';

/** "dwhy": marks the file as denywhy's (https://www.sqlite.org/pragma.html#pragma_application_id). */
const APPLICATION_ID = 0x64_77_68_79;

/** The schema, in steps: a file at `user_version` n has had the first n. Steps are only ever added. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE document (
     number INTEGER PRIMARY KEY,
     collection TEXT NOT NULL,
     id TEXT NOT NULL,
     revision INTEGER NOT NULL,
     sort REAL NOT NULL,
     tags TEXT NOT NULL,
     value TEXT NOT NULL
   );
   CREATE UNIQUE INDEX document_id ON document (collection, id);
   CREATE INDEX document_sort ON document (collection, sort DESC, id);
   CREATE TABLE tag (
     collection TEXT NOT NULL,
     tag TEXT NOT NULL,
     sort REAL NOT NULL,
     id TEXT NOT NULL,
     PRIMARY KEY (collection, tag, sort DESC, id)
   ) WITHOUT ROWID;
   CREATE TABLE batch (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;
   CREATE INDEX batch_expires_at ON batch (expires_at);
   CREATE TABLE event (sequence INTEGER PRIMARY KEY AUTOINCREMENT, value TEXT NOT NULL);
   CREATE TABLE lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
   CREATE TABLE job (
     number INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     due_at INTEGER,
     active INTEGER NOT NULL DEFAULT 0,
     again INTEGER NOT NULL DEFAULT 0,
     attempts INTEGER NOT NULL DEFAULT 0,
     outages INTEGER NOT NULL DEFAULT 0,
     parked_at INTEGER,
     parked_attempts INTEGER NOT NULL DEFAULT 0,
     reason TEXT NOT NULL DEFAULT ''
   );
   CREATE INDEX job_due_at ON job (due_at, number) WHERE active = 0 AND due_at IS NOT NULL;
   CREATE INDEX job_active ON job (active) WHERE active = 1;
   CREATE INDEX job_parked_at ON job (parked_at) WHERE parked_at IS NOT NULL;`,
];

function numberOf(db: DatabaseSync, pragma: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
}

/** Errors: InvalidInput (another program's database, or written by a newer denywhy). */
export function refuseForeign(db: DatabaseSync, path: string): void {
  const version = numberOf(db, 'user_version');
  const application = numberOf(db, 'application_id');
  const isEmpty = db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (isEmpty && version === 0 && application === 0) return;
  const place = { file: path };
  if (application !== APPLICATION_ID)
    throw new InvalidInput('This database belongs to another program.', 'Give denywhy a data directory of its own.', place);
  if (version > MIGRATIONS.length)
    throw new InvalidInput(
      `This database was written by a newer denywhy (schema ${version}; this one knows up to ${MIGRATIONS.length}).`,
      'Run the newer denywhy again, or export the incidents with it and import them into an empty data directory.',
      place,
    );
}

/** Brings an empty or older file up to date; leaves a current one untouched, so that it can be read on a full disk. */
export function migrate(db: DatabaseSync): void {
  const version = numberOf(db, 'user_version');
  if (version === MIGRATIONS.length) return;
  db.exec('BEGIN IMMEDIATE');
  for (const step of MIGRATIONS.slice(version)) db.exec(step);
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  db.exec('COMMIT');
}
