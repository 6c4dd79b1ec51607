import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { AcknowledgeForm, MuteForm, ResolveForm } from './actions.tsx';
import { ApiError, address } from './api.ts';
import type { Shapes } from './api-types.ts';
import { ChangedCard } from './changed.tsx';
import { ClientsCard } from './clients.tsx';
import { DecisionCard } from './decision.tsx';
import { EvidenceCard, HistoryCard, MissingCard, MutesCard } from './evidence.tsx';
import type { ExplainedClient, Explanation, Target, WayOut } from './explanation.ts';
import { IdentityCard } from './identity.tsx';
import { inert } from './inert.ts';
import { useKeys } from './keys.ts';
import { Answer, Tag } from './marks.tsx';
import { ObjectsCard } from './objects.tsx';
import { OverTimeCard } from './over-time.tsx';
import { CopyButton, copy, Link, Trouble } from './parts.tsx';
import { detailQuery, wayOutQuery } from './queries.ts';
import { TighteningsCard, WayOutCard } from './remedies.tsx';
import { copyFix, simulatePlace } from './remedy-buttons.tsx';
import { go } from './route.ts';
import { local, span, useNow, utc } from './time.ts';
import { kindWords, labelName, serverName } from './words.ts';

const LAST = 'denywhy-last-incident';

export function IncidentPage({ id, mayTriage }: { readonly id: string; readonly mayTriage: boolean }): ReactNode {
  const { data, error } = useQuery(detailQuery(id));
  if (data !== undefined) return <Incident detail={data} mayTriage={mayTriage} />;
  return (
    <main className="narrow">
      <h1>{error instanceof ApiError && error.status === 404 ? 'There is no such incident' : 'Incident'}</h1>
      {error === null ? <p aria-busy="true">Reading the incident…</p> : <Trouble error={error} />}
      {error instanceof ApiError && error.status === 404 && <Link to="">All incidents</Link>}
    </main>
  );
}

const NOBODY: readonly ExplainedClient[] = [];

function Incident({ detail, mayTriage }: { readonly detail: Shapes['IncidentDetail']; readonly mayTriage: boolean }): ReactNode {
  const { incident } = detail;
  const explanation = detail.explanation as Explanation | null;
  const clients = explanation?.clients ?? NOBODY;
  const client = clients[0];
  const target = client?.targets[0];
  const ways = useQuery({ ...wayOutQuery(incident), enabled: target !== undefined });
  const items = ways.data?.items ?? [];
  const [form, setForm] = useState<'' | 'acknowledge' | 'mute' | 'resolve'>('');
  const mayMove = mayTriage && incident.state !== 'resolved';
  const number = items[0]?.remedies?.find((one) => one.number !== null)?.number ?? null;
  const [said, setSaid] = useState('');
  const copyByKey = (chosen: number) =>
    copy(() => copyFix(incident.id, chosen)).then(
      () => setSaid('The fix is copied, as YAML.'),
      (error: Error) => setSaid(`The fix is not copied: ${error.message}`),
    );
  const back = () => {
    sessionStorage.setItem(LAST, incident.id);
    go('');
  };
  useKeys({
    Escape: back,
    ...(mayMove ? { a: () => setForm('acknowledge') } : {}),
    ...(mayTriage ? { m: () => setForm('mute') } : {}),
    ...(number === null ? {} : { c: () => void copyByKey(number), s: () => go(simulatePlace(incident.id, number)) }),
  });
  const close = () => setForm('');
  return (
    <main className="incident">
      <div className="crumbs">
        <Answer verdict={incident.wayOut?.verdict ?? null} state={incident.state} />
        <Crumbs incident={incident} />
        <div className="buttons">
          {mayMove && incident.state === 'open' && (
            <Button size="xs" variant="default" onClick={() => setForm('acknowledge')}>
              Acknowledge
            </Button>
          )}
          {mayTriage && (
            <Button size="xs" variant="default" onClick={() => setForm('mute')}>
              Mute
            </Button>
          )}
          {mayMove && (
            <Button size="xs" variant="default" onClick={() => setForm('resolve')}>
              Resolve
            </Button>
          )}
          <CopyButton label="Copy link" name="Copy link" textOf={async () => window.location.href} />
        </div>
      </div>
      <h1>{inert(incident.answer?.sentence ?? 'This incident is not explained yet.')}</h1>
      <Summary incident={incident} target={target} />
      <p role="status" className="said">
        {said}
      </p>
      <div className="columns">
        <div>
          <div className="answers">
            {target !== undefined && client !== undefined && <IdentityCard client={client} target={target} />}
            {target === undefined && <NoDenial incident={incident} />}
          </div>
          <div className="decides">{target !== undefined && client !== undefined && <DecisionCard client={client} target={target} />}</div>
          <div className="happened">
            <OverTimeCard incident={incident} clients={clients} changed={target?.changed ?? null} />
          </div>
        </div>
        <div>
          <div className="to-do">
            {target !== undefined && (
              <WayOutCard id={incident.id} way={items[0]} error={ways.error} isPending={ways.isPending} target={target} />
            )}
            <TighteningsCard id={incident.id} tightenings={ways.data?.tightenings ?? []} />
          </div>
          <div className="changed">{target !== undefined && <ChangedCard changed={target.changed} first={target.first} />}</div>
        </div>
      </div>
      <Below detail={detail} clients={clients} ways={items} mayTriage={mayTriage} />
      <AcknowledgeForm incident={incident} isOpen={form === 'acknowledge'} onClose={close} />
      <MuteForm incident={incident} isOpen={form === 'mute'} onClose={close} />
      <ResolveForm incident={incident} isOpen={form === 'resolve'} onClose={close} />
    </main>
  );
}

