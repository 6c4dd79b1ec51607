import type { ReactNode } from 'react';
import type { Shapes } from './api-types.ts';
import { inert, short } from './inert.ts';
import { Icon, type Shape, Tag, type Tone } from './marks.tsx';
import { Card, Command } from './parts.tsx';

export type Practice = Shapes['Posture']['namespaces'][number]['practices'][number];
export type State = Practice['state'];
type Judgement = Practice['judgements'][number];

export const STATES: Readonly<Record<State, { readonly tone: Tone; readonly shape: Shape; readonly word: string }>> = {
  not: { tone: 'bad', shape: 'cross', word: 'Does not hold' },
  partly: { tone: 'wait', shape: 'dash', word: 'In part' },
  unknown: { tone: 'plain', shape: 'ask', word: 'Not known' },
  holds: { tone: 'ok', shape: 'check', word: 'Holds' },
};

const VERBS: Readonly<Record<State, readonly [one: string, more: string]>> = {
  holds: ['holds', 'hold'],
  partly: ['holds in part', 'hold in part'],
  not: ['does not', 'do not'],
  unknown: ['is not known', 'are not known'],
};

/** `2 hold, 4 hold in part, 2 do not, 3 are not known`. */
export function stateCounts(practices: readonly Pick<Practice, 'state'>[]): string {
  return (Object.keys(VERBS) as readonly State[])
    .flatMap((state) => {
      const n = practices.filter((one) => one.state === state).length;
      return n === 0 ? [] : [`${n} ${VERBS[state][n === 1 ? 0 : 1]}`];
    })
    .join(', ');
}

/** A practice by its name; the mark says its state. */
export function StateTag({ state, text, title }: { readonly state: State; readonly text: string; readonly title: string }): ReactNode {
  const { tone, shape, word } = STATES[state];
  return (
    <span className={`tag ${tone}`} title={`${title}: ${word.toLowerCase()}`}>
      <Icon shape={shape} />
      <span className="unseen">{word}: </span>
      {text}
    </span>
  );
}

export function PracticeCard({ practice: { id, title, state, judgements } }: { readonly practice: Practice }): ReactNode {
  const { tone, shape, word } = STATES[state];
  return (
    <Card title={capital(inert(title))} id={id} note={<Tag tone={tone} shape={shape} text={word} />}>
      {alike(judgements).map((group) => (
        <Judged key={`${group[0].state} ${group[0].found}`} group={group} />
      ))}
    </Card>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Judgements that say the same of several workloads. */
function alike(judgements: readonly Judgement[]): readonly (readonly [Judgement, ...Judgement[]])[] {
  return [...Map.groupBy(judgements, ({ state, found }) => `${state} ${found}`).values()].map(
    (group) => group as [Judgement, ...Judgement[]],
  );
}

const MOST_NAMED = 8;
const MOST_SHOWN = 3;

function Judged({ group }: { readonly group: readonly [Judgement, ...Judgement[]] }): ReactNode {
  const [{ state, found, next }] = group;
  const { shape, word, tone } = STATES[state];
  const names = group.flatMap(({ workload }) => (workload === null ? [] : [inert(workload)]));
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  const who = names.length === 0 ? '' : `${names.slice(0, MOST_NAMED).join(', ')}${more}: `;
  return (
    <div className="judged">
      <span className={`mark ${tone}`} role="img" aria-label={word}>
        <Icon shape={shape} />
      </span>
      <div>
        <p>
          {who !== '' && <b>{who}</b>}
          {short(found, 600)}
        </p>
        <Evidence group={group} />
        <Lacking items={distinct(group.flatMap(({ lacking }) => lacking))} />
        {next !== null && (
          <div className="next">
            <p>
              <b>Next: </b>
              {short(next.text, 600)}
            </p>
            {next.command !== null && <Command text={next.command} />}
          </div>
        )}
      </div>
    </div>
  );
}

function Evidence({ group }: { readonly group: readonly Judgement[] }): ReactNode {
  const all = [...new Map(group.flatMap(({ evidence }) => evidence).map((one) => [`${one.text} ${one.source}`, one])).values()];
  const items = (from: number, to?: number) =>
    all.slice(from, to).map(({ text, source }) => (
      <li key={`${text} ${source}`}>
        {short(text, 400)} <span className="source">{short(source, 200)}</span>
      </li>
    ));
  if (all.length === 0) return null;
  return (
    <>
      <ul className="evidenced" aria-label="Evidence">
        {items(0, MOST_SHOWN)}
      </ul>
      {all.length > MOST_SHOWN && (
        <details>
          <summary>{`${all.length - MOST_SHOWN} more that say so`}</summary>
          <ul className="evidenced">{items(MOST_SHOWN)}</ul>
        </details>
      )}
    </>
  );
}

function Lacking({ items }: { readonly items: readonly string[] }): ReactNode {
  if (items.length === 0) return null;
  return (
    <p className="lacking">
      <b>Lacking to be sure: </b>
      {short(items.join('; '), 1500)}
    </p>
  );
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
