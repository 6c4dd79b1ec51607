/** What every archive must do. A driver's own test says how to open one beside its store. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Archive, Archived, Store } from '../../src/ports.ts';

/** One place, with the store and the archive that stand on it. */
export interface ArchiveGround {
  readonly store: Store;
  readonly archive: Archive;
  remove(): Promise<void>;
}

const LATER = 4_000_000_000_000;

/** Of every sort: many revisions, no tag and many, odd names, times before and after zero, known batches, events. */
export async function fill(store: Store): Promise<void> {
  for (let i = 0; i < 3; i++)
    await store.commit({
      writes: [{ collection: 'incidents', id: 'twice', expected: i, value: { n: i }, tags: ['state:open', `n:${i}`], sort: i }],
      batches: [{ id: `key ${i} *?[x]`, expiresAt: LATER + i }],
      events: [{ n: i }, { more: 'é\n"' }],
    });
  await store.commit({
    writes: Array.from({ length: 250 }, (_, i) => ({
      collection: 'clients' as const,
      id: `i1/${i}`,
      expected: 0,
      value: { i, text: 'x'.repeat(i) },
      tags: ['incident:i1'],
      sort: i - 100.5,
    })),
  });
  await store.commit({
    writes: [
      { collection: 'meta', id: '__proto__', expected: 0, value: [null, true, 1.5, '\u0000'] },
      { collection: 'alerts', id: 'a:b*\n', expected: 0, value: 'text', tags: ['status:firing', 'firing:', 'ü'], sort: 1_763_976_000_123 },
    ],
    events: Array.from({ length: 220 }, (_, i) => ({ event: i })),
  });
  await store.trim({ keep: 200, now: 0, most: 1000 });
}

/** In an order of its own: archives may read documents and batches in any. */
export async function contents(archive: Archive): Promise<readonly Archived[]> {
  const things: Archived[] = [];
  for await (const some of archive.read()) things.push(...some);
  const order = new Map(things.map((thing) => [JSON.stringify(thing), thing]));
  return [...order].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, thing]) => thing);
}

export function testArchive(driver: string, skip: string | null, prepare: () => Promise<ArchiveGround>): void {
  describe.skipIf(skip !== null)(`archive: ${driver}${skip === null ? '' : ` (${skip})`}`, () => {
    let ground: ArchiveGround;
    beforeEach(async () => {
      ground = await prepare();
    });
    afterEach(() => ground.remove());

    it('says whether anything is there', async () => {
      expect(await ground.archive.isEmpty()).toBe(true);
      await ground.store.commit({ writes: [], batches: [{ id: 'known', expiresAt: LATER }] });
      expect(await ground.archive.isEmpty()).toBe(false);
    });

    it('reads what the store holds: each document with its revision, tags and sort, batches, and events in their order', async () => {
      await fill(ground.store);
      const things = await contents(ground.archive);
      expect(things.filter(({ type }) => type === 'document')).toHaveLength(253);
      expect(things).toContainEqual({
        type: 'document',
        collection: 'incidents',
        id: 'twice',
        revision: 3,
        sort: 2,
        tags: ['state:open', 'n:2'],
        value: { n: 2 },
      });
      expect(things.filter(({ type }) => type === 'batch')).toEqual(
        [0, 1, 2].map((i) => ({ type: 'batch', id: `key ${i} *?[x]`, expiresAt: LATER + i })),
      );
      const sequences: number[] = [];
      for await (const some of ground.archive.read()) for (const thing of some) if (thing.type === 'event') sequences.push(thing.sequence);
      expect(sequences).toEqual(Array.from({ length: 200 }, (_, i) => i + 27));
    });

    it('leaves out what has expired', async () => {
      await ground.store.commit({ writes: [], batches: [{ id: 'gone', expiresAt: 1 }] });
      expect(await contents(ground.archive)).toEqual([]);
    });

    it('writes what it read where nothing is, and the store goes on from there', async () => {
      await fill(ground.store);
      const things = await contents(ground.archive);
      await ground.remove();
      ground = await prepare();
      const events = things.filter((thing) => thing.type === 'event').sort((a, b) => a.sequence - b.sequence);
      await ground.archive.write(things.filter(({ type }) => type !== 'event'));
      await ground.archive.write(events);
      expect(await contents(ground.archive)).toEqual(things);

      const { store } = ground;
      expect(await store.count('clients', 'incident:i1')).toBe(250);
      expect((await store.list('clients', { tag: 'incident:i1', limit: 2 })).map(({ id }) => id)).toEqual(['i1/249', 'i1/248']);
      expect(await store.commit({ writes: [], batches: [{ id: 'key 1 *?[x]', expiresAt: LATER }] })).toEqual({ known: ['key 1 *?[x]'] });
      const rewrite = { collection: 'incidents' as const, id: 'twice', value: { n: 9 } };
      expect(await store.commit({ writes: [{ ...rewrite, expected: 2 }] })).toBe('conflict');
      expect(await store.commit({ writes: [{ ...rewrite, expected: 3 }], events: ['next'] })).toBe('done');
      expect(await store.count('incidents', 'state:open')).toBe(0);
      expect((await store.events(226, 10)).map(({ sequence, value }) => ({ sequence, value }))).toEqual([{ sequence: 227, value: 'next' }]);
    });

    it('writing the same again changes nothing, and writing over a document takes its old tags away', async () => {
      await fill(ground.store);
      const things = await contents(ground.archive);
      await ground.archive.write(things.filter(({ type }) => type !== 'event'));
      expect(await contents(ground.archive)).toEqual(things);
      await ground.archive.write([
        { type: 'document', collection: 'incidents', id: 'twice', revision: 7, sort: 5, tags: ['state:resolved'], value: {} },
      ]);
      expect(await ground.store.count('incidents', 'state:open')).toBe(0);
      expect(await ground.store.count('incidents', 'state:resolved')).toBe(1);
    });
  });
}
