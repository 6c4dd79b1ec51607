import type { ReactNode } from 'react';
import type { Shapes } from './api-types.ts';
import { inert, short } from './inert.ts';
import { Icon, type Shape } from './marks.tsx';
import { CopyButton } from './parts.tsx';
import { Cell, Table } from './table.tsx';
import { count, refName } from './words.ts';

type Simulation = Shapes['Simulation'];
type Entry = Simulation['entries'][number];
type Outcome = Entry['outcome'];

const OUTCOMES: readonly (readonly [id: Outcome | 'unchanged', title: string, tone: string, shape: Shape])[] = [
  ['newly-denied', 'Newly denied', 'bad', 'cross'],
  ['newly-allowed', 'Newly allowed', 'ok', 'check'],
  ['undecided', 'Undecided', 'wait', 'ask'],
  ['unchanged', 'Unchanged', '', 'dash'],
];

/** The result in one sentence. Who was seen calling counts more than who could call. */
export function sentenceOf({ counts, entries, refused, looked }: Simulation): string {
  const left = refused.length === 0 ? '' : `; ${count(refused.length, 'object')} would be refused`;
  const unsure = counts.undecided === 0 ? '' : `, as far as can be told: ${counts.undecided} undecided`;
  const shut = entries.filter(({ outcome }) => outcome === 'newly-denied');
  const admitted = entries.filter(({ outcome }) => outcome === 'newly-allowed');
  // Where nobody was seen, those who could call are all there are.
  const seen = looked.requests === 0 ? shut : shut.filter(({ kind }) => kind !== 'possible');
  const lets = admitted.length === 0 ? '' : `let in ${names(admitted)}`;
  if (seen.length > 0) return `This change would deny ${names(seen)}${lets === '' ? '' : `, and ${lets}`}${left}`;
  const others = shut.length === 0 ? '' : ` who was seen; ${names(shut)} could no longer call`;
  if (lets !== '') return `This change would ${lets}, and shut out nobody${others}${unsure}${left}`;
  if (shut.length > 0) return `This change shuts out nobody${others}${unsure}${left}`;
  return `This change would change nothing${unsure === '' ? ' for anybody' : unsure}${left}`;
}

const MOST_NAMED = 3;

/** Those that were counted come first, since they are known to call; then those that stand for most. */
function byWeight(a: Entry, b: Entry): number {
  return (b.count ?? 0) - (a.count ?? 0) || Number(b.wide !== null) - Number(a.wide !== null);
}

