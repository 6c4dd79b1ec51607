/** A list in which nothing moves under the person who works in it. */
import { useCallback, useMemo, useState } from 'react';

export interface Still<T> {
  readonly rows: readonly T[];
  /** How many came since, and stand at the end. */
  readonly came: number;
  /** From now on rows keep their places. */
  hold(): void;
  /** Sorts in what came. */
  release(): void;
}

/** `view`: what the list shows; another view is another list. */
export function useStill<T extends { readonly id: string }>(sorted: readonly T[], view: string): Still<T> {
  const [held, setHeld] = useState<{ readonly view: string; readonly ids: readonly string[] } | null>(null);
  const ids = held?.view === view ? held.ids : null;
  const still = useMemo(() => (ids === null ? { rows: sorted, came: 0 } : inPlace(sorted, ids)), [sorted, ids]);
  const hold = useCallback(
    () => setHeld((before) => (before?.view === view ? before : { view, ids: sorted.map(({ id }) => id) })),
    [sorted, view],
  );
  const release = useCallback(() => setHeld(null), []);
  return { ...still, hold, release };
}

function inPlace<T extends { readonly id: string }>(sorted: readonly T[], ids: readonly string[]): Pick<Still<T>, 'rows' | 'came'> {
  const byId = new Map(sorted.map((one) => [one.id, one]));
  const kept = ids.flatMap((id) => byId.get(id) ?? []);
  const known = new Set(ids);
  const came = sorted.filter(({ id }) => !known.has(id));
  return { rows: [...kept, ...came], came: came.length };
}
