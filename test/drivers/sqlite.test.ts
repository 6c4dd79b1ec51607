/** The file below the store and the embedded queue: what it refuses, what a full or read-only disk does, what survives a kill. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEmbeddedQueue } from '../../src/drivers/queue-embedded.ts';
import { openSqlite } from '../../src/drivers/sqlite.ts';
import { createSqliteStore } from '../../src/drivers/store-sqlite.ts';
import { InvalidInput, Unavailable } from '../../src/errors.ts';
import type { Json, Store } from '../../src/ports.ts';

let directory = '';
let path = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'denywhy-sqlite-'));
  path = join(directory, 'denywhy.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = (file = path): Store => createSqliteStore(openSqlite(file), Date.now);
const put = (store: Store, id: string, value: Json = id) =>
  store.commit({ writes: [{ collection: 'incidents', id, expected: null, value, tags: ['t'] }] });

function faultOf(act: () => unknown): InvalidInput | Unavailable {
  try {
    act();
  } catch (error) {
    if (error instanceof InvalidInput || error instanceof Unavailable) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a file that is not for this denywhy', () => {
  const sql = (...statements: readonly string[]) => {
    const db = new DatabaseSync(path);
    for (const statement of statements) db.exec(statement);
    db.close();
  };

  it('of a newer denywhy is refused with both versions, and left as it is', async () => {
    await open().close();
    sql('PRAGMA user_version = 999');
    const fault = faultOf(open);
    expect(fault).toBeInstanceOf(InvalidInput);
    expect(fault.message).toMatch(/newer denywhy \(schema 999; this one knows up to \d+\)/);
    expect(fault).toMatchObject({ place: { file: path }, remedy: expect.stringContaining('newer denywhy') });
    sql('PRAGMA user_version = 1');
    await open().close();
  });

  it.each([
    ['with tables', 'CREATE TABLE theirs (a)'],
    ['with a mark', 'PRAGMA application_id = 7'],
  ])('of another program, %s, is refused', (_, statement) => {
    sql(statement);
    expect(faultOf(open)).toMatchObject({
      name: 'InvalidInput',
      message: 'This database belongs to another program.',
      place: { file: path },
    });
  });

  it.each([
    ['text', () => writeFileSync(path, 'no database\n'.repeat(1000))],
    [
      'cut off',
      async () => {
        const store = open();
        for (let index = 0; index < 50; index += 1) await put(store, `id ${index}`, 'x'.repeat(2000));
        await store.close();
        truncateSync(path, 8192);
      },
    ],
  ])('that is %s is refused or unavailable, with the way out', async (_, damage) => {
    await damage();
    let fault: unknown;
    try {
      const store = open();
      await store.list('incidents', { limit: 100 }).catch((error: unknown) => {
        fault = error;
      });
      await store.close();
    } catch (error) {
      fault = error;
    }
    expect(String(fault)).toMatch(/damaged/);
    expect(fault).toMatchObject({ remedy: expect.stringContaining('move the file') });
  });

  it('a directory or a file in the way is refused', () => {
    mkdirSync(path);
    expect(faultOf(open).name).toBe('InvalidInput');
    writeFileSync(join(directory, 'file'), '');
    expect(faultOf(() => open(join(directory, 'file', 'denywhy.db'))).name).toBe('InvalidInput');
  });

  it.skipIf(process.platform !== 'linux').each(['/proc/denywhy/denywhy.db', '/proc/self/a/b/denywhy.db', '/proc/denywhy.db'])(
    'where no file can be is refused at once: %s',
    (where) => {
      expect(faultOf(() => open(where))).toMatchObject({ name: 'InvalidInput', message: expect.stringContaining('takes no files') });
    },
  );
});

it.skipIf(!existsSync('/dev/shm') || statfsSync(tmpdir()).type === statfsSync('/dev/shm').type)(
  'a directory in memory is said to be one',
  async () => {
    const inMemory = mkdtempSync('/dev/shm/denywhy-');
    const [there, here] = [open(join(inMemory, 'denywhy.db')), open()];
    expect(there.durability()).toMatch(/survives the loss of this process, but not of the machine/);
    expect(here.durability()).not.toBe(there.durability());
    await Promise.all([there.close(), here.close()]);
    rmSync(inMemory, { recursive: true });
  },
);

it('a directory below others that do not exist is made, and they too are for the user alone', async () => {
  await open(join(directory, 'a', 'b', 'denywhy.db')).close();
  for (const made of ['a', 'a/b']) expect(statSync(join(directory, made)).mode & 0o077).toBe(0);
});

it('a new directory and file are for the eyes of the user alone', async () => {
  const store = open(join(directory, 'data', 'denywhy.db'));
  await put(store, 'a');
  expect(statSync(join(directory, 'data')).mode & 0o077).toBe(0);
  for (const name of readdirSync(join(directory, 'data'))) expect(statSync(join(directory, 'data', name)).mode & 0o077).toBe(0);
  await store.close();
});

describe('a second opening', () => {
  it('is refused while the first is open', async () => {
    const store = open();
    expect(faultOf(open)).toMatchObject({ name: 'Unavailable', message: `${path}: another process has this database open.` });
    await put(store, 'a');
    await store.close();
    const next = open();
    expect(await next.get('incidents', ['a'])).toEqual([{ id: 'a', revision: 1, value: 'a' }]);
    await next.close();
  });

  it('is refused to another process, until the first is killed', async () => {
    const child = spawnChild(path);
    await once(child.lines, 'line');
    expect(faultOf(open)).toBeInstanceOf(Unavailable);
    child.process.kill('SIGKILL');
    await once(child.process, 'exit');
    await open().close();
  });
});

it('every commit that was acknowledged before a SIGKILL is there after it', async () => {
  const child = spawnChild(path);
  const acknowledged: string[] = [];
  child.lines.on('line', (line) => acknowledged.push(line));
  await new Promise<void>((resolve) => child.lines.on('line', () => acknowledged.length > 500 && resolve()));
  child.process.kill('SIGKILL');
  await once(child.process, 'exit');
  const store = open();
  const found = await store.get('incidents', acknowledged);
  expect(found.filter((document) => document === null)).toEqual([]);
  expect(await store.count('incidents')).toBe(await store.count('incidents', 't'));
  await store.close();
});

/** A process that commits without end and prints each id once it is acknowledged. */
function spawnChild(file: string) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'sqlite-child.ts'), file], { stdio: ['ignore', 'pipe', 'inherit'] });
  return { process: child, lines: createInterface({ input: child.stdout }) };
}