function Crumbs({ incident }: { readonly incident: Shapes['Incident'] }): ReactNode {
  const { namespace, server, route } = incident;
  const parts = [
    namespace,
    serverName(incident),
    server && labelName(server),
    route === null || route.kind === 'default' ? null : labelName(route),
  ];
  return (
    <nav aria-label="Where">
      <Link to="">Incidents</Link>
      {parts.map((part, i) =>
        // biome-ignore lint/suspicious/noArrayIndexKey: places have no identity but their position
        part === null ? null : <span key={i}> / {inert(part)}</span>,
      )}
    </nav>
  );
}

function Summary({ incident, target }: { readonly incident: Shapes['Incident']; readonly target: Target | undefined }): ReactNode {
  const now = useNow();
  const { count, kind, state, firstSeen, lastSeen, muted } = incident;
  const finding = target?.findings[0];
  return (
    <p className="summary">
      <span>
        <b>{count.toLocaleString('en-US')}</b> {kindWords(kind)}, {state}
        {muted ? ', muted' : ''}
      </span>
      {firstSeen !== null && (
        <span>
          since <b>{utc(firstSeen, now)}</b> ({local(firstSeen)})
          {lastSeen === null ? '' : `, for ${span(Date.parse(lastSeen) - Date.parse(firstSeen))}`}
        </span>
      )}
      {finding !== undefined && (
        <>
          <Tag
            tone={finding.certainty === 'certain' ? 'ok' : 'wait'}
            shape={finding.certainty === 'certain' ? 'check' : 'ask'}
            text={finding.certainty === 'certain' ? 'Certain' : finding.certainty === 'likely' ? 'Likely' : 'Possible'}
          />
          <span>
            finding <a href={address(`../../diagnoses/${encodeURIComponent(finding.id)}`)}>{inert(finding.id)}</a>
          </span>
        </>
      )}
      {target?.now?.verdict === 'allow' && (
        <span className="okay">Would be allowed now{target.now.since === null ? '' : `, since ${utc(target.now.since, now)}`}</span>
      )}
    </p>
  );
}

/** A symptom, or an alert of which no denial is known: what was said of it. */
function NoDenial({ incident: { details, waitingForEvidence } }: { readonly incident: Shapes['Incident'] }): ReactNode {
  return (
    <section className="card" aria-label="What was said">
      <header>
        <h2>What was said</h2>
      </header>
      <div className="body">
        {waitingForEvidence && <p>An alert fires, and no source has shown a denial yet. Status says which sources are asked.</p>}
        {details.length > 0 && (
          <ul className="mono">
            {details.map((detail) => (
              <li key={detail}>{inert(detail)}</li>
            ))}
          </ul>
        )}
        <p className="note">
          This was seen at the side that calls. What denied it is in the incident of the server that it calls, if that one is seen.
        </p>
      </div>
    </section>
  );
}

interface BelowProps {
  readonly detail: Shapes['IncidentDetail'];
  readonly clients: readonly ExplainedClient[];
  readonly ways: readonly WayOut[];
  readonly mayTriage: boolean;
}

function Below({ detail, clients, ways, mayTriage }: BelowProps): ReactNode {
  const targets = clients.flatMap((client) => client.targets);
  return (
    <>
      {clients.length > 0 && <ClientsCard id={detail.incident.id} clients={clients} ways={ways} total={detail.incident.clients} />}
      <ObjectsCard incident={detail.incident} />
      <MissingCard targets={targets} />
      <EvidenceCard clients={detail.clients.items} />
      <div className="columns">
        <HistoryCard incident={detail.incident} />
        <MutesCard incident={detail.incident} mayTriage={mayTriage} />
      </div>
    </>
  );
}
