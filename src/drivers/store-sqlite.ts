/** The store in one SQLite file, for one process. */
import type { Instant } from '../policy/resource.ts';
import type { Collection, Commit, CommitResult, Json, Store, StoredDocument, Write } from '../ports.ts';
import type { SqliteFile } from './sqlite.ts';

const ON_DISK =
  'Everything acknowledged is flushed to the disk first (SQLite, fdatasync): it survives the loss of this process and of the machine, though not of the disk.';
const IN_MEMORY =
  'Everything acknowledged survives the loss of this process, but not of the machine: the data directory lies in memory (tmpfs).';

/** The store has the file to itself, but for the queue: closing the store closes the file. `now` judges expiry. */
export function createSqliteStore(file: SqliteFile, now: () => Instant): Store {
  const get = createGet(file);
  const list = createList(file);
  const commit = createCommit(file, now);
  const trim = createTrim(file);
  const leases = createLeases(file, now);
  const countAll = file.prepare('SELECT count(*) AS count FROM document WHERE collection = ?');
  const countTag = file.prepare('SELECT count(*) AS count FROM tag WHERE collection = ? AND tag = ?');
  const events = file.prepare('SELECT sequence, value FROM event WHERE sequence > ? ORDER BY sequence LIMIT ?');
  const lastEvent = file.prepare('SELECT max(sequence) AS last FROM event');
  const touch = file.prepare(
    'INSERT INTO lease (name, holder, expires_at) VALUES (?, ?, 0) ON CONFLICT (name) DO UPDATE SET expires_at = 0',
  );

  return {
    async get(collection, ids) {
      return file.read(() => ids.map((id) => get(collection, id)));
    },
    async list(collection, options) {
      return file.read(() => list(collection, options));
    },
    async count(collection, tag) {
      return file.read(() => Number((tag === undefined ? countAll.get(collection) : countTag.get(collection, tag))?.['count']));
    },
    commit,
    async events(after, limit) {
      return file.read(() => events.all(after, limit).map((row) => ({ sequence: Number(row['sequence']), value: parse(row['value']) })));
    },
    async lastEvent() {
      return file.read(() => Number(lastEvent.get()?.['last'] ?? 0));
    },
    trim,
    ...leases,
    durability: () => (file.isOnDisk ? ON_DISK : IN_MEMORY),
    async ping() {
      await file.write(() => touch.run('ping', ''));
    },
    close: () => file.close(),
  };
}

function parse(text: unknown): Json {
  return JSON.parse(String(text));
}

function createGet(file: SqliteFile): (collection: Collection, id: string) => StoredDocument | null {
  const one = file.prepare('SELECT revision, value FROM document WHERE collection = ? AND id = ?');
  return (collection, id) => {
    const row = one.get(collection, id);
    return row === undefined ? null : { id, revision: Number(row['revision']), value: parse(row['value']) };
  };
}

/** One statement for each way to ask: all or one tag, from the start or from a cursor, either way round. */
function createList(file: SqliteFile) {
  const columns = 'document.id, document.revision, document.sort, document.value';
  const prepare = (isTagged: boolean, isAfter: boolean, isBackwards: boolean) => {
    const table = isTagged ? 'tag' : 'document';
    const from = isTagged
      ? 'tag JOIN document USING (collection, id) WHERE tag.collection = ? AND tag.tag = ?'
      : 'document WHERE collection = ?';
    const [less, more] = isBackwards ? ['>', '<'] : ['<', '>'];
    const after = isAfter ? `AND ${table}.sort ${less}= ? AND (${table}.sort ${less} ? OR ${table}.id ${more} ?)` : '';
    const order = isBackwards ? `${table}.sort, ${table}.id DESC` : `${table}.sort DESC, ${table}.id`;
    return file.prepare(`SELECT ${columns} FROM ${from} ${after} ORDER BY ${order} LIMIT ?`);
  };
  const both = [false, true];
  const statements = both.map((isTagged) => both.map((isAfter) => both.map((isBackwards) => prepare(isTagged, isAfter, isBackwards))));

  return (collection: Collection, { tag, after, oldestFirst = false, limit }: Parameters<Store['list']>[1]) => {
    const statement = statements[Number(tag !== undefined)]?.[Number(after !== undefined)]?.[Number(oldestFirst)];
    const bounds = after === undefined ? [] : [after.sort, after.sort, after.id];
    const rows = statement?.all(collection, ...(tag === undefined ? [] : [tag]), ...bounds, limit) ?? [];
    return rows.map((row) => ({
      id: String(row['id']),
      revision: Number(row['revision']),
      sort: Number(row['sort']),
      value: parse(row['value']),
    }));
  };
}

