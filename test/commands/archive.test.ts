import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { beginImport } from '../../src/commands/half-import.ts';
import { createSqliteArchive } from '../../src/drivers/archive-sqlite.ts';
import { openSqlite } from '../../src/drivers/sqlite.ts';
import { createSqliteStore } from '../../src/drivers/store-sqlite.ts';
import { main } from '../../src/main.ts';
import type { Archived, Store } from '../../src/ports.ts';
import { contents, fill } from '../conformance/archive.ts';
import { redisSkip, startRedis, type TestRedis } from '../redis.ts';

type Env = Readonly<Record<string, string>>;

async function run(
  args: readonly string[],
  env: Env,
  { stdin = '', isTTY = false }: { stdin?: string | Uint8Array; isTTY?: boolean } = {},
) {
  const written = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const sink = (to: Buffer[]) => new Writable({ write: (chunk: Buffer, _, done) => done(void to.push(chunk)) });
  const exitCode = await main(args, {
    stdin: Readable.from(stdin.length === 0 ? [] : [Buffer.from(stdin)], { objectMode: false }),
    stdout: sink(written.stdout),
    stderr: sink(written.stderr),
    env,
    now: Date.parse('2026-11-23T12:00:00Z'),
    isTTY: { stdin: isTTY, stdout: false, stderr: false },
    columns: 80,
  });
  return { exitCode, stdout: Buffer.concat(written.stdout), stderr: Buffer.concat(written.stderr).toString() };
}

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'denywhy-export-'));
});
afterEach(() => rmSync(scratch, { recursive: true }));

const sqlite = (name: string): Env => ({ DENYWHY_STORE_DIRECTORY: join(scratch, name) });

async function onSqlite<T>(name: string, use: (store: Store, things: () => Promise<readonly Archived[]>) => Promise<T>): Promise<T> {
  const file = openSqlite(join(scratch, name, 'denywhy.db'));
  const store = createSqliteStore(file, Date.now);
  try {
    return await use(store, () => contents(createSqliteArchive(file, Date.now)));
  } finally {
    await store.close();
  }
}

