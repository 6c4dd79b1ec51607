import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { remove } from './api.ts';
import type { Shapes } from './api-types.ts';
import type { Target } from './explanation.ts';
import { inert, short } from './inert.ts';
import { Card, Command, Trouble } from './parts.tsx';
import { mutesQuery } from './queries.ts';
import { useNow, utc } from './time.ts';
import { count } from './words.ts';

/** Of a list that is no place to search in. */
const MOST = 100;

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
