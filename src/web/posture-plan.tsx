import type { ReactNode } from 'react';
import type { Shapes } from './api-types.ts';
import { inert, inertLines, short } from './inert.ts';
import { Tag } from './marks.tsx';
import { Card, Command, CopyButton } from './parts.tsx';
import { quoted } from './shell.ts';
import { count } from './words.ts';

type Plan = NonNullable<Shapes['Posture']['plan']>;
type Step = Plan['steps'][number];
type Traffic = Step['denied'][number];

/** From today to default deny; each step was put to simulate with what was seen. */
export function PlanCard({ namespace, plan }: { readonly namespace: string; readonly plan: Plan }): ReactNode {
  const { steps, notes, lacking } = plan;
  if (steps.length === 0 && notes.length + lacking.length === 0)
    return (
      <Card title="The way to default deny" tone="ok" id="plan">
        <p>Nothing is left to do.</p>
      </Card>
    );
  return (
    <Card
      title="The way to default deny"
      id="plan"
      note={steps.length === 0 ? 'nothing is left to do' : `${count(steps.length, 'step')}, each put to simulate`}
    >
      <ol className="plan">
        {steps.map((step, i) => (
          <PlanStep key={step.title} step={step} number={i + 1} namespace={namespace} />
        ))}
      </ol>
      {notes.map((note) => (
        <p key={note}>{short(note, 1000)}</p>
      ))}
      {lacking.length > 0 && (
        <div className="lacking">
          <b>Lacking to be sure</b>
          <ul>
            {lacking.map((one) => (
              <li key={one}>{short(one, 600)}</li>
            ))}
          </ul>
        </div>
      )}
    </Card>
  );
}

function PlanStep({ step, number, namespace }: { readonly step: Step; readonly number: number; readonly namespace: string }): ReactNode {
  const { title, watch, denied, allowed, undecided, unchanged, yaml } = step;
  const isQuiet = denied.length + undecided.length === 0;
  return (
    <li>
      <div className="head">
        <b>{short(title, 300)}</b>
        <Tag tone={isQuiet ? 'ok' : 'wait'} shape={isQuiet ? 'check' : 'warn'} text={isQuiet ? 'Proved: shuts nobody out' : 'Look first'} />
      </div>
      {denied.length + allowed.length + undecided.length === 0 ? (
        <p>
          Newly denied, newly allowed, undecided: <span className="okay">nobody</span>,{' '}
          {count(unchanged, 'kind of traffic', 'kinds of traffic')} unchanged.
        </p>
      ) : (
        <dl className="proof">
          <Who label="Newly denied" entries={denied} />
          <Who label="Newly allowed" entries={allowed} />
          <Who label="Undecided" entries={undecided} />
        </dl>
      )}
      {watch !== '' && <p>{short(watch, 600)}</p>}
      <Command text={`denywhy generate -n ${quoted(namespace)} --step ${number} | kubectl apply -f -`} />
      <details>
        <summary>Its objects</summary>
        <pre className="objects">{inertLines(yaml)}</pre>
      </details>
      <div className="buttons">
        <CopyButton label="Copy YAML" name={`Copy YAML: ${short(title, 80)}`} textOf={async () => yaml} isMain={number === 1} />
      </div>
    </li>
  );
}

const MOST = 4;

function Who({ label, entries }: { readonly label: string; readonly entries: readonly Traffic[] }): ReactNode {
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {entries.length === 0 && <span className="okay">nobody</span>}
        {entries.slice(0, MOST).map(({ client, servers, port, why }) => (
          <span key={`${client} ${servers.join()} ${port} ${why}`} className="line">
            {short(client, 150)} → {short(servers.join(', '), 150)}:{port}
            {why !== '' && <span className="note"> {inert(why)}</span>}
          </span>
        ))}
        {entries.length > MOST && <span className="note">and {count(entries.length - MOST, 'other')}</span>}
      </dd>
    </div>
  );
}
