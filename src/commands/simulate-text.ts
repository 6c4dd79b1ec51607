/** What a change would do, for a person, as Markdown for a pull request, and as data. docs/simulate.md documents the shape. */

import type { TrafficKind } from '../access/told-traffic.ts';
import { some } from './can-text.ts';
import type { SimulatedEntry, Simulation } from './simulate-run.ts';
import { type Palette, safe, wrap } from './terminal.ts';

type Listed = SimulatedEntry['outcome'];

const TITLES: readonly (readonly [Listed | 'unchanged', string])[] = [
  ['newly-denied', 'newly denied'],
  ['newly-allowed', 'newly allowed'],
  ['unchanged', 'unchanged'],
  ['undecided', 'undecided'],
];

const KIND_WORDS: Readonly<Record<TrafficKind, string>> = {
  observed: '',
  probe: 'probe',
  scrape: 'scrape',
  'control-plane': 'control plane',
  possible: '',
};

/** What comes of it when they are refused. */
const LOSSES: Readonly<Partial<Record<TrafficKind, string>>> = {
  probe: ': the pod goes unready or is restarted',
  scrape: ': rules and dashboards go blind',
};

const INDENT = 20;

export function showSimulation(simulation: Simulation, columns: number, palette: Palette): readonly string[] {
  const { counts, entries, refused } = simulation;
  const paint = { 'newly-denied': palette.red, 'newly-allowed': palette.yellow, unchanged: palette.dim, undecided: palette.yellow };
  const lines = TITLES.flatMap(([outcome, title]) => {
    const head = `${title.padEnd(14)}${String(counts[outcome]).padStart(4)}`;
    const own = entries.filter((entry) => entry.outcome === outcome);
    const shown = own.flatMap((entry) => entryLines(entry, columns));
    const [first = '', ...rest] = shown.length === 0 ? [''] : shown;
    const painted = counts[outcome] === 0 ? head : paint[outcome](head);
    return [`${painted}${first === '' ? '' : `  ${first.trimStart()}`}`, ...rest];
  });
  const objects = refused.flatMap(({ object, place, message }) => {
    const text = `${object.kind} ${object.namespace}/${object.name}${place === null ? '' : ` (${place})`}: ${message}`;
    return wrap(safe(text), columns, ' '.repeat(INDENT + 2), 'refused'.padEnd(INDENT));
  });
  return [...lines, ...objects, '', ...wrap(safe(lookedWords(simulation)), columns)];
}

function entryLines(entry: SimulatedEntry, columns: number): readonly string[] {
  const { client, place, why, wide } = entry;
  const tail = tailOf(entry);
  return [
    ...wrap(safe(`${client} → ${serverOf(entry)}`), columns, ' '.repeat(INDENT + 2), ' '.repeat(INDENT)),
    ...wrap(safe(`${some(entry.requests, 4)}${tail === '' ? '' : `: ${tail}`}`), columns, ' '.repeat(INDENT + 2)),
    ...wrap(safe(`${why}${place === null ? '' : ` (${place})`}`), columns, ' '.repeat(INDENT + 2)),
    ...(wide === null ? [] : wrap(safe(`Too wide? ${wide}`), columns, ' '.repeat(INDENT + 2))),
  ];
}

function serverOf({ servers, port, namespace }: SimulatedEntry): string {
  return `${some(servers, 4)}:${port} in ${namespace}`;
}

function tailOf({ outcome, kind, count, pods }: SimulatedEntry): string {
  const counted = count === null ? '' : `${count.toLocaleString('en')} ${count === 1 ? 'request' : 'requests'}`;
  const what = `${KIND_WORDS[kind]}${outcome === 'newly-denied' ? (LOSSES[kind] ?? '') : ''}`;
  return [counted, what, pods > 1 ? `${pods} pods` : ''].filter((part) => part !== '').join(', ');
}

function lookedWords({ looked, pairs }: Simulation): string {
  const { observed, requests, standing, possible, unplaced } = looked;
  const parts = [
    ...(observed === 0
      ? []
      : [`${requests.toLocaleString('en')} recorded requests and connections (${observed.toLocaleString('en')} kinds)`]),
    `${standing.toLocaleString('en')} probes, scrapes and calls of the control plane`,
    ...(possible ? ['every class of clients by every class of requests on the ports whose policy changes'] : []),
  ];
  const counted =
    pairs === null
      ? ''
      : ` Of ${pairs.all.toLocaleString('en')} pairs of a pod and a port, Linkerd lets some request in on ${pairs.before.toLocaleString('en')} today and on ${pairs.after.toLocaleString('en')} then.`;
  const lost = unplaced === 0 ? '' : ` ${unplaced.toLocaleString('en')} recorded facts name no pod or port of this cluster.`;
  return `Looked at ${parts.join('; ')}.${counted}${lost}`;
}

/** Most rows of one table: a comment has room for 65,536 characters. */
const MOST_ROWS = 50;

/** GitHub's Markdown. Nothing from outside becomes markup: it stands in code spans, as entities. */
export function showMarkdown(simulation: Simulation): string {
  const { counts, entries, refused } = simulation;
  const verdict = counts['newly-denied'] > 0 ? 'something that works today would be denied' : 'nothing that works today would be denied';
  const summary = TITLES.map(([outcome, title]) => `${title} **${counts[outcome]}**`).join(' · ');
  const tables = TITLES.flatMap(([outcome, title]) => {
    const own = entries.filter((entry) => entry.outcome === outcome);
    if (own.length === 0) return [];
    const rows = own.slice(0, MOST_ROWS).map(rowOf);
    const more = own.length > MOST_ROWS ? ['', `… and ${own.length - MOST_ROWS} more.`] : [];
    return ['', `#### ${title}`, '', '| client | server | request | traffic | why |', '| --- | --- | --- | --- | --- |', ...rows, ...more];
  });
  const left = refused.map(
    ({ object, place, message }) =>
      `- ${code(`${object.kind} ${object.namespace}/${object.name}`)}${place === null ? '' : ` ${code(place)}`}: ${code(message)}`,
  );
  const objects = left.length === 0 ? [] : ['', '#### refused, left out', '', ...left];
  return [
    `### denywhy simulate: ${verdict}`,
    '',
    summary,
    ...tables,
    ...objects,
    '',
    `<sub>${code(lookedWords(simulation))}</sub>`,
    '',
  ].join('\n');
}

function rowOf(entry: SimulatedEntry): string {
  const { client, requests, place, why, wide } = entry;
  const reason = `${why}${place === null ? '' : ` (${place})`}${wide === null ? '' : ` Too wide? ${wide}`}`;
  const cells = [client, serverOf(entry), some(requests, 4), tailOf(entry), reason];
  return `| ${cells.map(code).join(' | ')} |`;
}

/** As text that Markdown and HTML leave alone: `<code>` with every character that either reads as an entity. */
export function code(text: string): string {
  if (text === '') return '';
  const inert = safe(text).replace(/[^\p{L}\p{N} ,.:;/→’…-]/gu, (character) => `&#${character.codePointAt(0)};`);
  // An address or a mention would become a link outside of a code element.
  return `<code>${inert}</code>`;
}

export function simulationData(simulation: Simulation): Readonly<Record<string, unknown>> {
  const { counts, entries, pairs, looked, refused, notices } = simulation;
  return { form: 'denywhy.simulate/1', counts, entries, pairs, looked, refused, notices };
}
