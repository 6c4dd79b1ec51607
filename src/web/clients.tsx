/** Who was denied: those that were explained, and on request all that were counted. */
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { get } from './api.ts';
import type { Shapes } from './api-types.ts';
import type { ExplainedClient, Target, WayOut } from './explanation.ts';
import { useGrowing } from './growing.ts';
import { short } from './inert.ts';
import { Answer } from './marks.tsx';
import { Card, Trouble } from './parts.tsx';
import { useNow, utc } from './time.ts';
import { count, refName } from './words.ts';

type Counted = Shapes['IncidentClient'];

/** They stand below what answers. */
const FIRST = 10;

interface ClientsProps {
  readonly id: string;
  readonly clients: readonly ExplainedClient[];
  /** One for each client and target, in their order. */
  readonly ways: readonly WayOut[];
  readonly total: number;
}

export function ClientsCard({ id, clients, ways, total }: ClientsProps): ReactNode {
  const rows = clients
    .flatMap(({ client, targets }) => targets.map((target) => ({ client, target })))
    .map((row, i) => ({ ...row, way: ways[i] }));
  const growing = useGrowing(rows.length, FIRST);
  return (
    <Card title="Clients" note={`each explained on its own, ${count(total, 'counted client')}`} id="clients">
      <ul className="rows">
        {rows.slice(0, growing.most).map(({ client, target, way }, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a client may come twice, and the list is made anew as a whole
          <ClientRow key={i} client={client} target={target} way={way} />
        ))}
      </ul>
      <div ref={growing.end} />
      {growing.most >= rows.length && total > clients.length && <AllCounted id={id} explained={clients.length} total={total} />}
    </Card>
  );
}

interface RowProps {
  readonly client: ExplainedClient['client'];
  readonly target: Target;
  readonly way: WayOut | undefined;
}

function ClientRow({ client, target, way }: RowProps): ReactNode {
  const now = useNow();
  return (
    <li>
      <div>
        <b>{short(client.workload === null ? (client.identity ?? client.ips[0] ?? 'unknown') : refName(client.workload), 120)}</b>
        <span className="note">{client.identity === null ? 'no mesh identity' : short(client.identity, 120)}</span>
        <span className="note">{short(client.ips.join(', '), 80)}</span>
      </div>
      <div>
        <b>{target.count.toLocaleString('en-US')}</b>
        <span className="note">by {target.countedBy}</span>
      </div>
      <div>
        {target.first !== null && <span>{utc(target.first, now)}</span>}
        {target.last !== null && <span className="note">to {utc(target.last, now)}</span>}
      </div>
      <div className="wide">
        <span>{short(target.decision.sentence, 300)}</span>
        <span className="note">{requestsOf(target)}</span>
      </div>
      <div>
        <Answer verdict={way?.verdict ?? null} state="open" />
      </div>
    </li>
  );
}

function requestsOf({ requests }: Target): string {
  const shown = requests
    .slice(0, 4)
    .map(({ method, path, authority }) => [method, path ?? authority].filter((part) => part !== null).join(' '));
  return short([...new Set(shown)].join(', ') + (requests.length > 4 ? ` and ${requests.length - 4} more` : ''), 300);
}

interface AllProps {
  readonly id: string;
  readonly explained: number;
  readonly total: number;
}

/** The service explains the ones denied most. The others are counted, and read when somebody asks. */
function AllCounted({ id, explained, total }: AllProps): ReactNode {
  const [isAsked, setAsked] = useState(false);
  const { data, error, isFetching } = useQuery({
    queryKey: ['incident', id, 'clients'],
    queryFn: ({ signal }) => allClients(id, signal),
    enabled: isAsked,
    staleTime: 60_000,
    refetchInterval: false,
  });
  return (
    <>
      <p>
        {`The ${count(explained, 'client')} denied most ${explained === 1 ? 'is' : 'are'} explained, of ${total.toLocaleString('en-US')}. `}
        {data === undefined && (
          <Button size="xs" variant="default" loading={isFetching} onClick={() => setAsked(true)}>
            {`Show all ${total.toLocaleString('en-US')} as counted`}
          </Button>
        )}
      </p>
      {error !== null && <Trouble error={error} />}
      {data !== undefined && <CountedClients items={data} />}
    </>
  );
}

/** Most of a page of the API. */
const PAGE = 500;

async function allClients(id: string, signal: AbortSignal): Promise<readonly Counted[]> {
  const all: Counted[] = [];
  let next: string | null = '';
  while (next !== null) {
    const query: string = new URLSearchParams({ limit: String(PAGE), ...(next === '' ? {} : { cursor: next }) }).toString();
    const { clients } = await get<Shapes['IncidentDetail']>(`incidents/${encodeURIComponent(id)}?${query}`, signal);
    all.push(...clients.items);
    next = clients.next;
  }
  return all;
}

function CountedClients({ items }: { readonly items: readonly Counted[] }): ReactNode {
  const growing = useGrowing(items.length);
  return (
    <>
      <ul className="rows counted" aria-label="All clients as counted">
        {items.slice(0, growing.most).map(({ tls, ip, pod, count: denials, countedBy }, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a client may come twice, and the list is made anew as a whole
          <li key={i}>
            <div>
              <b>{short(tls?.state === 'established' ? (tls.clientId ?? 'no mesh identity') : (ip ?? 'unknown'), 120)}</b>
              <span className="note">
                {short([ip, pod === null ? null : `refused by ${pod}`].filter((part) => part !== null).join(', '), 160)}
              </span>
            </div>
            <div>
              <b>{denials.toLocaleString('en-US')}</b>
              <span className="note">by {countedBy}</span>
            </div>
          </li>
        ))}
      </ul>
      <div ref={growing.end} />
    </>
  );
}