describe('changes that share a transaction', () => {
  it('are undone alone when one throws', async () => {
    const file = openSqlite(path);
    const insert = file.prepare("INSERT INTO lease (name, holder, expires_at) VALUES (?, '', 0)");
    const add = (name: string, error?: Error) =>
      file.write(() => {
        insert.run(name);
        if (error) throw error;
        return name;
      });
    const results = await Promise.allSettled([add('a'), add('b', new Error('a bug')), add('c')]);
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.message))).toEqual(['a', 'a bug', 'c']);
    const names = file.read(() => file.prepare('SELECT name FROM lease ORDER BY name').all());
    expect(names.map(({ name }) => name)).toEqual(['a', 'c']);
    await file.close();
  });

  it('are all done when the file is closed after them, and refused after it', async () => {
    const store = open();
    const commits = Array.from({ length: 600 }, (_, index) => put(store, `id ${index}`));
    await store.close();
    expect(await Promise.all(commits)).toEqual(commits.map(() => 'done'));
    await expect(put(store, 'late')).rejects.toBeInstanceOf(Unavailable);
    await expect(store.get('incidents', ['late'])).rejects.toBeInstanceOf(Unavailable);
    const next = open();
    expect(await next.count('incidents')).toBe(600);
    await next.close();
  });
});

const mountSkip = canMount() ? null : 'mounting is not permitted here';

function canMount(): boolean {
  const place = mkdtempSync(join(tmpdir(), 'denywhy-mount-'));
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place]).status === 0;
  if (isMounted) spawnSync('umount', [place]);
  rmSync(place, { recursive: true });
  return isMounted;
}

