import { Skeleton } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Newcomer, Remedy, Target, Tightening, WayOut } from './explanation.ts';
import { inert, inertLines, short } from './inert.ts';
import { Tag } from './marks.tsx';
import { Card, Command, Trouble } from './parts.tsx';
import { RemedyButtons } from './remedy-buttons.tsx';
import { count, refName } from './words.ts';

interface WayOutProps {
  readonly id: string;
  /** Of the client that was denied most. */
  readonly way: WayOut | undefined;
  readonly error: Error | null;
  readonly isPending: boolean;
  readonly target: Target;
}

/** What to do, proved; or why nothing is to be allowed. */
export function WayOutCard({ id, way, error, isPending, target }: WayOutProps): ReactNode {
  if (isPending && error === null)
    return (
      <Card title="What to do">
        <Skeleton height={90} />
        <p className="note">Remedies are being proved…</p>
      </Card>
    );
  const [first, ...others] = way?.remedies ?? [];
  const { verdict, reasons = [] } = way ?? {};
  if (verdict === 'do-not-allow')
    return (
      <Card title="Do not allow" tone="right">
        {reasons.map((reason) => (
          <p key={reason}>{inert(reason)}</p>
        ))}
        <Advice target={target} />
      </Card>
    );
  if (verdict === 'nothing-to-do')
    return (
      <Card title="Nothing to do" tone="ok">
        <p>{reasons.length === 0 ? 'The policy in force now lets it in.' : reasons.map(inert).join(' ')}</p>
      </Card>
    );
  if (first === undefined)
    return (
      <Card title="What to do" tone="wait">
        {error !== null && <Trouble error={error} />}
        {reasons.map((reason) => (
          <p key={reason}>{inert(reason)}</p>
        ))}
        <Advice target={target} />
      </Card>
    );
  return (
    <>
      <Card
        title={verdict === 'decide' ? 'To decide' : 'Smallest fix'}
        tone={verdict === 'decide' ? 'wait' : 'ok'}
        note={first.proof === null ? '' : <Tag tone="ok" shape="check" text="Proved" />}
      >
        {reasons.map((reason) => (
          <p key={reason}>{inert(reason)}</p>
        ))}
        <RemedyText id={id} remedy={first} isMain />
      </Card>
      {others.length > 0 && (
        <Card title="Other ways" note={`${others.length}, larger or wider`}>
          {others.map((remedy) => (
            <details key={remedy.title}>
              <summary>{inert(remedy.title)}</summary>
              <RemedyText id={id} remedy={remedy} isMain={false} />
            </details>
          ))}
        </Card>
      )}
    </>
  );
}

/** What lets in too much near the denial: never its way out. */
export function TighteningsCard({ id, tightenings }: { readonly id: string; readonly tightenings: readonly Tightening[] }): ReactNode {
  const shown = tightenings.filter(({ remedies = [] }) => remedies.length > 0);
  if (shown.length === 0) return null;
  return (
    <Card title="Lets in too much" note="beside this denial">
      {shown.map(({ finding, summary, remedies = [] }) => (
        <details key={`${finding} ${summary}`}>
          <summary>{inert(summary)}</summary>
          {remedies.map((remedy) => (
            <RemedyText key={remedy.title} id={id} remedy={remedy} isMain />
          ))}
        </details>
      ))}
    </Card>
  );
}

function Advice({ target }: { readonly target: Target }): ReactNode {
  const [finding] = target.findings;
  return finding === undefined || finding.todo === '' ? null : <p>{inert(finding.todo)}</p>;
}

function RemedyText({ id, remedy, isMain }: { readonly id: string; readonly remedy: Remedy; readonly isMain: boolean }): ReactNode {
  const { title, steps, changes, proof, widens, tightens } = remedy;
  return (
    <>
      {isMain && (
        <p>
          <b>{inert(title)}</b>
        </p>
      )}
      {steps.map((step) => (
        <div key={`${step.text}${step.command}`}>
          {step.text !== '' && <p>{inert(step.text)}</p>}
          {step.command !== null && <Command text={step.command} />}
        </div>
      ))}
      {changes.map(({ object, action, diff, keeper }) => (
        <div key={refName(object)}>
          <Diff title={`${action} ${refName(object)}`} text={diff} />
          {keeper !== null && (
            <p className="keeper">
              It is kept by{' '}
              {short(keeper.tool === 'controller' ? (keeper.name ?? 'a controller') : [keeper.tool, keeper.name ?? ''].join(' '), 120)},
              which takes an edit by hand back: change its source.
            </p>
          )}
        </div>
      ))}
      {proof !== null && (
        <dl className="proof">
          <Who label="Lets it in too" list={proof.clientToo} nobody="" />
          <Who label="Newly lets in" list={proof.newlyIn} nobody="nobody else" />
          <Who label="Shuts out" list={proof.shutOut} nobody="nobody" />
        </dl>
      )}
      {widens !== null && <p className="trouble">It widens: {inert(widens)}</p>}
      {tightens !== null && <p className="note">It tightens: {inert(tightens)}</p>}
      <RemedyButtons id={id} remedy={remedy} isMain={isMain} />
    </>
  );
}

const MOST_NAMED = 5;

function Who({ label, list, nobody }: { readonly label: string; readonly list: readonly Newcomer[]; readonly nobody: string }): ReactNode {
  if (list.length === 0 && nobody === '') return null;
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {list.length === 0 && <span className="okay">{nobody}</span>}
        {list.slice(0, MOST_NAMED).map(({ client, requests, port, namespace }) => (
          <span key={`${client} ${port} ${requests.join()}`} className="line">
            {short(client, 150)}: {short(requests.join(', '), 150)} on port {port} in {inert(namespace)}
          </span>
        ))}
        {list.length > MOST_NAMED && <span className="note">and {count(list.length - MOST_NAMED, 'other')}</span>}
      </dd>
    </div>
  );
}

function Diff({ title, text: whole }: { readonly title: string; readonly text: string }): ReactNode {
  const lines = inertLines(whole)
    .split('\n')
    .filter((line) => !/^(---|\+\+\+|$)/.test(line));
  return (
    <div className="diff">
      <div className="path">{inert(title)}</div>
      {lines.map((line, i) => {
        const Line = line.startsWith('+') ? 'ins' : line.startsWith('-') ? 'del' : 'span';
        // biome-ignore lint/suspicious/noArrayIndexKey: lines of a text have no identity but their position
        return <Line key={i}>{line}</Line>;
      })}
    </div>
  );
}
