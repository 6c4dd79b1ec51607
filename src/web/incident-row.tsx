import { memo, type ReactNode } from 'react';
import type { Shapes } from './api-types.ts';
import { inert, short } from './inert.ts';
import { Answer } from './marks.tsx';
import { go, hrefOf } from './route.ts';
import { type Axis, Spark } from './spark.tsx';
import { span, useAgo } from './time.ts';
import { clientName, count, kindWords, placeOf, serverName } from './words.ts';

interface RowProps {
  readonly incident: Shapes['Incident'];
  readonly isChosen: boolean;
  readonly onChoose: (id: string) => void;
  /** null: of no incident it is known when its denials were. */
  readonly axis: Axis | null;
}

/** Made again when its incident is another, or what it says of the time. */
export const IncidentRow = memo(function IncidentRow({ incident, isChosen, onChoose, axis }: RowProps): ReactNode {
  const { id, answer, state, muted, clients, firstSeen, lastSeen, kind, wayOut } = incident;
  const others = clients > 1 ? `and ${count(clients - 1, 'other client')}` : '';
  // The answer may be that of a client other than the sentence's.
  const asking = wayOut?.client == null ? null : clientName(wayOut.client);
  const whose = asking === null || asking === (answer?.client ?? asking) ? '' : `${asking}: `;
  return (
    <li className={isChosen ? 'chosen' : ''}>
      <div className="answer">
        <Answer verdict={wayOut?.verdict ?? null} state={state} />
        <span className="note">{[state, muted ? 'muted' : ''].filter((word) => word !== '').join(', ')}</span>
      </div>
      <div className="who">
        <a
          id={`row-${id}`}
          href={hrefOf(`incidents/${id}`)}
          aria-current={isChosen}
          onFocus={() => onChoose(id)}
          onClick={(event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            go(`incidents/${id}`);
          }}
        >
          {answer?.client == null ? '' : `${short(answer.client, 90)} → `}
          {inert(serverName(incident))}
        </a>
        <span className="note">{inert(placeOf(incident))}</span>
        {others !== '' && <span className="note">{others}</span>}
      </div>
      <div className="number">
        <b>{incident.count.toLocaleString('en-US')}</b>
        <span className="note">{kindWords(kind)}</span>
        {axis !== null && <Spark incident={incident} axis={axis} />}
      </div>
      <div className="cause">
        {answer === null ? <span className="note">Not explained yet.</span> : <span>{short(answer.sentence, 300)}</span>}
        {wayOut !== null && wayOut.title !== null && <span className="note">{short(`${whose}${wayOut.title}`, 300)}</span>}
      </div>
      <div className="seen">
        <span>{useAgo(lastSeen)}</span>
        {firstSeen !== null && lastSeen !== null && <span className="note">for {span(Date.parse(lastSeen) - Date.parse(firstSeen))}</span>}
      </div>
    </li>
  );
});
