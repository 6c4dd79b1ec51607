/** What every store must do. A driver's own test says how to open one. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Collection, Cursor, Json, Store, StoredDocument, Write } from '../../src/ports.ts';

/** A place to open stores on: what one wrote, the next finds. */
export interface StoreGround {
  open(): Promise<Store>;
  remove(): Promise<void>;
}

const HOSTILE_IDS = [
  'constructor',
  '__proto__',
  '',
  ' ',
  '0',
  '12345',
  'a:b:c',
  '*',
  'a*[b]?',
  '{tag}',
  'line\nbreak\r\n',
  'nul\0inside',
  "'; DROP TABLE document; --",
  '%s%d',
  'ü',
  'u\u0308',
  '日本語',
  '😀',
  '\u202etxt.exe',
  'x'.repeat(5000),
];

const put = (id: string, value: Json, more: Partial<Write> = {}): Write => ({
  collection: 'incidents',
  id,
  expected: null,
  value,
  ...more,
});

async function idsOf(store: Store, options: Partial<Parameters<Store['list']>[1]> = {}, collection: Collection = 'incidents') {
  return (await store.list(collection, { limit: 100, ...options })).map(({ id }) => id);
}

async function valueAt(store: Store, id: string): Promise<Json | undefined> {
  return (await store.get('incidents', [id]))[0]?.value;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Reads page after page. */
async function pages(store: Store, limit: number, options: { tag?: string; oldestFirst?: boolean } = {}): Promise<readonly string[]> {
  const ids: string[] = [];
  let after: Cursor | undefined;
  for (;;) {
    const page: readonly (StoredDocument & Cursor)[] = await store.list('incidents', { ...options, limit, ...(after && { after }) });
    ids.push(...page.map(({ id }) => id));
    const last = page.at(-1);
    if (last === undefined) return ids;
    after = { sort: last.sort, id: last.id };
  }
}

/** What a store should answer, as plainly as it can be said. */
function createModel() {
  type Kept = StoredDocument & Cursor & { readonly tags: readonly string[] };
  const documents = new Map<string, Kept>();
  const keyOf = ({ collection, id }: Write) => `${collection}/${id}`;
  return {
    commit(writes: readonly Write[]): 'done' | 'conflict' {
      const revisionOf = (write: Write) => documents.get(keyOf(write))?.revision ?? 0;
      if (writes.some((write) => write.expected !== null && write.expected !== revisionOf(write))) return 'conflict';
      for (const write of writes) {
        const { id, value, sort = 0, tags = [] } = write;
        if (value === null) documents.delete(keyOf(write));
        else documents.set(keyOf(write), { id, revision: revisionOf(write) + 1, value, sort, tags });
      }
      return 'done';
    },
    list(collection: Collection, tag: string | undefined): readonly (StoredDocument & Cursor)[] {
      return [...documents]
        .filter(([key, { tags }]) => key.startsWith(`${collection}/`) && (tag === undefined || tags.includes(tag)))
        .map(([, { id, revision, value, sort }]) => ({ id, revision, value, sort }))
        .sort((a, b) => b.sort - a.sort || Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)));
    },
  };
}

