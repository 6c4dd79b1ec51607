import { TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Shapes } from './api-types.ts';
import { inert, short } from './inert.ts';
import { Card, Link, Trouble } from './parts.tsx';
import { Denied } from './policy-port.tsx';
import { trafficQuery } from './policy-queries.ts';
import { setQuery } from './route.ts';
import { Cell, Table } from './table.tsx';
import { ago, useNow } from './time.ts';
import { count, labelName } from './words.ts';
import { place } from './workload-list.tsx';

type Row = Shapes['TrafficRow'];

const OUTCOMES: readonly (readonly [id: string, label: string])[] = [
  ['', 'All'],
  ['denied', 'Denied'],
  ['allowed', 'Allowed'],
];

interface TrafficProps {
  readonly query: URLSearchParams;
  readonly namespace: string;
  /** `KIND/NAME`; empty: every one of the namespace. */
  readonly workload: string;
}

/** Who calls whom, by what sources have counted. The filters stand in the address. */
export function TrafficCard({ query, namespace, workload }: TrafficProps): ReactNode {
  const now = useNow();
  const filter = { namespace, workload, outcome: query.get('outcome') ?? '', q: query.get('client') ?? '' };
  const { data, error } = useQuery(trafficQuery(filter));
  const isFiltered = filter.outcome !== '' || filter.q !== '';
  return (
    <Card title={workload === '' ? 'Who calls whom' : 'Who calls it'} note={data === undefined ? '' : totals(data.items)}>
      <div className="filters">
        <TextInput
          aria-label="Client or workload"
          placeholder="Client or workload"
          value={filter.q}
          onChange={(event) => setQuery({ client: event.currentTarget.value })}
          className="search"
        />
        <fieldset className="segments">
          <legend>Outcome</legend>
          {OUTCOMES.map(([id, label]) => (
            <button type="button" key={id} aria-pressed={filter.outcome === id} onClick={() => setQuery({ outcome: id })}>
              {label}
            </button>
          ))}
        </fieldset>
      </div>
      {error !== null && <Trouble error={error} />}
      {data === undefined && error === null && <p aria-busy="true">Reading who calls…</p>}
      {data !== undefined && data.items.length === 0 && <Nobody isFiltered={isFiltered} />}
      {data !== undefined && data.items.length > 0 && (
        <Table
          of="calls"
          caption="Clients by workload and port"
          columns={['Client', 'Calls', 'By', 'Allowed', 'Denied', 'Last seen']}
          numbers={3}
        >
          {data.items.map((row) => (
            <TrafficRow key={`${row.client} ${row.workload?.kind} ${row.workload?.name} ${row.port}`} row={row} now={now} />
          ))}
        </Table>
      )}
      {data !== undefined && data.next !== null && <p className="note">The first {data.items.length} are shown: filter for others.</p>}
      {data?.isTrafficWhole === false && <p className="note">More was counted than is read here: what was seen last is shown.</p>}
    </Card>
  );
}

function totals(items: readonly Row[]): string {
  const sum = (what: 'allowed' | 'denied') => items.reduce((so, row) => so + row[what], 0).toLocaleString('en-US');
  return items.length === 0
    ? ''
    : `${count(items.length, 'client and port', 'clients and ports')}, ${sum('allowed')} allowed, ${sum('denied')} denied`;
}

function Nobody({ isFiltered }: { readonly isFiltered: boolean }): ReactNode {
  if (isFiltered) return <p>None passes these filters.</p>;
  return (
    <p>
      Nobody was seen: no counter and no log line told of traffic here. <Link to="status">Status of the sources</Link>
    </p>
  );
}

const MOST = 3;

function TrafficRow({ row, now }: { readonly row: Row; readonly now: number }): ReactNode {
  const { client, identity, ip, namespace, workload, port, allowed, denied, last, parts } = row;
  const incident = parts.find((part) => part.incident !== null)?.incident ?? null;
  const ways = [...new Set(parts.map(wayOf))];
  return (
    <tr>
      <Cell label="Client">
        <b>{short(client, 150)}</b>
        {(identity ?? ip) !== client && (identity ?? ip) !== null && <span className="note">{short(identity ?? ip ?? '', 150)}</span>}
      </Cell>
      <Cell label="Calls">
        {workload === null ? (
          'a workload that no source names'
        ) : (
          <Link to={place({ namespace, workload: `${workload.kind}/${workload.name}` })}>
            {inert(workload.name)}
            {port === null ? '' : `:${port}`}
          </Link>
        )}
        {port === null && <span className="note">port not told</span>}
      </Cell>
      <Cell label="By">
        {ways.slice(0, MOST).map((way) => (
          <span key={way}>{short(way, 150)}</span>
        ))}
        {ways.length > MOST && <span className="note">and {ways.length - MOST} more</span>}
      </Cell>
      <Cell label="Allowed" isNumber>
        {allowed.toLocaleString('en-US')}
      </Cell>
      <Cell label="Denied" isNumber>
        <Denied count={denied} incident={incident} />
      </Cell>
      <Cell label="Last seen" isNumber>
        {ago(last, now)}
      </Cell>
    </tr>
  );
}

/** `backend-routes, backend-api-authz`. */
function wayOf({ server, route, authorization, denied }: Row['parts'][number]): string {
  const on = route === null || route.kind === 'default' ? (server === null ? '' : labelName(server)) : labelName(route);
  const by = authorization === null ? (denied > 0 ? 'denied' : '') : labelName(authorization);
  return [on, by].filter((part) => part !== '').join(': ');
}