function names(entries: readonly Entry[]): string {
  const all = [...new Set(entries.toSorted(byWeight).map(({ client }) => client))];
  const shown = all.slice(0, MOST_NAMED).map((client) => short(client, 100));
  if (all.length > MOST_NAMED) return `${shown.join(', ')} and ${count(all.length - MOST_NAMED, 'other')}`;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

export function SimulationResult({ found }: { readonly found: Simulation }): ReactNode {
  const { counts, entries, refused, notices, markdown } = found;
  return (
    <>
      <dl className="four">
        {OUTCOMES.map(([id, title, tone]) => (
          <div key={id} className={tone}>
            <dt>{title.toLowerCase()}</dt>
            <dd>
              <b>{counts[id].toLocaleString('en-US')}</b>
              <span className="note">{seenWords(entries.filter(({ outcome }) => outcome === id))}</span>
            </dd>
          </div>
        ))}
      </dl>
      <p className="note">Each counts kinds of traffic: client by workload by port by request.</p>
      {refused.length > 0 && (
        <section className="card" aria-label="Refused objects">
          <header>
            <h2>These objects would be refused: they are left out</h2>
          </header>
          <div className="body">
            {refused.map(({ object, message }) => (
              <p key={refName(object)}>
                <b>{inert(refName(object))}</b>: {short(message, 400)}
              </p>
            ))}
          </div>
        </section>
      )}
      {notices.map(({ where, message }) => (
        <p key={`${where} ${message}`} className="lost">
          {where === '' ? '' : `${inert(where)}: `}
          {short(message, 400)}
        </p>
      ))}
      {OUTCOMES.map(([id, title, tone, shape]) => (
        <Section
          key={id}
          id={id}
          title={title}
          tone={tone}
          shape={shape}
          total={counts[id]}
          entries={entries.filter((one) => one.outcome === id).toSorted(byWeight)}
        />
      ))}
      {markdown !== undefined && (
        <div className="buttons">
          <CopyButton
            label="Copy for a pull request"
            name="Copy for a pull request: the answer as Markdown"
            textOf={async () => markdown}
          />
        </div>
      )}
    </>
  );
}

function seenWords(entries: readonly Entry[]): string {
  const seen = entries.reduce((sum, { count: own }) => sum + (own ?? 0), 0);
  return seen === 0 ? '' : `${count(seen, 'request')} seen`;
}

interface SectionProps {
  readonly id: Outcome | 'unchanged';
  readonly title: string;
  readonly tone: string;
  readonly shape: Shape;
  readonly total: number;
  readonly entries: readonly Entry[];
}

/** More would hang the browser, and nobody reads them. */
const MOST_ROWS = 200;

function Section({ id, title, tone, shape, total, entries }: SectionProps): ReactNode {
  return (
    <section className="card outcome" aria-label={title}>
      <header>
        <h2>
          <span className={`mark ${tone}`}>
            <Icon shape={shape} />
          </span>{' '}
          {title}
        </h2>
        <span className="note">{total === 0 ? 'nobody and nothing' : count(total, 'kind of traffic', 'kinds of traffic')}</span>
      </header>
      {entries.length > 0 && (
        <Table of="outcomes" caption={title} columns={['Client', 'Calls', 'Seen', id === 'undecided' ? 'Missing' : 'Because']}>
          {entries.slice(0, MOST_ROWS).map((entry) => (
            <EntryRow key={JSON.stringify(entry)} entry={entry} />
          ))}
        </Table>
      )}
      {entries.length > MOST_ROWS && (
        <p className="note more">and {count(entries.length - MOST_ROWS, 'row')} more: the copy has the first of each kind.</p>
      )}
    </section>
  );
}

const KINDS: Readonly<Record<Entry['kind'], string>> = {
  observed: '',
  probe: 'a probe',
  scrape: 'a scrape',
  'control-plane': 'the control plane',
  possible: 'could call',
};
/** What comes of it when these are refused. */
const LOSSES: Readonly<Partial<Record<Entry['kind'], string>>> = {
  probe: 'The pod goes unready or is restarted.',
  scrape: 'Rules and dashboards go blind.',
};

const MOST = 4;

function EntryRow({ entry }: { readonly entry: Entry }): ReactNode {
  const { outcome, kind, client, namespace, servers, port, requests, count: seen, pods, why, place, wide } = entry;
  const loss = outcome === 'newly-denied' ? LOSSES[kind] : undefined;
  return (
    <tr>
      <Cell label="Client">
        <b>{short(client, 150)}</b>
        {KINDS[kind] !== '' && <span className="note">{KINDS[kind]}</span>}
      </Cell>
      <Cell label="Calls">
        <span>
          {some(servers)}:{port}
        </span>
        <span className="note">
          in {inert(namespace)}
          {pods > 1 ? `, ${count(pods, 'pod')}` : ''}
        </span>
        <code>{some(requests)}</code>
      </Cell>
      <Cell label="Seen">{seen === null ? <span className="note">not counted</span> : seen.toLocaleString('en-US')}</Cell>
      <Cell label={outcome === 'undecided' ? 'Missing' : 'Because'}>
        {wide !== null && (
          <span>
            <b className="trouble">Too wide?</b> {short(wide, 300)}
          </span>
        )}
        <span>{short(why, 500)}</span>
        {loss !== undefined && <span className="trouble">{loss}</span>}
        {place !== null && <span className="note">{placeWords(place)}</span>}
      </Cell>
    </tr>
  );
}

/** `change:7:1` is a line of what was pasted. */
function placeWords(place: string): string {
  const [, line] = /^change:(\d+)/.exec(place) ?? [];
  return line === undefined ? inert(place) : `line ${line} of these objects`;
}

function some(texts: readonly string[]): string {
  return (
    texts
      .slice(0, MOST)
      .map((text) => short(text, 120))
      .join(', ') + (texts.length > MOST ? ` and ${texts.length - MOST} more` : '')
  );
}