export function testStore(name: string, skip: string | null, createGround: () => Promise<StoreGround>): void {
  describe.skipIf(skip !== null)(`${name} is a store${skip === null ? '' : ` (${skip})`}`, () => {
    let ground: StoreGround;
    let store: Store;
    beforeEach(async () => {
      ground = await createGround();
      store = await ground.open();
    });
    afterEach(async () => {
      await store.close();
      await ground.remove();
    });
    const reopen = async () => {
      await store.close();
      store = await ground.open();
    };

    describe('writes', () => {
      it('creates a document at revision 1 and counts each rewrite', async () => {
        expect(await store.commit({ writes: [put('a', 'first', { expected: 0 })] })).toBe('done');
        expect(await store.get('incidents', ['a'])).toEqual([{ id: 'a', revision: 1, value: 'first' }]);
        expect(await store.commit({ writes: [put('a', 'second', { expected: 1 })] })).toBe('done');
        expect(await store.commit({ writes: [put('a', 'third')] })).toBe('done');
        expect(await store.get('incidents', ['a'])).toEqual([{ id: 'a', revision: 3, value: 'third' }]);
      });

      it.each([
        ['a document that must not exist does', put('a', 'new', { expected: 0 })],
        ['a document was rewritten since', put('a', 'new', { expected: 1 })],
        ['a document has fewer revisions', put('a', 'new', { expected: 7 })],
        ['a document that must exist does not', put('absent', 'new', { expected: 1 })],
        ['a document to delete was rewritten since', put('a', null, { expected: 1 })],
      ])('a conflict, as %s, writes nothing of the whole commit', async (_, conflicting) => {
        await store.commit({ writes: [put('a', 'first', { tags: ['t'], sort: 1 })] });
        await store.commit({ writes: [put('a', 'second', { tags: ['t'], sort: 1 })] });
        const commit = {
          writes: [put('before', 1, { tags: ['t'] }), conflicting, put('after', 1, { tags: ['t'] })],
          batches: [{ id: 'batch', expiresAt: Date.now() + 60_000 }],
          events: ['event'],
        };
        expect(await store.commit(commit)).toBe('conflict');
        expect(await idsOf(store)).toEqual(['a']);
        expect(await idsOf(store, { tag: 't' })).toEqual(['a']);
        expect(await valueAt(store, 'a')).toBe('second');
        expect(await store.events(0, 10)).toEqual([]);
        expect(await store.commit({ ...commit, writes: [] })).toBe('done');
      });

      it('deletes a document with its place in every list, and creates it anew at revision 1', async () => {
        await store.commit({ writes: [put('a', 1, { tags: ['t', 'u'], sort: 5 }), put('b', 1, { tags: ['t'] })] });
        expect(await store.commit({ writes: [put('a', null, { expected: 1 })] })).toBe('done');
        expect(await store.get('incidents', ['a', 'b'])).toEqual([null, expect.objectContaining({ id: 'b' })]);
        expect([await idsOf(store), await idsOf(store, { tag: 't' }), await idsOf(store, { tag: 'u' })]).toEqual([['b'], ['b'], []]);
        expect(await store.count('incidents', 'u')).toBe(0);
        expect(await store.commit({ writes: [put('a', 2, { expected: 0 })] })).toBe('done');
        expect(await store.get('incidents', ['a'])).toEqual([{ id: 'a', revision: 1, value: 2 }]);
      });

      it('deletes what is not there without a word', async () => {
        expect(await store.commit({ writes: [put('absent', null), put('absent too', null, { expected: 0 })] })).toBe('done');
        expect(await store.count('incidents')).toBe(0);
      });

      it('writes several documents of several collections in one commit', async () => {
        await store.commit({
          writes: [put('a', 'incident'), { ...put('a', 'client'), collection: 'clients' }, { ...put('a', 'alert'), collection: 'alerts' }],
        });
        expect(await store.get('incidents', ['a'])).toEqual([{ id: 'a', revision: 1, value: 'incident' }]);
        expect(await store.get('clients', ['a'])).toEqual([{ id: 'a', revision: 1, value: 'client' }]);
        expect([await idsOf(store, {}, 'alerts'), await idsOf(store, {}, 'mutes')]).toEqual([['a'], []]);
      });

      it('keeps every JSON value as it is', async () => {
        const values: readonly Json[] = [
          false,
          0,
          -1.5e-7,
          2 ** 53 - 1,
          '',
          '\0 \u2028 \ud800 "quoted" \\ 😀',
          [],
          {},
          { '': [null, { constructor: 'x', a: [1, [2]] }] },
        ];
        await store.commit({ writes: values.map((value, index) => put(`v${index}`, value)) });
        const found = await store.get(
          'incidents',
          values.map((_, index) => `v${index}`),
        );
        expect(found.map((document) => document?.value)).toEqual(values);
      });

      it('keeps a value of 2 MB', async () => {
        const value = { text: 'ä€😀x'.repeat(200_000), list: Array.from({ length: 1000 }, (_, index) => index) };
        await store.commit({ writes: [put('big', value)] });
        await reopen();
        expect(await valueAt(store, 'big')).toEqual(value);
      });

      it('loses no increment when 100 are made at once, each by reading, writing and trying again', async () => {
        await store.commit({ writes: [put('counter', 0)] });
        let conflicts = 0;
        const increment = async (): Promise<void> => {
          for (;;) {
            const [document] = await store.get('incidents', ['counter']);
            if (!document) throw new Error('the counter is gone');
            const result = await store.commit({ writes: [put('counter', Number(document.value) + 1, { expected: document.revision })] });
            if (result === 'done') return;
            conflicts += 1;
          }
        };
        await Promise.all(Array.from({ length: 100 }, increment));
        expect(await store.get('incidents', ['counter'])).toEqual([{ id: 'counter', revision: 101, value: 100 }]);
        expect(conflicts).toBeGreaterThan(0);
      });

      it('lets one of many that create the same document win', async () => {
        const results = await Promise.all(
          Array.from({ length: 20 }, (_, index) => store.commit({ writes: [put('a', index, { expected: 0 })] })),
        );
        expect(results.filter((result) => result === 'done')).toHaveLength(1);
        expect(await valueAt(store, 'a')).toBe(results.indexOf('done'));
      });
    });

    describe('ids and tags', () => {
      it('may hold any characters, and never meet', async () => {
        await store.commit({ writes: HOSTILE_IDS.map((id, index) => put(id, index, { tags: [id, 'all'], sort: 1 })) });
        expect((await store.get('incidents', HOSTILE_IDS)).map((document) => document?.value)).toEqual(
          HOSTILE_IDS.map((_, index) => index),
        );
        for (const id of HOSTILE_IDS) expect(await idsOf(store, { tag: id })).toEqual([id]);
        expect(await pages(store, 3, { tag: 'all' })).toHaveLength(HOSTILE_IDS.length);
      });

      it('gives the documents in the order in which they were asked for, also twice', async () => {
        await store.commit({ writes: [put('a', 1), put('b', 2)] });
        const found = await store.get('incidents', ['b', 'absent', 'a', 'b']);
        expect(found.map((document) => document?.value ?? null)).toEqual([2, null, 1, 2]);
        expect(await store.get('incidents', [])).toEqual([]);
      });
    });

    describe('lists', () => {
      const documents = [
        put('c', 1, { sort: 10, tags: ['x'] }),
        put('a', 1, { sort: 10, tags: ['x', 'y'] }),
        put('z', 1, { sort: 1_790_000_000_123, tags: ['x'] }),
        put('y', 1, { sort: 1_790_000_000_122, tags: ['y'] }),
        put('B', 1, { sort: 10, tags: ['x'] }),
        put('none', 1),
        put('minus', 1, { sort: -3, tags: ['x'] }),
        put('half', 1, { sort: 10.5, tags: ['x', 'x'] }),
      ];
      const ordered = ['z', 'y', 'half', 'B', 'a', 'c', 'none', 'minus'];

      it('come with the highest sort first, then by the bytes of the id', async () => {
        await store.commit({ writes: documents });
        expect(await idsOf(store)).toEqual(ordered);
        expect(await idsOf(store, { tag: 'x' })).toEqual(['z', 'half', 'B', 'a', 'c', 'minus']);
        expect(await idsOf(store, { tag: 'y' })).toEqual(['y', 'a']);
        expect(await idsOf(store, { tag: 'absent' })).toEqual([]);
      });

      it('come backwards with the oldest first', async () => {
        await store.commit({ writes: documents });
        expect(await idsOf(store, { oldestFirst: true })).toEqual(ordered.toReversed());
        expect(await idsOf(store, { oldestFirst: true, limit: 2 })).toEqual(['minus', 'none']);
        expect(await idsOf(store, { oldestFirst: true, tag: 'y' })).toEqual(['a', 'y']);
      });

      it('carry revision, sort and value of each document', async () => {
        await store.commit({ writes: [put('a', { deep: [1] }, { sort: 1_790_000_000_123 }), put('b', 2)] });
        await store.commit({ writes: [put('b', 3)] });
        expect(await store.list('incidents', { limit: 5 })).toEqual([
          { id: 'a', revision: 1, sort: 1_790_000_000_123, value: { deep: [1] } },
          { id: 'b', revision: 2, sort: 0, value: 3 },
        ]);
      });

      it.each([1, 2, 3, 7, 8, 100])('go on from a cursor, %i at a time, either way', async (limit) => {
        await store.commit({ writes: documents });
        expect(await pages(store, limit)).toEqual(ordered);
        expect(await pages(store, limit, { oldestFirst: true })).toEqual(ordered.toReversed());
        expect(await pages(store, limit, { tag: 'x' })).toEqual(['z', 'half', 'B', 'a', 'c', 'minus']);
      });

      it('go on behind a document that is gone, and behind a place where none ever was', async () => {
        await store.commit({ writes: documents });
        await store.commit({ writes: [put('a', null)] });
        expect(await idsOf(store, { after: { sort: 10, id: 'a' } })).toEqual(['c', 'none', 'minus']);
        expect(await idsOf(store, { after: { sort: 10, id: 'a' }, oldestFirst: true })).toEqual(['B', 'half', 'y', 'z']);
        expect(await idsOf(store, { after: { sort: 5, id: 'nowhere' } })).toEqual(['none', 'minus']);
      });

      it('follow a rewrite that changes tags and sort', async () => {
        await store.commit({ writes: [put('a', 1, { tags: ['open', 'team'], sort: 1 }), put('b', 1, { tags: ['open'], sort: 2 })] });
        await store.commit({ writes: [put('a', 2, { tags: ['resolved', 'team'], sort: 3 })] });
        expect(await idsOf(store)).toEqual(['a', 'b']);
        expect([await idsOf(store, { tag: 'open' }), await idsOf(store, { tag: 'resolved' })]).toEqual([['b'], ['a']]);
        expect(await store.list('incidents', { tag: 'team', limit: 5 })).toEqual([{ id: 'a', revision: 2, sort: 3, value: 2 }]);
        expect([await store.count('incidents', 'open'), await store.count('incidents', 'team')]).toEqual([1, 1]);
      });

      it('follow a rewrite that changes the sort alone, or drops all tags', async () => {
        await store.commit({ writes: [put('a', 1, { tags: ['t'], sort: 1 }), put('b', 1, { tags: ['t'], sort: 2 })] });
        await store.commit({ writes: [put('a', 1, { tags: ['t'], sort: 3 })] });
        expect([await idsOf(store), await idsOf(store, { tag: 't' })]).toEqual([
          ['a', 'b'],
          ['a', 'b'],
        ]);
        await store.commit({ writes: [put('a', 1)] });
        expect([await idsOf(store), await idsOf(store, { tag: 't' })]).toEqual([['b', 'a'], ['b']]);
      });

      it('hold 10,000 documents of one sort, page by page, each once', async () => {
        const ids = Array.from({ length: 10_000 }, (_, index) => `id-${String((index * 7919) % 10_000).padStart(5, '0')}`);
        for (let from = 0; from < ids.length; from += 500)
          await store.commit({ writes: ids.slice(from, from + 500).map((id) => put(id, { id }, { tags: ['all'] })) });
        expect(await store.count('incidents')).toBe(10_000);
        expect(await store.count('incidents', 'all')).toBe(10_000);
        const sorted = ids.toSorted();
        expect(await pages(store, 700, { tag: 'all' })).toEqual(sorted);
        expect(await pages(store, 700, { oldestFirst: true })).toEqual(sorted.toReversed());
        expect((await store.list('incidents', { limit: 10_000 })).map(({ value }) => value)).toEqual(sorted.map((id) => ({ id })));
      });
    });

    describe('batches', () => {
      const inAnHour = () => Date.now() + 3_600_000;

      it('are committed once: a known one writes nothing and is named', async () => {
        expect(await store.commit({ writes: [put('a', 1)], batches: [{ id: 'one', expiresAt: inAnHour() }], events: ['e'] })).toBe('done');
        const again = { writes: [put('a', 2), put('b', 2)], batches: [{ id: 'one', expiresAt: inAnHour() }], events: ['f'] };
        expect(await store.commit(again)).toEqual({ known: ['one'] });
        expect([await valueAt(store, 'a'), await idsOf(store)]).toEqual([1, ['a']]);
        expect((await store.events(0, 10)).map(({ value }) => value)).toEqual(['e']);
      });

      it('of a mixed commit: the known ones are named, the others stay unknown', async () => {
        await store.commit({ writes: [], batches: ['one', 'two'].map((id) => ({ id, expiresAt: inAnHour() })) });
        const batches = ['new', 'two', 'other', 'one'].map((id) => ({ id, expiresAt: inAnHour() }));
        expect(await store.commit({ writes: [put('a', 1)], batches })).toEqual({ known: ['two', 'one'] });
        expect(await store.commit({ writes: [], batches: [{ id: 'new', expiresAt: inAnHour() }] })).toBe('done');
      });

      it('that are known go before a conflict', async () => {
        await store.commit({ writes: [put('a', 1)], batches: [{ id: 'one', expiresAt: inAnHour() }] });
        const writes = [put('a', 2, { expected: 0 })];
        expect(await store.commit({ writes, batches: [{ id: 'one', expiresAt: inAnHour() }] })).toEqual({ known: ['one'] });
      });

      it('sent several times at once are committed once', async () => {
        const send = () => store.commit({ writes: [], batches: [{ id: 'one', expiresAt: inAnHour() }], events: ['e'] });
        const results = await Promise.all(Array.from({ length: 20 }, send));
        expect(results.filter((result) => result === 'done')).toHaveLength(1);
        expect(await store.events(0, 100)).toHaveLength(1);
      });

      it('are forgotten when they expire', async () => {
        const commit = (milliseconds: number) =>
          store.commit({ writes: [], batches: [{ id: 'short', expiresAt: Date.now() + milliseconds }] });
        expect(await commit(1000)).toBe('done');
        expect(await commit(60_000)).toEqual({ known: ['short'] });
        await pause(1050);
        expect(await commit(60_000)).toBe('done');
        expect(await commit(60_000)).toEqual({ known: ['short'] });
      });

      it('may hold any characters in their ids', async () => {
        const batches = HOSTILE_IDS.map((id) => ({ id, expiresAt: inAnHour() }));
        expect(await store.commit({ writes: [], batches })).toBe('done');
        expect(await store.commit({ writes: [], batches })).toEqual({ known: HOSTILE_IDS });
      });
    });

    describe('events', () => {
      const values = async (after: number, limit = 100) => (await store.events(after, limit)).map(({ value }) => value);

      it('come in the order of their commits, after any of them', async () => {
        await store.commit({ writes: [], events: ['a', 'b'] });
        await store.commit({ writes: [put('x', 1)], events: [{ c: 1 }] });
        const all = await store.events(0, 100);
        expect(all.map(({ value }) => value)).toEqual(['a', 'b', { c: 1 }]);
        expect(await store.events(all[0]?.sequence ?? -1, 1)).toEqual([all[1]]);
        expect(await values(all[2]?.sequence ?? -1)).toEqual([]);
      });

      it('have a newest one, from which on only later ones are seen', async () => {
        expect(await store.lastEvent()).toBe(0);
        await store.commit({ writes: [], events: ['a', 'b'] });
        const last = await store.lastEvent();
        expect(await values(last - 1)).toEqual(['b']);
        await store.commit({ writes: [], events: ['c'] });
        expect(await values(last)).toEqual(['c']);
      });

      it('have strictly increasing numbers when many commit at once', async () => {
        await Promise.all(Array.from({ length: 50 }, (_, index) => store.commit({ writes: [], events: [index, index] })));
        const sequences = (await store.events(0, 1000)).map(({ sequence }) => sequence);
        expect(sequences).toHaveLength(100);
        expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
      });

      it('are trimmed from the oldest, so many at a time, and their numbers do not come again', async () => {
        await store.commit({ writes: [], events: [1, 2, 3, 4, 5, 6] });
        const last = (await store.events(0, 100)).at(-1)?.sequence ?? 0;
        const trim = (keep: number, most: number) => store.trim({ keep, now: Date.now(), most });
        expect(await trim(4, 1)).toBe(1);
        expect(await values(0)).toEqual([2, 3, 4, 5, 6]);
        expect(await trim(4, 100)).toBe(1);
        expect(await trim(4, 100)).toBe(0);
        expect(await values(0)).toEqual([3, 4, 5, 6]);
        expect(await trim(0, 100)).toBe(4);
        await reopen();
        await store.commit({ writes: [], events: [7] });
        expect((await store.events(0, 100)).map(({ sequence }) => sequence)).toEqual([last + 1]);
      });
    });

    describe('leases', () => {
      it('belong to one holder, who renews and releases them', async () => {
        expect(await store.lease('leader', 'one', 60_000)).toBe(true);
        expect(await store.lease('leader', 'two', 60_000)).toBe(false);
        expect(await store.lease('leader', 'one', 60_000)).toBe(true);
        expect(await store.lease('other', 'two', 60_000)).toBe(true);
        await store.release('leader', 'two');
        expect(await store.lease('leader', 'two', 60_000)).toBe(false);
        await store.release('leader', 'one');
        expect(await store.lease('leader', 'two', 60_000)).toBe(true);
      });

      it('are taken over when they are not renewed, and not before', async () => {
        await store.lease('leader', 'one', 400);
        await pause(200);
        const begin = performance.now();
        expect(await store.lease('leader', 'one', 400)).toBe(true);
        while (!(await store.lease('leader', 'two', 60_000))) await pause(5);
        expect(performance.now() - begin).toBeGreaterThanOrEqual(395);
        expect(await store.lease('leader', 'one', 60_000)).toBe(false);
      });

      it('go to one of many that want them at once', async () => {
        const taken = await Promise.all(Array.from({ length: 20 }, (_, index) => store.lease('leader', `holder ${index}`, 60_000)));
        expect(taken.filter(Boolean)).toHaveLength(1);
      });
    });

    it('answers as a plain list of documents would, whatever is written', async () => {
      const arbitraryWrite = fc.record({
        collection: fc.constantFrom<Collection>('incidents', 'clients'),
        id: fc.constantFrom('a', 'b', 'B', 'ab', 'é'),
        expected: fc.option(fc.integer({ min: 0, max: 3 })),
        value: fc.option(fc.integer(), { freq: 4 }),
        sort: fc.constantFrom(-1, 0, 1.5, 1_790_000_000_000),
        tags: fc.subarray(['x', 'y', 'x:y']),
      });
      const arbitraryCommit = fc.uniqueArray(arbitraryWrite, { maxLength: 3, selector: ({ collection, id }) => `${collection}/${id}` });
      await fc.assert(
        fc
          .asyncProperty(fc.array(arbitraryCommit, { maxLength: 12 }), async (commits) => {
            const model = createModel();
            for (const writes of commits) expect(await store.commit({ writes })).toBe(model.commit(writes));
            for (const collection of ['incidents', 'clients'] as const)
              for (const tag of [undefined, 'x', 'y', 'x:y']) {
                const expected = model.list(collection, tag);
                const options = { limit: 100, ...(tag !== undefined && { tag }) };
                expect(await store.list(collection, options)).toEqual(expected);
                expect(await store.list(collection, { ...options, oldestFirst: true })).toEqual(expected.toReversed());
                expect(await store.count(collection, tag)).toBe(expected.length);
              }
          })
          .afterEach(async () => {
            await store.close();
            await ground.remove();
            ground = await createGround();
            store = await ground.open();
          }),
        { numRuns: 40 },
      );
    });

    it('keeps everything when it is closed and opened again', async () => {
      const expiresAt = Date.now() + 60_000;
      await store.commit({
        writes: [put('a', { kept: true }, { tags: ['t'], sort: 7 })],
        batches: [{ id: 'b', expiresAt }],
        events: ['e'],
      });
      await store.lease('leader', 'one', 60_000);
      await reopen();
      expect(await store.list('incidents', { tag: 't', limit: 5 })).toEqual([{ id: 'a', revision: 1, sort: 7, value: { kept: true } }]);
      expect(await store.commit({ writes: [], batches: [{ id: 'b', expiresAt }] })).toEqual({ known: ['b'] });
      expect((await store.events(0, 5)).map(({ value }) => value)).toEqual(['e']);
      expect(await store.lease('leader', 'two', 60_000)).toBe(false);
    });

    it('takes writes, and says in one sentence what survives', async () => {
      await store.ping();
      expect(store.durability()).toMatch(/^Everything acknowledged .* survives .*\.$/);
    });
  });
}