const thingsIn = (name: string) => onSqlite(name, (_, things) => things());
const lines = (...values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');

const HEAD = { form: 'denywhy.export/1', version: '0.1.0', at: '2026-11-23T12:00:00.000Z' };
const MUTE = { type: 'document', collection: 'mutes', id: 'm1', revision: 1, sort: 1, tags: [], value: { reason: 'known' } };

describe('export and import', () => {
  it('moves everything from one store to another, through a packed file whose name ends in .gz', async () => {
    await onSqlite('a', fill);
    const file = join(scratch, 'all.ndjson.gz');
    const exported = await run(['export', '--to', file], sqlite('a'));
    expect(exported).toMatchObject({ exitCode: 0, stderr: `denywhy: 456 things of ${scratch}/a/denywhy.db exported to ${file}\n` });
    expect(exported.stdout).toHaveLength(0);
    const text = gunzipSync(readFileSync(file)).toString().trimEnd().split('\n');
    expect(JSON.parse(text[0] ?? '')).toEqual(HEAD);
    expect(JSON.parse(text.at(-1) ?? '')).toEqual({ type: 'end', things: 456 });
    expect(text).toHaveLength(458);
    expect(readdirSync(scratch).sort()).toEqual(['a', 'all.ndjson.gz']);

    const imported = await run(['import', '--from', file], sqlite('b'));
    expect(imported).toMatchObject({ exitCode: 0, stderr: `denywhy: 456 things of ${file} imported into ${scratch}/b/denywhy.db\n` });
    expect(await thingsIn('b')).toEqual(await thingsIn('a'));
  });

  it('speaks through stdout and stdin too', async () => {
    await onSqlite('a', fill);
    const { stdout } = await run(['export'], sqlite('a'));
    expect((await run(['import'], sqlite('b'), { stdin: stdout })).exitCode).toBe(0);
    expect(await thingsIn('b')).toEqual(await thingsIn('a'));
  });

  it('an export of nothing is whole, and imports as nothing', async () => {
    const { stdout } = await run(['export'], sqlite('a'));
    expect(stdout.toString()).toBe(lines(HEAD, { type: 'end', things: 0 }));
    expect((await run(['import'], sqlite('b'), { stdin: stdout })).stderr).toContain('0 things of stdin imported');
    expect(await thingsIn('b')).toEqual([]);
  });

  it('an import into a store that is not empty is refused, and changes nothing', async () => {
    await onSqlite('a', fill);
    const before = await thingsIn('a');
    const { exitCode, stderr } = await run(['import'], sqlite('a'), { stdin: lines(HEAD, MUTE, { type: 'end', things: 1 }) });
    expect(exitCode).toBe(2);
    expect(stderr).toBe(
      `denywhy: ${scratch}/a/denywhy.db is not empty: an import would mix two stores, and count denials twice.\n` +
        '  Give an empty one: another DENYWHY_STORE_DIRECTORY, or another DENYWHY_REDIS_PREFIX.\n',
    );
    expect(await thingsIn('a')).toEqual(before);
  });

  it('an import that was cut off is used by nothing, and the same import again does the rest', async () => {
    await onSqlite('a', fill);
    const { stdout } = await run(['export'], sqlite('a'));
    const broken = await run(['import'], sqlite('b'), { stdin: stdout.subarray(0, stdout.length - 300) });
    expect(broken.exitCode).toBe(2);
    for (const command of ['export', 'serve']) {
      const refused = await run([command], { ...sqlite('b'), DENYWHY_LISTEN_ADDRESS: '127.0.0.1:0' });
      expect(refused).toMatchObject({
        exitCode: 2,
        stderr:
          'denywhy: This store holds half an import, which began at 2026-11-23T12:00:00.000Z and was cut off.\n' +
          '  Run the same denywhy import again: it goes over what is there and does the rest.\n',
      });
    }
    expect((await run(['import'], sqlite('b'), { stdin: stdout })).exitCode).toBe(0);
    expect(await thingsIn('b')).toEqual(await thingsIn('a'));
  });

  it('an export that fails leaves no file behind, and an older one of that name as it is', async () => {
    const file = join(scratch, 'all.ndjson');
    writeFileSync(file, 'older');
    await onSqlite('a', (store) => beginImport(store, 0));
    expect((await run(['export', '--to', file], sqlite('a'))).exitCode).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe('older');
    const nowhere = await run(['export', '--to', join(scratch, 'no', 'all.ndjson')], sqlite('c'));
    expect(nowhere).toMatchObject({
      exitCode: 2,
      stderr: `denywhy: ${scratch}/no/all.ndjson: There is no such directory.\n  Make the directory first, or give another name.\n`,
    });
  });

  it.each([
    ['nothing at all', '', 'stdin:1: This is empty.'],
    ['some other text', 'hello\n', 'stdin:1: This is no export of denywhy.'],
    ['other JSON', lines({ apiVersion: 'v1' }), 'stdin:1: This is no export of denywhy.'],
    [
      'a newer form',
      lines({ ...HEAD, form: 'denywhy.export/2', version: '9.0.0' }),
      'stdin:1: This export was written by denywhy 9.0.0 in a form that is not known here (denywhy.export/2).',
    ],
    ['a line that is not JSON', `${lines(HEAD)}{"type":`, 'stdin:2: This line is no part of an export: it is not JSON.'],
    [
      'a collection that nobody knows',
      lines(HEAD, { ...MUTE, collection: 'secrets' }),
      'stdin:2: This line is no part of an export: collection: ',
    ],
    ['a document without its value', lines(HEAD, { ...MUTE, value: undefined }), 'stdin:2: This line is no part of an export: value: '],
    ['an end that is missing', lines(HEAD, MUTE), 'stdin:2: This export is cut off: its last line is missing.'],
    ['things that are missing', lines(HEAD, MUTE, { type: 'end', things: 2 }), 'stdin:3: 2 things were written, and 1 stand here'],
    ['more after the end', lines(HEAD, { type: 'end', things: 0 }, MUTE), 'stdin:3: Something follows the end of this export.'],
  ])('%s is refused with its line, and leaves the store unused', async (_, stdin, expected) => {
    const { exitCode, stderr } = await run(['import'], sqlite('a'), { stdin });
    expect(stderr).toContain(`denywhy: ${expected}`);
    expect(exitCode).toBe(2);
  });

  it('waits for nobody who sits before a terminal', async () => {
    expect(await run(['import'], sqlite('a'), { isTTY: true })).toMatchObject({
      exitCode: 2,
      stderr: 'denywhy: Nothing is given to import.\n  Name a file: denywhy import --from FILE, or pipe denywhy export into it.\n',
    });
  });

  it('a store that a denywhy works on is left alone', async () => {
    await onSqlite('a', async () => {
      expect((await run(['export'], sqlite('a'))).exitCode).toBe(3);
    });
  });
});

describe.skipIf(redisSkip !== null)(`export and import between SQLite and Redis${redisSkip === null ? '' : ` (${redisSkip})`}`, () => {
  let redis: TestRedis | null = null;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.remove());
  const env = (): Env => ({ DENYWHY_STORE_DRIVER: 'redis', DENYWHY_REDIS_URL: redis?.url ?? '' });

  it('what went to Redis and back is equal', async () => {
    await onSqlite('a', fill);
    const there = await run(['import'], env(), { stdin: (await run(['export'], sqlite('a'))).stdout });
    expect(there.stderr).toBe(`denywhy: 456 things of stdin imported into Redis at ${new URL(redis?.url ?? '').host} (keys denywhy:…)\n`);
    const back = await run(['export'], env());
    expect((await run(['import'], sqlite('b'), { stdin: back.stdout })).exitCode).toBe(0);
    expect(await thingsIn('b')).toEqual(await thingsIn('a'));
    redis?.cli('FLUSHALL');
  });

  it('while a denywhy leads on this Redis, nothing is exported or imported', async () => {
    redis?.cli('SET', 'denywhy:lease:leader', 'someone', 'PX', '60000');
    const refused = await run(['export'], env());
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toContain('A denywhy works on Redis at');
    redis?.cli('FLUSHALL');
  });
});
