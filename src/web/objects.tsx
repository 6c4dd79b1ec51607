/** The policy objects that the client met, with the lines that decided. */
import './objects.css';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { Shapes } from './api-types.ts';
import { inert, short } from './inert.ts';
import { Card, CopyButton, Trouble } from './parts.tsx';
import { objectsQuery } from './queries.ts';
import { useNow, utc } from './time.ts';
import { count, refName } from './words.ts';

type Shown = Shapes['IncidentObjects']['items'][number];

const SINCE: Readonly<Record<Shown['since'], string>> = {
  same: '',
  changed: 'changed since',
  created: 'created since',
  deleted: 'deleted since',
};

export function ObjectsCard({ incident }: { readonly incident: Shapes['Incident'] }): ReactNode {
  const [at, setAt] = useState<'denial' | 'now'>('denial');
  const { data, error } = useQuery(objectsQuery(incident, at));
  const now = useNow();
  if (data === undefined)
    return error === null ? null : (
      <Card title="Policy objects" id="objects">
        <Trouble error={error} />
      </Card>
    );
  const { items, of } = data;
  if (items.length === 0) return null;
  const when = data.at === 'now' ? 'as they are now' : of === null ? 'as they are known' : `as they were at ${utc(of, now)}`;
  return (
    <Card title="Policy objects" note={`${count(items.length, 'object')}, ${when}`} id="objects">
      <fieldset className="segments">
        <legend>Of which moment</legend>
        <button type="button" aria-pressed={at === 'denial'} onClick={() => setAt('denial')}>
          At the denial
        </button>
        <button type="button" aria-pressed={at === 'now'} onClick={() => setAt('now')}>
          Now
        </button>
      </fieldset>
      <div className="objects">
        {items.map((one) => (
          <ObjectText key={refName(one.object)} shown={one} isNow={data.at === 'now'} />
        ))}
      </div>
    </Card>
  );
}

function ObjectText({
  shown: { object, version, place, yaml, since, lines },
  isNow,
}: {
  readonly shown: Shown;
  readonly isNow: boolean;
}): ReactNode {
  const about = [version === null ? (place ?? '') : `version ${version}`, SINCE[since]].filter((part) => part !== '');
  const name = refName(object);
  return (
    <section className="object" aria-label={inert(name)}>
      <header>
        <h3>{short(name, 200)}</h3>
        <span className="note">{short(about.join(', '), 200)}</span>
        {yaml !== null && <CopyButton label="Copy" name={`Copy ${short(name, 100)}`} textOf={async () => yaml} />}
      </header>
      {yaml === null ? (
        <p className="note">There is no such object {isNow ? 'now' : 'at that moment'}.</p>
      ) : (
        <Yaml text={yaml} lines={lines} />
      )}
    </section>
  );
}

function Yaml({ text, lines }: { readonly text: string; readonly lines: Shown['lines'] }): ReactNode {
  return (
    <ol className="yaml">
      {text
        .trimEnd()
        .split('\n')
        .map((line, i) => {
          const own = lines.filter(({ from, to }) => from <= i + 1 && i + 1 <= to);
          const says = own.find((one) => one.says === 'denies') ?? own[0];
          const reasons = own.filter(({ from }) => from === i + 1).map(({ reason }) => reason);
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines of a text have no identity but their position
            <li key={i} className={says?.says}>
              <code>{short(line, 2000)}</code>
              {reasons.length > 0 && (
                <span className="why">
                  {says?.says === 'denies' ? '✗ ' : '✓ '}
                  {short(reasons.join('; '), 300)}
                </span>
              )}
            </li>
          );
        })}
    </ol>
  );
}
