import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { post, remove } from './api.ts';
import type { Shapes } from './api-types.ts';
import { countsDenials } from './coverage.tsx';
import { inert } from './inert.ts';
import { type Shape, Tag, type Tone } from './marks.tsx';
import { Card, Link, Trouble } from './parts.tsx';
import { lastAllowedQuery, mutesQuery, parkedQuery, readinessQuery, statusQuery, versionQuery } from './queries.ts';
import { ago, isFresh, span, useNow, utc } from './time.ts';
import { count } from './words.ts';

type SourceState = Shapes['Sources']['items'][number];

export function StatusPage({ mayTriage }: { readonly mayTriage: boolean }): ReactNode {
  const status = useQuery(statusQuery);
  const parked = useQuery(parkedQuery);
  const { data: version } = useQuery(versionQuery);
  return (
    <main>
      <div className="title">
        <h1>{status.data === undefined ? 'Status' : headline(status.data.items, parked.data?.items.length ?? 0)}</h1>
        <p className="note">{version === undefined ? '' : `denywhy ${version}`}</p>
      </div>
      {status.error !== null && <Trouble error={status.error} />}
      {status.data !== undefined && <Sources items={status.data.items} />}
      <div className="columns">
        <BlindSpots items={status.data?.items ?? []} />
        <Durability />
      </div>
      <Parked items={parked.data?.items ?? []} error={parked.error} mayTriage={mayTriage} />
      <Mutes mayTriage={mayTriage} />
    </main>
  );
}

function headline(items: readonly SourceState[], parked: number): string {
  const failing = items.filter(({ state }) => state === 'failing').length;
  const remarks = items.filter(({ state }) => state === 'remarks').length;
  const parts = [
    failing > 0 ? `${count(failing, 'source')} failing` : '',
    remarks > 0 ? `${count(remarks, 'source')} with remarks` : '',
    parked > 0 ? `${count(parked, 'parked job')}` : '',
  ].filter((part) => part !== '');
  if (parts.length > 0) return `Working, with ${parts.join(', ')}`;
  return items.length === 0 ? 'Working, with what is pushed to it' : 'Working, and every source answers';
}

const STATES: Readonly<Record<SourceState['state'], readonly [Tone, Shape, string]>> = {
  well: ['ok', 'check', 'Up to date'],
  remarks: ['wait', 'warn', 'With remarks'],
  failing: ['bad', 'cross', 'Failing'],
};

