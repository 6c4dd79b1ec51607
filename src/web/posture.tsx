import './posture.css';
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { Shapes } from './api-types.ts';
import { inert } from './inert.ts';
import { Link, Trouble } from './parts.tsx';
import { PlanCard } from './posture-plan.tsx';
import { type Practice, PracticeCard, STATES, type State, StateTag, stateCounts } from './posture-practice.tsx';
import { postureQuery } from './queries.ts';
import { setQuery } from './route.ts';
import { ago, span, useNow, utc } from './time.ts';
import { count } from './words.ts';

type Posture = Shapes['Posture'];
type OfNamespace = Posture['namespaces'][number];

export function PosturePage({ query }: { readonly query: URLSearchParams }): ReactNode {
  const namespace = query.get('namespace') ?? '';
  const asked = useQuery(postureQuery(namespace));
  const { data, error, isFetching } = asked;
  const only = namespace === '' ? undefined : data?.namespaces[0];
  return (
    <main className="posture">
      {namespace !== '' && (
        <nav className="crumbs" aria-label="Where">
          <Link to="posture">Posture of every namespace</Link>
          <span> / {inert(namespace)}</span>
        </nav>
      )}
      <h1>{data === undefined ? 'Posture' : only === undefined ? overviewOf(data.namespaces) : sentenceOf(only)}</h1>
      {data !== undefined && (
        <p className="summary">
          <Seen observed={data.observed} />
          <Judged at={asked.dataUpdatedAt} isFetching={isFetching} again={() => void asked.refetch()} />
        </p>
      )}
      {error !== null && <Trouble error={error} />}
      {data === undefined && error === null && <Judging />}
      {data !== undefined && only === undefined && <Namespaces items={data.namespaces} />}
      {only !== undefined && <OneNamespace found={only} plan={data?.plan ?? null} show={query.get('show') ?? ''} />}
    </main>
  );
}

function sentenceOf({ namespace, practices }: OfNamespace): string {
  if (practices.length === 0) return `${inert(namespace)}: not meshed`;
  return `${inert(namespace)}: of ${count(practices.length, 'practice')} ${stateCounts(practices)}`;
}

function overviewOf(namespaces: readonly OfNamespace[]): string {
  if (namespaces.length === 0) return 'No namespace has pods';
  const judged = namespaces.filter(({ outside }) => outside === null);
  if (judged.length === 0) return 'No namespace is meshed';
  const denying = judged.filter(({ practices }) => practices.some(({ id, state }) => id === 'default-deny' && state === 'holds'));
  return `Default deny is in force in ${denying.length} of ${count(judged.length, 'namespace')}`;
}

function Seen({ observed: { requests, first, last } }: { readonly observed: Posture['observed'] }): ReactNode {
  const now = useNow();
  if (requests === 0 || first === null || last === null)
    return <span>No traffic was seen, so that nobody knows which grants are used.</span>;
  return (
    <span>
      Seen: {count(requests, 'request and connection', 'requests and connections')} from {utc(first, now)} to {utc(last, now)}
    </span>
  );
}

/** Judging takes work: it is done when somebody wants it. */
function Judged({ at, isFetching, again }: { readonly at: number; readonly isFetching: boolean; readonly again: () => void }): ReactNode {
  const now = useNow();
  return (
    <>
      <span role="status">{isFetching ? 'Judging anew…' : `Judged ${ago(new Date(at).toISOString(), now)}`}</span>
      <Button size="compact-xs" variant="default" disabled={isFetching} onClick={again}>
        Judge again
      </Button>
    </>
  );
}

function Judging(): ReactNode {
  const now = useNow();
  const [began] = useState(now);
  return (
    <p aria-busy="true">
      Judging every practice{now - began >= 1000 ? `, ${span(now - began)} so far` : '…'}
      {now - began >= 2000 && (
        <span className="note"> With ten thousand pods it takes seconds, and half a second more for each step of a plan.</span>
      )}
    </p>
  );
}

function Namespaces({ items }: { readonly items: readonly OfNamespace[] }): ReactNode {
  return (
    <ul className="card rows namespaces" aria-label="Namespaces">
      {items.map(({ namespace, outside, practices }) => {
        const first = practices.find(({ state }) => state === 'not' || state === 'partly');
        return (
          <li key={namespace}>
            <div>
              <Link to={`posture?namespace=${encodeURIComponent(namespace)}`}>
                <b>{inert(namespace)}</b>
              </Link>
              <span className="note">{practices.length === 0 && outside !== null ? outsideWords(outside) : stateCounts(practices)}</span>
            </div>
            <div className="marks">
              {practices.map(({ id, title, state }) => (
                <StateTag key={id} state={state} text={inert(id)} title={inert(title)} />
              ))}
            </div>
            {first !== undefined && (
              <p className="note">{`First to do, ${inert(first.id)}: ${inert(first.judgements.find(({ next }) => next !== null)?.next?.text ?? '')}`}</p>
            )}
          </li>
        );
      })}
    </ul>
  );
}

/** Why its practices are not judged, or a few alone. */
function outsideWords({ reason, why }: NonNullable<OfNamespace['outside']>): string {
  return reason === 'not-meshed'
    ? `not meshed, so that Linkerd enforces nothing there: ${inert(why)}`
    : `${inert(why)}: its policy comes with its chart, and is not judged`;
}

interface OneProps {
  readonly found: OfNamespace;
  readonly plan: Posture['plan'];
  readonly show: string;
}

function OneNamespace({ found, plan, show }: OneProps): ReactNode {
  const { namespace, outside, practices } = found;
  const shown = practices.filter(({ state }) => show === '' || state === show);
  return (
    <>
      {outside !== null && <p className="note">{outsideWords(outside)}</p>}
      <div className="filters">
        <fieldset className="segments">
          <legend>State</legend>
          <Segment practices={practices} state="" show={show} label="All" />
          {(Object.keys(STATES) as readonly State[]).map((state) => (
            <Segment key={state} practices={practices} state={state} show={show} label={STATES[state].word} />
          ))}
        </fieldset>
      </div>
      <div className="columns">
        <div>
          {shown.map((practice) => (
            <PracticeCard key={practice.id} practice={practice} />
          ))}
          {shown.length === 0 && practices.length > 0 && <p>No practice is in this state.</p>}
        </div>
        <div>{plan !== null && <PlanCard namespace={namespace} plan={plan} />}</div>
      </div>
    </>
  );
}

interface SegmentProps {
  readonly practices: readonly Practice[];
  readonly state: State | '';
  readonly show: string;
  readonly label: string;
}

function Segment({ practices, state, show, label }: SegmentProps): ReactNode {
  return (
    <button type="button" aria-pressed={show === state} onClick={() => setQuery({ show: state })}>
      {label} <b>{practices.filter((one) => state === '' || one.state === state).length}</b>
    </button>
  );
}
