/** A played recording for a person: what was played, each client's answer, one explanation in full, and what to try next. */
import type { Recording } from '../drivers/recording.ts';
import { SYMPTOM_WORDS } from '../evidence/symptom-words.ts';
import { type ClientExplanation, type Explanation, firstSentence, saidOf, type TargetExplanation } from '../explain.ts';
import { showInstant } from '../policy/time.ts';
import { foremost, titleOf } from '../remedies/verdicts.ts';
import { showVerdict } from '../remedies/wording.ts';
import type { Io } from './command.ts';
import { type AlertSpan, alertsOf } from './demo-alerts.ts';
import { apiLines, incidentLines } from './demo-incidents.ts';
import { nextCommands } from './demo-next.ts';
import type { Played } from './demo-play.ts';
import type { ServedIncident } from './demo-service.ts';
import { showDifference } from './explain-difference.ts';
import { paragraph, type Style, section } from './explain-lines.ts';
import { showClient, showCounts, showPort, showSubject, showTargetWorkload } from './explain-names.ts';
import { showNotices } from './explain-remarks.ts';
import type { Answer } from './explain-report.ts';
import { showClientBlock } from './explain-text.ts';
import { showMoment, showSpan } from './moment.ts';
import { createPalette, pad, safe, wantsColor, widthOf, wrap } from './terminal.ts';

/** What playing a recording came to. */
export interface ShownDemo {
  readonly recording: Recording;
  readonly played: Played;
  readonly answer: Answer;
  /** As the service keeps them that it went into. */
  readonly incidents: readonly ServedIncident[];
  /** Where that service listens; null: it ends with the program. */
  readonly url: string | null;
}

const LABEL = ' '.repeat(9);
const MOST_OF_A_NAME = 40;
const NARROWEST = 50;
/** Wider lines than this are read badly. */
const WIDEST = 100;

