import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { remove } from './api.ts';
import type { Shapes } from './api-types.ts';
import type { ExplainedClient, Target, WayOut } from './explanation.ts';
import { inert, short } from './inert.ts';
import { Answer } from './marks.tsx';
import { Card, Command, Trouble } from './parts.tsx';
import { mutesQuery } from './queries.ts';
import { useNow, utc } from './time.ts';
import { count, refName } from './words.ts';

const MOST = 100;

interface ClientsProps {
  readonly clients: readonly ExplainedClient[];
  /** One for each client and target, in their order. */
  readonly ways: readonly WayOut[];
  readonly total: number;
}

export function ClientsCard({ clients, ways, total }: ClientsProps): ReactNode {
  const now = useNow();
  const rows = clients
    .flatMap(({ client, targets }) => targets.map((target) => ({ client, target })))
    .map((row, i) => ({ ...row, way: ways[i] }));
  return (
    <Card title="Clients" note={`each explained on its own, ${count(total, 'counted client')}`} id="clients">
      <ul className="rows">
        {rows.slice(0, MOST).map(({ client, target, way }, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a client may come twice, and the list is made anew as a whole
          <li key={i}>
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
        ))}
      </ul>
      {rows.length > MOST && <p className="note">and {rows.length - MOST} more; GET api/v1/incidents/ID has them page by page</p>}
    </Card>
  );
}

function requestsOf({ requests }: Target): string {
  const shown = requests
    .slice(0, 4)
    .map(({ method, path, authority }) => [method, path ?? authority].filter((part) => part !== null).join(' '));
  return short([...new Set(shown)].join(', ') + (requests.length > 4 ? ` and ${requests.length - 4} more` : ''), 300);
}

export function MissingCard({ targets }: { readonly targets: readonly Target[] }): ReactNode {
  const all = targets.flatMap(({ missing, findings }) => [...missing, ...findings.flatMap((finding) => finding.missing)]);
  const items = [...new Map(all.map((one) => [one.command, one])).values()];
  if (items.length === 0) return null;
  return (
    <Card title="Missing evidence" note={count(items.length, 'thing')} tone="wait" id="missing">
      {items.slice(0, MOST).map(({ what, command }) => (
        <div key={command}>
          <p>Not known: {short(what, 300)}. This tells:</p>
          <Command text={command} />
        </div>
      ))}
    </Card>
  );
}

const MOST_LINES = 30;

export function EvidenceCard({ clients }: { readonly clients: Shapes['IncidentDetail']['clients']['items'] }): ReactNode {
  const sources = clients.flatMap((client) => client.sources.map((source) => ({ ...source, pod: client.pod })));
  return (
    <Card title="Evidence" note={`${count(sources.length, 'sample')} of what was read`} id="evidence">
      <ul className="rows evidence">
        {sources.slice(0, MOST_LINES).map(({ kind, name, line, raw, pod }, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the same line may come twice
          <li key={i}>
            <div>
              <b>{kind === 'log' ? 'Proxy log' : kind === 'metrics' ? 'Metrics' : 'Alert'}</b>
              <span className="note">{inert(pod ?? '')}</span>
              <span className="note">
                {inert(name)}
                {line === null ? '' : `:${line}`}
              </span>
            </div>
            <div className="wide">
              <code className="raw">{short(raw, 1500)}</code>
            </div>
          </li>
        ))}
      </ul>
      {sources.length > MOST_LINES && <p className="note">and {sources.length - MOST_LINES} more; the API has them</p>}
    </Card>
  );
}

export function HistoryCard({ incident }: { readonly incident: Shapes['Incident'] }): ReactNode {
  const now = useNow();
  const { transitions, firstSeen, lastSeen, alerts, count: total } = incident;
  return (
    <Card title="History" note="UTC" id="history">
      <ol className="history">
        {firstSeen !== null && <li>{utc(firstSeen, now)}: first seen</li>}
        {transitions.map(({ at, to, actor, reason }) => (
          <li key={`${at} ${to}`}>
            {utc(at, now)}: <b>{to}</b> by {short(actor, 120)}: {short(reason, 1000)}
          </li>
        ))}
        {lastSeen !== null && (
          <li>
            {utc(lastSeen, now)}: last seen, number {total.toLocaleString('en-US')}
          </li>
        )}
      </ol>
      {alerts.length > 0 && <p className="note">{count(alerts.length, 'alert')} of Prometheus fire for it</p>}
    </Card>
  );
}

interface MutesProps {
  readonly incident: Shapes['Incident'];
  readonly mayTriage: boolean;
}

export function MutesCard({ incident, mayTriage }: MutesProps): ReactNode {
  const now = useNow();
  const client = useQueryClient();
  const { data, error } = useQuery(mutesQuery);
  const [failed, setFailed] = useState<Error | null>(null);
  const own = (data?.items ?? []).filter(({ target }) => isAbout(target, incident));
  const end = (id: string) => remove(`mutes/${encodeURIComponent(id)}`).then(() => client.invalidateQueries(), setFailed);
  return (
    <Card title="Mutes" note={`${own.length} active`} id="mutes">
      {error !== null && <Trouble error={error} />}
      {failed !== null && <Trouble error={failed} />}
      {own.length === 0 && <p>Nothing of it is muted. A mute needs a reason and an end, and never stops counting.</p>}
      {own.map(({ id, reason, author, expiresAt, client: whom }) => (
        <p key={id}>
          <b>{short(reason, 1000)}</b> by {short(author, 120)}, ends {utc(expiresAt, now)}
          {whom === null ? '' : `, of ${inert(whom.identity ?? whom.ip ?? '')} alone`}{' '}
          {mayTriage && (
            <Button size="compact-xs" variant="default" aria-label={`End the mute: ${short(reason, 60)}`} onClick={() => void end(id)}>
              End it
            </Button>
          )}
        </p>
      ))}
    </Card>
  );
}

/** What a target leaves out selects everything. */
function isAbout(target: Shapes['Mute']['target'], incident: Shapes['Incident']): boolean {
  return Object.entries(target).every(([name, wanted]) => {
    const own = (incident as Readonly<Record<string, unknown>>)[name];
    return JSON.stringify(sorted(own)) === JSON.stringify(sorted(wanted));
  });
}

function sorted(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).sort() : value;
}
