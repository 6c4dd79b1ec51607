import type { ReactNode } from 'react';
import type { Changed, Edit, Turn } from './explanation.ts';
import { inert, short } from './inert.ts';
import { Card } from './parts.tsx';
import { span, useNow, utc } from './time.ts';
import { refName } from './words.ts';

/** What turned allowed into denied, as a difference with its time and its author. */
export function ChangedCard({ changed, first }: { readonly changed: Changed | null; readonly first: string | null }): ReactNode {
  const now = useNow();
  if (changed === null || (changed.turned === null && changed.candidates.length === 0 && changed.throughout === null)) return null;
  const { turned, repaired, throughout, candidates } = changed;
  return (
    <Card
      title={turned === null ? 'What may have changed' : 'The edit that did it'}
      note={turned?.at == null || first === null ? '' : delay(turned.at, first)}
    >
      {turned !== null && <TurnText turn={turned} now={now} />}
      {turned === null && throughout !== null && (
        <p>
          No recorded change explains it: it is denied since the record began
          {throughout.since === null ? '' : `, ${utc(throughout.since, now)}`}.
        </p>
      )}
      {turned === null && candidates.length > 0 && (
        <>
          <p>By their times, these may have done it:</p>
          <ul>
            {candidates.map(({ object, change, at, manager, certainty }) => (
              <li key={`${refName(object)} ${at}`}>
                <b>{inert(refName(object))}</b> was {inert(change)}
                {at === null ? '' : ` ${utc(at, now)}`}
                {manager === null ? '' : ` with ${short(manager, 80)}`} <span className="note">{inert(certainty)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {repaired !== null && (
        <>
          <h3>What let it in again</h3>
          <TurnText turn={repaired} now={now} />
        </>
      )}
    </Card>
  );
}

function delay(at: string, first: string): string {
  const milliseconds = Date.parse(first) - Date.parse(at);
  if (milliseconds < 0) return '';
  return `first denial ${milliseconds < 1000 ? `${(milliseconds / 1000).toFixed(2)} s` : span(milliseconds)} later`;
}

function TurnText({ turn: { at, edits, more }, now }: { readonly turn: Turn; readonly now: number }): ReactNode {
  return (
    <>
      {edits.map((edit) => (
        <EditText key={refName(edit.object)} edit={edit} at={at === null ? '' : utc(at, now)} />
      ))}
      {more > 0 && <p className="note">and {more} more of that moment</p>}
    </>
  );
}

function EditText({
  edit: { object, change, fields, moreFields, manager, author },
  at,
}: {
  readonly edit: Edit;
  readonly at: string;
}): ReactNode {
  const by = [author === null ? '' : `by ${short(author.user, 100)}`, manager === null ? '' : `with ${short(manager.name, 80)}`];
  return (
    <>
      <p>
        <b>{at}</b> {inert(refName(object))} was {inert(change)} {by.filter((part) => part !== '').join(' ')}.
      </p>
      {fields.map(({ path, before, after }) => (
        <div className="diff" key={path}>
          <div className="path">{short(path, 200)}</div>
          {before !== null && <del>- {short(before, 500)}</del>}
          {after !== null && <ins>+ {short(after, 500)}</ins>}
        </div>
      ))}
      {moreFields > 0 && <p className="note">and {moreFields} more fields</p>}
    </>
  );
}
