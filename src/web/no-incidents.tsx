import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Shapes } from './api-types.ts';
import { inert } from './inert.ts';
import { Tag } from './marks.tsx';
import { Link, Trouble } from './parts.tsx';
import { lastAllowedQuery, statusQuery } from './queries.ts';
import { ago, isFresh, useNow } from './time.ts';

type SourceState = Shapes['Sources']['items'][number];

/** No denial is known: good news where allowed traffic and the sources prove that one would have been seen, blindness elsewhere. */
export function NoIncidents({ namespace }: { readonly namespace: string }): ReactNode {
  const now = useNow();
  const status = useQuery(statusQuery);
  const allowed = useQuery(lastAllowedQuery);
  const error = status.error ?? allowed.error;
  if (status.data === undefined || allowed.data === undefined)
    return error === null ? <p aria-busy="true">Looking…</p> : <Trouble error={error} />;
  const seen = allowed.data.items[0]?.last ?? null;
  const failing = status.data.items.filter(({ state }) => state === 'failing');
  const isBlind = failing.length > 0 || !isFresh(seen, now);
  const where = namespace === '' ? '' : ` in ${inert(namespace)}`;
  return (
    <section className={`empty card ${isBlind ? 'wait' : 'ok'}`} aria-label="No denials">
      <Tag tone={isBlind ? 'wait' : 'ok'} shape={isBlind ? 'warn' : 'check'} text={isBlind ? 'Not proved' : 'Good news'} />
      <h2>{isBlind ? `No denials seen${where}, but nothing proves that one would be` : `Nothing is denied${where}`}</h2>
      <p>
        {seen === null
          ? 'No allowed request was ever seen here, so denials may go unseen too.'
          : isFresh(seen, now)
            ? `Allowed traffic was last seen ${ago(seen, now)}: a denial would have been counted beside it.`
            : `Allowed traffic was last seen ${ago(seen, now)}: since then nothing shows that anybody looks.`}
      </p>
      {failing.map((source) => (
        <Failing key={source.id} source={source} />
      ))}
      {status.data.items.length === 0 && (
        <p>
          No source is asked by this service: it knows what is pushed to it (POST api/v1/logs, api/v1/metrics, and Alertmanager's webhook).
          Name Prometheus and the cluster in its configuration.
        </p>
      )}
      <p>
        <Link to="status">Status of all sources</Link>
      </p>
    </section>
  );
}

function Failing({ source: { place, fault } }: { readonly source: SourceState }): ReactNode {
  return (
    <p>
      <strong>{inert(place)}</strong> {fault === null ? 'fails.' : `${inert(fault.message)} ${inert(fault.remedy)}`}
    </p>
  );
}