export function showDemo(shown: ShownDemo, io: Pick<Io, 'columns' | 'env' | 'isTTY'>): string {
  const { clients } = shown.answer.explanation;
  const style: Style = {
    columns: Math.min(Math.max(io.columns, NARROWEST), WIDEST),
    palette: createPalette(wantsColor(io.isTTY.stdout, io.env)),
    now: shown.played.to ?? 0,
    namespace: onlyNamespace(clients),
  };
  const lines = [
    ...headLines(shown, style),
    ...clients.flatMap((client, i) => ['', ...groupLines(client, i, shown, style)]),
    ...symptomLines(shown.answer.explanation, style),
    ...showNotices(shown.answer.explanation, shown.answer.notices, shown.played.logs, style),
    ...servedLines(shown, style),
    ...fullLines(clients, style),
    ...nextLines(clients, shown.recording, style, io.env),
    ...(shown.url === null ? [] : ['', '', rule('Ask the service', style), ...apiLines(shown.incidents, shown.url, style)]),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

/** null: denials lie in several, or nobody knows. */
function onlyNamespace(clients: readonly ClientExplanation[]): string | null {
  const [only = null, ...more] = new Set(clients.flatMap(({ targets }) => targets.map(({ namespace }) => namespace)));
  return more.length === 0 ? only : null;
}

function headLines({ recording, played, answer }: ShownDemo, style: Style): readonly string[] {
  const { bold, dim } = style.palette;
  const { counts, from, to } = played;
  const number = (n: number, one: string, many = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
  const unparsed = played.logs.reduce((sum, { stats }) => sum + stats.unparsed, 0);
  const read = [
    `${number(counts.lines, 'line')} of ${number(played.logs.length, 'log')} (${unparsed === 0 ? 'all understood' : `${number(unparsed, 'line')} not understood`})`,
    `${number(counts.samples, 'sample')} of counters`,
    `${number(counts.webhooks, 'webhook')} of Alertmanager`,
    `${number(counts.changes, 'change')} of objects`,
  ].join(', ');
  const { clients, allowedSeen } = answer.explanation;
  const denied = clients.reduce((sum, client) => sum + totalOf(client), 0);
  const where = style.namespace === null ? '' : ` in namespace ${style.namespace}`;
  const allowed = `${number(allowedSeen, 'request or connection', 'requests and connections')} allowed`;
  const verdict =
    clients.length === 0
      ? `Nobody was denied; ${allowed}.`
      : `${number(clients.length, 'client was', 'clients were')} denied${where}, ${number(denied, 'time')}; ${allowed}.`;
  const span = from === null || to === null ? 'a recording' : spanWords(from, to);
  return [
    ...wrap(safe(`${span} (${recording.directory})`), style.columns),
    ...wrap(`${read}.`, style.columns).map(dim),
    '',
    ...wrap(safe(verdict), style.columns).map(bold),
  ];
}

function totalOf({ counts }: ClientExplanation): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

/** `13 minutes of a cluster, 2026-11-23 09:20:08 to 09:33:18 UTC` */
function spanWords(from: number, to: number): string {
  const minutes = Math.round((to - from) / 60_000);
  const length = minutes === 1 ? '1 minute' : minutes > 0 ? `${minutes} minutes` : `${Math.round((to - from) / 1000)} seconds`;
  const day = showInstant(from).slice(0, 10);
  return `${length} of a cluster, ${day} ${showSpan(from, to, from)}`;
}

function groupLines(client: ClientExplanation, index: number, shown: ShownDemo, style: Style): readonly string[] {
  const { bold, red } = style.palette;
  const { first, last, counts, targets } = client;
  const name = showClient(client, style.namespace ?? targets[0]?.namespace ?? null);
  const span = first === null || last === null ? '' : showSpan(first, last, style.now);
  const tail = [showCounts(counts), span].filter((part) => part !== '').join('  ');
  const number = `${index + 1}  `;
  const isShort = widthOf(number) + widthOf(name) + 2 + widthOf(tail) <= style.columns;
  const nameLines = wrap(name, style.columns, '   ', number).map(bold);
  const denied = targets.filter(({ count }) => count > 0);
  return [
    ...(isShort ? [`${nameLines[0]}  ${red(tail)}`] : [...nameLines, ...fitted(`   ${tail}`, style).map(red)]),
    ...alike(denied).flatMap((same, i) => [...(i === 0 ? [] : ['']), ...answerLines(same, denied.length > 1, style)]),
    ...alertLines(alertsOf(shown.answer.explanation, index), shown, style),
    ...beforeLines(client, shown, style),
  ];
}

/** Targets with the same answer, in the order of their counts. */
function alike(targets: readonly TargetExplanation[]): readonly (readonly TargetExplanation[])[] {
  const groups = new Map<string, TargetExplanation[]>();
  for (const target of targets) {
    const key = JSON.stringify(saidOf(target));
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [target]);
    else known.push(target);
  }
  return [...groups.values()];
}

function answerLines(targets: readonly TargetExplanation[], isCounted: boolean, style: Style): readonly string[] {
  const [first] = targets;
  if (first === undefined) return [];
  const arrows = targets.flatMap((target) => {
    const counted = isCounted ? showCounts({ [target.kind]: target.count }) : '';
    const parts = [showTargetWorkload(target, style.namespace), showPort(target), showSubject(target), counted].filter(
      (part) => part !== '',
    );
    const line = `   → ${parts.join('  ')}`;
    return widthOf(line) <= style.columns ? [line] : wrap(parts.join(', '), style.columns, '     ', '   → ');
  });
  const { now } = first;
  const since = now === null || now.since === null ? '' : ` since ${showMoment(now.since, style.now)} UTC`;
  return [
    ...arrows,
    ...paragraph('WHY', firstSentence(first), style),
    ...showDifference(saidOf(first), style.columns, style.palette),
    ...wayOutLines(targets, style),
    ...(now?.verdict === 'allow' ? paragraph('NOW', `allowed${since}.`, style) : []),
  ];
}

function wayOutLines(targets: readonly TargetExplanation[], style: Style): readonly string[] {
  const wayOut = foremost(targets.flatMap((target) => target.wayOut ?? []));
  return wayOut === null ? [] : paragraph('DO', showVerdict({ verdict: wayOut.verdict, title: titleOf(wayOut) }), style);
}

function alertLines(alerts: readonly AlertSpan[], { recording }: ShownDemo, style: Style): readonly string[] {
  if (alerts.length === 0) return recording.hasWebhooks ? paragraph('ALERT', 'none.', style) : [];
  const names = alerts.map(({ name }) => safe(name === '' ? '(no name)' : name));
  const width = Math.min(Math.max(...names.map(widthOf)), MOST_OF_A_NAME);
  const lines = alerts.flatMap((alert, i) => fitted(`${LABEL}${pad(names[i] ?? '', width)}  ${alertWords(alert, style)}`, style));
  return section('ALERT', lines, style);
}

function alertWords({ from, to }: AlertSpan, { now }: Style): string {
  if (to === null) return from === null ? 'fires' : `fires since ${showMoment(from, now)} UTC`;
  return from === null ? `until ${showMoment(to, now)} UTC` : showSpan(from, to, now);
}

/** What was seen beside the denials, counted. */
function symptomLines({ symptoms }: Explanation, style: Style): readonly string[] {
  const counts = new Map<string, number>();
  for (const { kind, count } of symptoms) counts.set(SYMPTOM_WORDS[kind], (counts.get(SYMPTOM_WORDS[kind]) ?? 0) + count);
  if (counts.size === 0) return [];
  const shown = [...counts].map(([words, count]) => `${words}, ${count.toLocaleString('en')} ${count === 1 ? 'time' : 'times'}`);
  return ['', ...paragraph('SEEN TOO', `${shown.join('; ')}.`, style)];
}

function beforeLines({ before }: ClientExplanation, { played }: ShownDemo, style: Style): readonly string[] {
  if (before === 0 || played.from === null) return [];
  const text = `${before.toLocaleString('en')} more before ${showMoment(played.from, style.now)}, when the recording begins: not added.`;
  return paragraph('BEFORE', text, style);
}

function servedLines({ incidents, url }: ShownDemo, style: Style): readonly string[] {
  if (incidents.length === 0) return [];
  return ['', '', rule('Incidents, as the service keeps them', style), '', ...incidentLines(incidents, url, style)];
}

function fullLines([first, ...more]: readonly ClientExplanation[], style: Style): readonly string[] {
  if (first === undefined) return [];
  return ['', '', rule('In full, the first of them', style), '', ...showClientBlock(first, `1 of ${more.length + 1}`, style)];
}

function nextLines([first]: readonly ClientExplanation[], recording: Recording, style: Style, env: Io['env']): readonly string[] {
  if (first === undefined) return [];
  const commands = nextCommands(first, recording, env).flatMap(({ what, command }) => ['', style.palette.dim(`# ${what}`), command]);
  return ['', '', rule('Try next', style), ...commands];
}

/** As it is where it fits: wrapping closes gaps. */
function fitted(line: string, { columns }: Style): readonly string[] {
  const indent = ' '.repeat(line.length - line.trimStart().length);
  return widthOf(line) <= columns ? [line] : wrap(line, columns, indent);
}

function rule(title: string, { columns, palette }: Style): string {
  return palette.dim(`── ${title} ${'─'.repeat(Math.max(0, columns - title.length - 4))}`);
}