function Sources({ items }: { readonly items: readonly SourceState[] }): ReactNode {
  const now = useNow();
  return (
    <Card title="Sources" note="what feeds the answers">
      {items.length === 0 && (
        <p>
          None is asked by this service. It knows what is pushed to it: logs (POST api/v1/logs), metrics (POST api/v1/metrics) and
          Alertmanager's webhook. A cluster, Prometheus and Alertmanager are named in its configuration.
        </p>
      )}
      <ul className="rows">
        {items.map(({ id, place, state, lagSeconds, answeredAt, fault, remarks }) => {
          const [tone, shape, text] = STATES[state];
          return (
            <li key={id}>
              <div>
                <b>{inert(id)}</b>
                <span className="note">{inert(place)}</span>
              </div>
              <div>
                <Tag tone={tone} shape={shape} text={text} />
              </div>
              <div>
                <span>answered {ago(answeredAt, now)}</span>
                {lagSeconds !== null && <span className="note">shows what was {span(lagSeconds * 1000)} before that</span>}
              </div>
              <div className="wide">
                {fault !== null && (
                  <p>
                    <strong>{inert(fault.message)}</strong> {inert(fault.remedy)}{' '}
                    <span className="note">since {utc(fault.since, now)}</span>
                  </p>
                )}
                {remarks.map((remark) => (
                  <p key={remark}>{inert(remark)}</p>
                ))}
                {fault === null && remarks.length === 0 && <span className="note">nothing to do</span>}
              </div>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function BlindSpots({ items }: { readonly items: readonly SourceState[] }): ReactNode {
  const now = useNow();
  const allowed = useQuery(lastAllowedQuery);
  const seen = allowed.data?.items[0]?.last ?? null;
  const failing = items.filter((source) => source.state === 'failing' && countsDenials(source));
  return (
    <Card title="Would a denial be seen?" tone={failing.length > 0 || !isFresh(seen, now) ? 'wait' : 'ok'}>
      {allowed.error !== null && <Trouble error={allowed.error} />}
      <p>
        {seen === null
          ? 'No allowed request was ever seen, so nothing proves that a denial would be.'
          : isFresh(seen, now)
            ? `Allowed traffic was last seen ${ago(seen, now)}; denials are counted by the same sources.`
            : `Allowed traffic was last seen ${ago(seen, now)}: since then nothing shows that a denial would be.`}
      </p>
      {failing.map(({ id }) => (
        <p key={id}>{`${inert(id)} fails: what it alone tells is not seen.`}</p>
      ))}
      <p className="note">
        A packet that a NetworkPolicy drops never reaches a proxy: no proxy counts it. Its client sees a connect that fails.
      </p>
    </Card>
  );
}

function Durability(): ReactNode {
  const { data, error } = useQuery(readinessQuery);
  return (
    <Card title="Durability" note={data?.status ?? ''}>
      {error !== null && <Trouble error={error} />}
      <p>{data?.durability ?? ''}</p>
    </Card>
  );
}

interface ParkedProps {
  readonly items: Shapes['ParkedJobs']['items'];
  readonly error: Error | null;
  readonly mayTriage: boolean;
}

function Parked({ items, error, mayTriage }: ParkedProps): ReactNode {
  const now = useNow();
  return (
    <Card title="Parked jobs" note="explanations that kept failing">
      {error !== null && <Trouble error={error} />}
      {items.length === 0 && error === null && <p>None: every explanation was made.</p>}
      <ul className="rows">
        {items.map(({ id, reason, attempts, at }) => (
          <li key={id}>
            <div>
              <Link to={`incidents/${id}`}>{inert(id)}</Link>
              <span className="note">{count(attempts, 'attempt')}</span>
            </div>
            <div>{ago(at, now)}</div>
            <div className="wide">{inert(reason)}</div>
            {mayTriage && (
              <div>
                <Act label="Try again" act={() => post(`jobs/parked/${encodeURIComponent(id)}/retry`, {})} />
              </div>
            )}
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Mutes({ mayTriage }: { readonly mayTriage: boolean }): ReactNode {
  const now = useNow();
  const { data, error } = useQuery(mutesQuery);
  const items = data?.items ?? [];
  return (
    <Card title="Mutes" note={`${items.length} active`}>
      {error !== null && <Trouble error={error} />}
      {data !== undefined && items.length === 0 && <p>Nothing is muted. A mute needs a reason and an end, and never stops counting.</p>}
      <ul className="rows">
        {items.map(({ id, author, reason, expiresAt, target, client }) => (
          <li key={id}>
            <div>
              <b>{inert(reason)}</b>
              <span className="note">{inert(author)}</span>
            </div>
            <div>ends {utc(expiresAt, now)}</div>
            <div className="wide mono">{inert(JSON.stringify(client === null ? target : { ...target, client }))}</div>
            {mayTriage && (
              <div>
                <Act label="End it" act={() => remove(`mutes/${encodeURIComponent(id)}`)} />
              </div>
            )}
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Act({ label, act }: { readonly label: string; readonly act: () => Promise<unknown> }): ReactNode {
  const client = useQueryClient();
  const [error, setError] = useState<Error | null>(null);
  return (
    <>
      <Button size="xs" variant="default" onClick={() => void act().then(() => client.invalidateQueries(), setError)}>
        {label}
      </Button>
      {error !== null && <Trouble error={error} />}
    </>
  );
}