/** A write as it is stored. */
interface Row {
  readonly write: Write;
  /** null deletes. */
  readonly value: string | null;
  readonly sort: number;
  readonly tags: readonly string[];
  readonly tagText: string;
}

function toRow(write: Write): Row {
  const tags = [...new Set(write.tags ?? [])];
  const value = write.value === null ? null : JSON.stringify(write.value);
  return { write, value, sort: write.sort ?? 0, tags, tagText: JSON.stringify(tags) };
}

interface Before {
  readonly number: number;
  readonly revision: number;
  readonly sort: number;
  readonly tagText: string;
}

function createCommit(file: SqliteFile, now: () => Instant): Store['commit'] {
  const known = file.prepare('SELECT 1 FROM batch WHERE id = ? AND expires_at > ?');
  const remember = file.prepare(
    'INSERT INTO batch (id, expires_at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at',
  );
  const before = file.prepare('SELECT number, revision, sort, tags FROM document WHERE collection = ? AND id = ?');
  const append = file.prepare('INSERT INTO event (value) VALUES (?)');
  const put = createPut(file);

  const find = ({ collection, id }: Write): Before | null => {
    const row = before.get(collection, id);
    if (row === undefined) return null;
    return { number: Number(row['number']), revision: Number(row['revision']), sort: Number(row['sort']), tagText: String(row['tags']) };
  };
  const change = (rows: readonly Row[], { batches = [] }: Commit, events: readonly string[]): CommitResult => {
    const instant = now();
    const old = batches.filter(({ id }) => known.get(id, instant) !== undefined).map(({ id }) => id);
    if (old.length > 0) return { known: old };
    const found = rows.map(({ write }) => find(write));
    if (rows.some(({ write }, index) => write.expected !== null && write.expected !== (found[index]?.revision ?? 0))) return 'conflict';
    for (const [index, row] of rows.entries()) put(row, found[index] ?? null);
    for (const { id, expiresAt } of batches) remember.run(id, expiresAt);
    for (const event of events) append.run(event);
    return 'done';
  };
  return async (commit) => {
    const rows = commit.writes.map(toRow);
    const events = (commit.events ?? []).map((event) => JSON.stringify(event));
    return file.write(() => change(rows, commit, events));
  };
}

function createPut(file: SqliteFile): (row: Row, before: Before | null) => void {
  const create = file.prepare('INSERT INTO document (collection, id, revision, sort, tags, value) VALUES (?, ?, 1, ?, ?, ?)');
  const rewrite = file.prepare('UPDATE document SET revision = ?, sort = ?, tags = ?, value = ? WHERE number = ?');
  const remove = file.prepare('DELETE FROM document WHERE number = ?');
  const tag = file.prepare('INSERT INTO tag (collection, tag, sort, id) VALUES (?, ?, ?, ?)');
  const untag = file.prepare('DELETE FROM tag WHERE collection = ? AND tag = ? AND sort = ? AND id = ?');

  return ({ write: { collection, id }, value, sort, tags, tagText }, before) => {
    const isSameIndex = value !== null && before !== null && before.sort === sort && before.tagText === tagText;
    if (before !== null && !isSameIndex) {
      const old: readonly string[] = JSON.parse(before.tagText);
      for (const name of old) untag.run(collection, name, before.sort, id);
    }
    if (value === null) {
      if (before !== null) remove.run(before.number);
      return;
    }
    if (before === null) create.run(collection, id, sort, tagText, value);
    else rewrite.run(before.revision + 1, sort, tagText, value, before.number);
    if (!isSameIndex) for (const name of tags) tag.run(collection, name, sort, id);
  };
}

function createTrim(file: SqliteFile): Store['trim'] {
  const events = file.prepare(
    `DELETE FROM event WHERE sequence IN (
       SELECT sequence FROM event WHERE sequence <= (SELECT max(sequence) FROM event) - ? ORDER BY sequence LIMIT ?)`,
  );
  const batches = file.prepare('DELETE FROM batch WHERE id IN (SELECT id FROM batch WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)');
  return ({ keep, now, most }) => file.write(() => Number(events.run(keep, most).changes) + Number(batches.run(now, most).changes));
}

function createLeases(file: SqliteFile, now: () => Instant): Pick<Store, 'lease' | 'release'> {
  const take = file.prepare(
    `INSERT INTO lease (name, holder, expires_at) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
     WHERE lease.holder = excluded.holder OR lease.expires_at <= ?`,
  );
  const release = file.prepare('DELETE FROM lease WHERE name = ? AND holder = ?');
  return {
    lease: (name, holder, milliseconds) =>
      file.write(() => {
        const instant = now();
        return Number(take.run(name, holder, instant + milliseconds, instant).changes) > 0;
      }),
    async release(name, holder) {
      await file.write(() => release.run(name, holder));
    },
  };
}
