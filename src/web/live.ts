/** Changes as they come: the stream of events says that something changed, and what is shown is asked for again. */
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { address } from './api.ts';
import type { Shapes } from './api-types.ts';
import { isLongList, takeChanges } from './incident-list.ts';
import { isOfIncidents } from './queries.ts';

export interface Live {
  readonly state: 'connecting' | 'live' | 'lost';
  /** When it was last heard of. */
  readonly at: number;
}

/** A storm of events asks again once in so many milliseconds. */
const EVERY = 1000;
/** A stream that the server ended is opened again after so many milliseconds. */
const AGAIN = 2000;

/** `isOn` false: nobody may ask. */
export function useLive(isOn: boolean): Live {
  const client = useQueryClient();
  const [live, setLive] = useState<Live>({ state: 'connecting', at: Date.now() });
  useEffect(() => {
    if (!isOn) return;
    return follow(client, (state) => setLive((before) => ({ state, at: state === 'lost' ? before.at : Date.now() })));
  }, [client, isOn]);
  return live;
}

function follow(client: QueryClient, say: (state: Live['state']) => void): () => void {
  let changed: Shapes['Incident'][] = [];
  const refresh = throttled(() => {
    takeChanges(client, changed);
    changed = [];
    void client.invalidateQueries({ predicate: (query) => isOfIncidents(query.queryKey) && !isLongList(query) });
  });
  /** What was missed is not told. */
  const refreshAll = throttled(() => void client.invalidateQueries({ predicate: ({ queryKey }) => isOfIncidents(queryKey) }));
  let source: EventSource | null = null;
  let again: ReturnType<typeof setTimeout> | undefined;
  let last = '';
  const open = () => {
    source = new EventSource(address(`events?${last === '' ? 'from=now' : `after=${last}`}`));
    source.onopen = () => {
      say('live');
      refreshAll();
    };
    source.addEventListener('incident', (event) => {
      last = event.lastEventId;
      changed.push((JSON.parse(event.data) as Shapes['Event']).incident);
      say('live');
      refresh();
    });
    source.onerror = () => {
      say('lost');
      // A browser comes back by itself, but not after an answer that was no stream (a proxy's 502).
      if (source?.readyState !== EventSource.CLOSED) return;
      clearTimeout(again);
      again = setTimeout(open, AGAIN);
    };
  };
  open();
  return () => {
    clearTimeout(again);
    source?.close();
  };
}

function throttled(run: () => void): () => void {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(() => {
      isWaiting = false;
      run();
    }, EVERY);
  };
}
