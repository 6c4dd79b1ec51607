import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Shapes } from './api-types.ts';
import { Coverage, countsDenials, coverageOf } from './coverage.tsx';
import { inert, short } from './inert.ts';
import { Tag } from './marks.tsx';
import { Link, Trouble } from './parts.tsx';
import { meshedQuery, observedQuery, statusQuery } from './queries.ts';
import { setQuery } from './route.ts';
import { ago, isFresh, useNow } from './time.ts';
import { count } from './words.ts';

type SourceState = Shapes['Sources']['items'][number];

interface NoIncidentsProps {
  readonly namespace: string;
  /** How many are over. */
  readonly resolved: number;
}

/** No denial is known: good news where allowed traffic and the sources prove that one would have been seen, blindness elsewhere. */
export function NoIncidents({ namespace, resolved }: NoIncidentsProps): ReactNode {
  const now = useNow();
  const status = useQuery(statusQuery);
  const observed = useQuery(observedQuery(namespace));
  const workloads = useQuery(meshedQuery);
  const error = status.error ?? observed.error;
  if (status.data === undefined || observed.data === undefined)
    return error === null ? <p aria-busy="true">Looking…</p> : <Trouble error={error} />;
  const seen = observed.data.items[0]?.last ?? null;
  const counting = status.data.items.filter(countsDenials);
  const failing = counting.filter(({ state }) => state === 'failing');
  const remarked = counting.filter(({ state }) => state === 'remarks');
  const isBlind = failing.length > 0 || !isFresh(seen, now);
  const covered = coverageOf(observed.data.items, workloads.data).filter((one) => namespace === '' || one.namespace === namespace);
  const where = namespace === '' ? '' : ` in ${inert(namespace)}`;
  return (
    <>
      <section className={`empty card ${isBlind ? 'wait' : 'ok'}`} aria-label="No denials">
        <Tag tone={isBlind ? 'wait' : 'ok'} shape={isBlind ? 'warn' : 'check'} text={isBlind ? 'Not proved' : 'Good news'} />
        <h2>
          {isBlind
            ? `No denials seen${where}, but nothing proves that one would be`
            : `Nothing is denied${where}, and it would have been seen`}
        </h2>
        <p>
          {seen === null
            ? `No allowed request was ever seen${where}, so denials may go unseen too.`
            : isFresh(seen, now)
              ? `Allowed traffic was last seen ${ago(seen, now)}: a denial would have been counted beside it.`
              : `Allowed traffic was last seen ${ago(seen, now)}: since then nothing shows that anybody looks.`}
        </p>
        {failing.map((source) => (
          <Failing key={source.id} source={source} />
        ))}
        {isBlind && remarked.map((source) => <Remarked key={source.id} source={source} />)}
        {status.data.items.length === 0 && (
          <p>
            No source is asked by this service: it knows what is pushed to it (POST api/v1/logs, api/v1/metrics, and Alertmanager's
            webhook). To have it ask, name Prometheus (prometheus.url) and the cluster (kubernetes.watch) in its configuration.
          </p>
        )}
        <p>
          <Link to="status">Status of all sources</Link>
        </p>
        {resolved > 0 && (
          <Button size="xs" variant="default" onClick={() => setQuery({ show: 'resolved' })}>
            {`Show ${count(resolved, 'resolved incident')}`}
          </Button>
        )}
      </section>
      <Coverage rows={covered} failing={failing.map(({ place }) => place)} />
    </>
  );
}

function Failing({ source: { place, fault } }: { readonly source: SourceState }): ReactNode {
  return (
    <p>
      <strong>{inert(place)}</strong> {fault === null ? 'fails.' : `${inert(fault.message)} ${inert(fault.remedy)}`}
    </p>
  );
}

function Remarked({ source: { place, remarks } }: { readonly source: SourceState }): ReactNode {
  return (
    <p>
      <strong>{inert(place)}</strong> {short(remarks.join(' '), 1000)}
    </p>
  );
}
