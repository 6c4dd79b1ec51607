/** Pages: a cursor is where the list goes on. Its text is nobody's business but this file's. */
import * as z from 'zod';
import type { Collection, Cursor, Store, StoredDocument } from '../ports.ts';
import { Problem } from './problem.ts';

export interface PageAsk {
  readonly collection: Collection;
  readonly tag?: string;
  readonly limit: number;
  readonly cursor: string | undefined;
  /** Documents that do not pass are left out. */
  readonly wanted?: (value: unknown) => boolean;
}

/** Most documents that one page looks at to find those that are wanted: a page may hold fewer than its limit and still have a next one. */
const MOST_LOOKED_AT = 2000;
const STEP = 500;

export async function pageOf(
  store: Store,
  ask: PageAsk,
): Promise<{ readonly documents: readonly StoredDocument[]; readonly next: string | null }> {
  const documents: (StoredDocument & Cursor)[] = [];
  let after = ask.cursor === undefined ? null : readCursor(ask.cursor);
  for (let seen = 0; seen < MOST_LOOKED_AT; ) {
    const limit = ask.wanted === undefined ? ask.limit - documents.length : STEP;
    const list = await store.list(ask.collection, {
      ...(ask.tag === undefined ? {} : { tag: ask.tag }),
      ...(after === null ? {} : { after }),
      limit,
    });
    for (const document of list) {
      after = { sort: document.sort, id: document.id };
      if (ask.wanted === undefined || ask.wanted(document.value)) documents.push(document);
      if (documents.length === ask.limit) return { documents, next: showCursor(after) };
    }
    if (list.length < limit) return { documents, next: null };
    seen += list.length;
  }
  return { documents, next: after === null ? null : showCursor(after) };
}

/** All documents of a tag, of which there are a bounded number. */
export async function readAll(store: Store, collection: Collection, tag: string): Promise<readonly StoredDocument[]> {
  const all: StoredDocument[] = [];
  for (let after: Cursor | null = null; ; ) {
    const list: readonly (StoredDocument & Cursor)[] = await store.list(collection, { tag, limit: STEP, ...(after && { after }) });
    all.push(...list);
    const last = list.at(-1);
    if (last === undefined || list.length < STEP) return all;
    after = { sort: last.sort, id: last.id };
  }
}

/** A page of what is sorted as a store's list is: highest `sort` first, then by id. */
export function cutPage<T extends Cursor>(
  sorted: readonly T[],
  limit: number,
  cursor: string | undefined,
): { readonly items: readonly T[]; readonly next: string | null } {
  const after = cursor === undefined ? null : readCursor(cursor);
  const rest = after === null ? sorted : sorted.filter(({ sort, id }) => sort < after.sort || (sort === after.sort && id > after.id));
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, next: last === undefined || rest.length <= limit ? null : showCursor(last) };
}

const cursorSchema = z.tuple([z.number(), z.string()]);

function showCursor({ sort, id }: Cursor): string {
  return Buffer.from(JSON.stringify([sort, id])).toString('base64url');
}

function readCursor(text: string): Cursor {
  const result = cursorSchema.safeParse(parse(Buffer.from(text, 'base64url').toString('utf8')));
  if (!result.success)
    throw new Problem(400, 'This is no cursor.', 'Take it from `next` of the page before, or leave it out for the first page.');
  const [sort, id] = result.data;
  return { sort, id };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
