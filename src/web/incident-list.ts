/** All incidents of a namespace, or of every one: the first page at once, the others after it, and changes as they come. */
import { keepPreviousData, type QueryClient, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { get } from './api.ts';
import type { Shapes } from './api-types.ts';

type Incident = Shapes['Incident'];

/** What a first screen shows comes at once. */
const FIRST_PAGE = 100;
const PAGE = 500;
/** As many as the service keeps by default; older ones are read when somebody asks. */
const MOST_BY_ITSELF = 10_000;
/** Milliseconds; a list of many pages is read anew more rarely, since the stream tells what changes. */
const EVERY = 15_000;

const KEY = 'incidents';
const CHANGES = 'changed-incidents';

export function useIncidents(namespace: string) {
  const list = useInfiniteQuery({
    queryKey: [KEY, namespace],
    queryFn: ({ pageParam, signal }) => {
      const query = new URLSearchParams({ with: 'series', limit: String(pageParam === '' ? FIRST_PAGE : PAGE) });
      if (namespace !== '') query.set('namespace', namespace);
      if (pageParam !== '') query.set('cursor', pageParam);
      return get<Shapes['IncidentPage']>(`incidents?${query}`, signal);
    },
    initialPageParam: '',
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => EVERY * Math.max(1, state.data?.pages.length ?? 1),
  });
  const changes = useQuery<ReadonlyMap<string, Incident>>({
    queryKey: [CHANGES],
    queryFn: () => new Map(),
    staleTime: 'static',
    refetchInterval: false,
  });
  const pages = list.data?.pages;
  const known = useMemo(() => merged(pages ?? [], changes.data ?? new Map(), namespace), [pages, changes.data, namespace]);
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = list;
  const isReading = hasNextPage && !isFetchNextPageError && known.length < MOST_BY_ITSELF;
  const isNext = isReading && !isFetching;
  useEffect(() => {
    if (isNext) void fetchNextPage();
  }, [isNext, fetchNextPage]);
  return { list, known, isReading };
}

/** Of one that comes twice the later answer counts; what is not in the pages yet came after them. */
function merged(pages: readonly Shapes['IncidentPage'][], changes: ReadonlyMap<string, Incident>, namespace: string): Incident[] {
  const known = new Map<string, Incident>();
  for (const { items } of pages) for (const one of items) known.set(one.id, later(known.get(one.id), one));
  if (pages.length > 0)
    for (const one of changes.values())
      if (known.has(one.id) || namespace === '' || one.namespace === namespace) known.set(one.id, later(known.get(one.id), one));
  return [...known.values()];
}

/** Each of these grows only. */
function age({ evidence, explained, answers, transitions }: Incident): number {
  return evidence + explained + answers + transitions.length;
}

/** What one of them does not tell, as the series of a list, is the other's. */
function later(known: Incident | undefined, found: Incident): Incident {
  if (known === undefined || known === found) return found;
  return age(found) > age(known) ? { ...known, ...found } : known;
}

/** Events of the stream: the lists that are on the page show them without being read anew. */
export function takeChanges(client: QueryClient, changed: readonly Incident[]): void {
  client.setQueryData<ReadonlyMap<string, Incident>>([CHANGES], (before = new Map()) => {
    const after = new Map(before);
    for (const one of changed) after.set(one.id, later(after.get(one.id), one));
    return after;
  });
}

/** Whether reading the list of this query anew is work: what changes in it comes by the stream. */
export function isLongList(query: { readonly queryKey: readonly unknown[]; readonly state: { readonly data: unknown } }): boolean {
  const data = query.state.data as { readonly pages?: readonly unknown[] } | undefined;
  return query.queryKey[0] === KEY && (data?.pages?.length ?? 0) > 1;
}
