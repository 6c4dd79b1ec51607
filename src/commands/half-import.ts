/** What marks a store whose import has not ended: parts are missing, so nothing but the import may work on it. */
import { InvalidInput } from '../errors.ts';
import type { Instant } from '../policy/resource.ts';
import { showInstant } from '../policy/time.ts';
import type { Store } from '../ports.ts';

const MARK = { collection: 'meta', id: 'import' } as const;

/** When the import that has not ended began; null: there is none. */
export async function halfImportOf(store: Store): Promise<Instant | null> {
  const [mark] = await store.get(MARK.collection, [MARK.id]);
  const at = (mark?.value as { readonly at?: unknown } | undefined)?.at;
  return mark === null || mark === undefined ? null : typeof at === 'number' ? at : 0;
}

export async function beginImport(store: Store, at: Instant): Promise<void> {
  await store.commit({ writes: [{ ...MARK, expected: null, value: { at } }] });
}

export async function endImport(store: Store): Promise<void> {
  await store.commit({ writes: [{ ...MARK, expected: null, value: null }] });
}

/** Errors: InvalidInput. */
export async function refuseHalfImport(store: Store): Promise<void> {
  const at = await halfImportOf(store);
  if (at === null) return;
  throw new InvalidInput(
    `This store holds half an import, which began at ${showInstant(at)} and was cut off.`,
    'Run the same denywhy import again: it goes over what is there and does the rest.',
  );
}
