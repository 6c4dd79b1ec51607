/** The SQLite store as a whole. The form of what stands there is in sqlite-schema.ts. */
import type { Instant } from '../policy/resource.ts';
import type { Archive, Archived, Collection } from '../ports.ts';
import type { SqliteFile } from './sqlite.ts';

/** Rows that are read or written at a time. */
const STEP = 100;

/** On a file that a store may stand on too. `now` judges what has expired. */
export function createSqliteArchive(file: SqliteFile, now: () => Instant): Archive {
  const any = file.prepare(
    'SELECT EXISTS (SELECT 1 FROM document) OR EXISTS (SELECT 1 FROM event) OR EXISTS (SELECT 1 FROM batch WHERE expires_at > ?) AS found',
  );
  const put = createPut(file);
  return {
    async isEmpty() {
      return file.read(() => any.get(now()))?.['found'] === 0;
    },
    async *read() {
      yield* documents(file);
      yield* batches(file, now());
      yield* events(file);
    },
    write: (things) =>
      file.write(() => {
        for (const thing of things) put(thing);
      }),
  };
}

async function* documents(file: SqliteFile): AsyncGenerator<readonly Archived[]> {
  const next = file.prepare(
    'SELECT number, collection, id, revision, sort, tags, value FROM document WHERE number > ? ORDER BY number LIMIT ?',
  );
  let after = 0;
  for (;;) {
    const rows = file.read(() => next.all(after, STEP));
    if (rows.length === 0) return;
    after = Number(rows.at(-1)?.['number']);
    yield rows.map((row) => ({
      type: 'document',
      collection: String(row['collection']) as Collection,
      id: String(row['id']),
      revision: Number(row['revision']),
      sort: Number(row['sort']),
      tags: JSON.parse(String(row['tags'])),
      value: JSON.parse(String(row['value'])),
    }));
  }
}

async function* batches(file: SqliteFile, instant: Instant): AsyncGenerator<readonly Archived[]> {
  const next = file.prepare('SELECT id, expires_at FROM batch WHERE expires_at > ? AND id > ? ORDER BY id LIMIT ?');
  let after = '';
  for (;;) {
    const rows = file.read(() => next.all(instant, after, STEP));
    if (rows.length === 0) return;
    after = String(rows.at(-1)?.['id']);
    yield rows.map((row) => ({ type: 'batch', id: String(row['id']), expiresAt: Number(row['expires_at']) }));
  }
}

async function* events(file: SqliteFile): AsyncGenerator<readonly Archived[]> {
  const next = file.prepare('SELECT sequence, value FROM event WHERE sequence > ? ORDER BY sequence LIMIT ?');
  let after = 0;
  for (;;) {
    const rows = file.read(() => next.all(after, STEP));
    if (rows.length === 0) return;
    after = Number(rows.at(-1)?.['sequence']);
    yield rows.map((row) => ({ type: 'event', sequence: Number(row['sequence']), value: JSON.parse(String(row['value'])) }));
  }
}

function createPut(file: SqliteFile): (thing: Archived) => void {
  const untag = file.prepare('DELETE FROM tag WHERE collection = ? AND id = ? AND sort = ? AND tag = ?');
  const find = file.prepare('SELECT sort, tags FROM document WHERE collection = ? AND id = ?');
  const document = file.prepare(
    `INSERT INTO document (collection, id, revision, sort, tags, value) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (collection, id) DO UPDATE
     SET revision = excluded.revision, sort = excluded.sort, tags = excluded.tags, value = excluded.value`,
  );
  const tag = file.prepare('INSERT INTO tag (collection, tag, sort, id) VALUES (?, ?, ?, ?)');
  const batch = file.prepare(
    'INSERT INTO batch (id, expires_at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at',
  );
  const event = file.prepare('INSERT INTO event (sequence, value) VALUES (?, ?) ON CONFLICT (sequence) DO NOTHING');

  return (thing) => {
    if (thing.type === 'batch') batch.run(thing.id, thing.expiresAt);
    else if (thing.type === 'event') event.run(thing.sequence, JSON.stringify(thing.value));
    else {
      const { collection, id, revision, sort, tags, value } = thing;
      const before = find.get(collection, id);
      const old: readonly string[] = before === undefined ? [] : JSON.parse(String(before['tags']));
      for (const name of old) untag.run(collection, id, Number(before?.['sort']), name);
      document.run(collection, id, revision, sort, JSON.stringify(tags), JSON.stringify(value));
      for (const name of tags) tag.run(collection, name, sort, id);
    }
  };
}