describe.skipIf(mountSkip !== null)(`on a disk of 2 MB${mountSkip === null ? '' : ` (${mountSkip})`}`, () => {
  const mount = (...options: readonly string[]) =>
    spawnSync('mount', ['-t', 'tmpfs', '-o', ['size=2m', ...options].join(','), 'tmpfs', directory]);
  beforeEach(() => void mount());
  afterEach(() => void spawnSync('umount', [directory]));

  it('a full disk refuses writes, goes on reading, and takes writes again once there is room', async () => {
    const store = open();
    await put(store, 'before');
    writeFileSync(join(directory, 'filler'), Buffer.alloc(1_000_000));
    let written = 0;
    const fill = async () => {
      for (;;) {
        await put(store, `id ${written}`, 'x'.repeat(50_000));
        written += 1;
      }
    };
    await expect(fill()).rejects.toMatchObject({ name: 'Unavailable', message: expect.stringContaining('the disk is full') });
    await expect(Promise.all(['x', 'y'].map((id) => put(store, id, 'x'.repeat(500_000))))).rejects.toBeInstanceOf(Unavailable);
    expect(written).toBeGreaterThan(1);
    expect(await store.count('incidents')).toBe(written + 1);
    expect(await store.get('incidents', ['before', `id ${written}`])).toEqual([{ id: 'before', revision: 1, value: 'before' }, null]);

    rmSync(join(directory, 'filler'));
    await store.ping();
    expect(await put(store, 'after', 'x'.repeat(50_000))).toBe('done');
    await store.close();
    const next = open();
    expect(await next.count('incidents')).toBe(written + 2);
    await next.close();
  });

  it('a full disk refuses adds to the embedded queue, and both the waiting and the next ids run once there is room', async () => {
    const file = openSqlite(path);
    const queue = await createEmbeddedQueue(file, Date.now, { concurrency: 1, attempts: 3, backoff: { first: 10, longest: 10 } });
    await queue.add(['before']);
    spawnSync('sh', ['-c', `cat /dev/zero > ${join(directory, 'filler')}`]);
    const addMany = () => queue.add(Array.from({ length: 1000 }, (_, index) => `${index} ${'x'.repeat(500)}`));
    await expect(addMany()).rejects.toMatchObject({ name: 'Unavailable', message: expect.stringContaining('the disk is full') });
    const runs: string[] = [];
    queue.process(async (id) => void runs.push(id));
    await new Promise((resolve) => setTimeout(resolve, 100));
    rmSync(join(directory, 'filler'));
    await queue.add(['after']);
    const deadline = performance.now() + 10_000;
    while ((await queue.counts()).waiting + (await queue.counts()).active > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(runs.toSorted()).toEqual(['after', 'before']);
    await queue.close(1000);
    await file.close();
  });

  it('a full disk at the start refuses to create the file, with the way out', () => {
    writeFileSync(join(directory, 'filler'), Buffer.alloc(1_000_000));
    spawnSync('sh', ['-c', `cat /dev/zero > ${join(directory, 'rest')}`]);
    expect(faultOf(open)).toMatchObject({ name: 'Unavailable', remedy: expect.stringContaining('Free some space') });
  });

  it('a read-only file system refuses at the start', async () => {
    await open().close();
    expect(spawnSync('mount', ['-o', 'remount,ro', directory]).status).toBe(0);
    const fault = faultOf(open);
    expect(fault).toBeInstanceOf(Unavailable);
    expect(fault.message).toMatch(/cannot be written/);
    expect(fault.remedy).toContain('not read-only');
    spawnSync('mount', ['-o', 'remount,rw', directory]);
    await open().close();
  });
});

const nobodySkip = process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status !== 0 ? ' (setpriv is not installed)' : '';

it.skipIf(nobodySkip !== '')(`a directory without permission refuses at the start${nobodySkip}`, () => {
  chmodSync(directory, 0o555);
  const command = [process.execPath, join(import.meta.dirname, 'sqlite-child.ts'), path];
  const asNobody = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...command] : command;
  const { stderr } = spawnSync(asNobody[0] ?? '', asNobody.slice(1), { encoding: 'utf8', timeout: 20_000 });
  expect(stderr).toContain('cannot be written (EACCES)');
});
