/** A posture for a person, as Markdown, and as data. docs/posture.md documents the shape. */
import { manifestOf } from '../manifests/manifest.ts';
import { showInstant } from '../policy/time.ts';
import type { Outside } from '../posture/outside.ts';
import type { JudgedPractice, NamespacePosture } from '../posture/posture.ts';
import { type Judgement, type PostureState, PRACTICE_IDS } from '../posture/practice.ts';
import { some } from './can-text.ts';
import { type Basis, showStep, whoOf } from './generate-text.ts';
import { tighteningsData } from './posture-remedies.ts';
import type { Posture, PosturePlan } from './posture-run.ts';
import { code } from './simulate-text.ts';
import { tableLines } from './table.ts';
import { type Palette, safe, wrap } from './terminal.ts';

const MARKS: Readonly<Record<PostureState, string>> = { holds: '✓', partly: '~', not: '✗', unknown: '?' };
const MOST_EVIDENCE = 3;

export function showPosture(posture: Posture, columns: number, palette: Palette): readonly string[] {
  const { namespaces, basis, plan, isOne } = posture;
  const seen = wrap(basisWords(basis), columns);
  const [only] = namespaces;
  if (!isOne || only === undefined) return [...overview(namespaces, columns), '', ...seen, ONE];
  const { namespace, outside, practices } = only;
  if (practices.length === 0 && outside !== null)
    return [palette.bold(safe(`${namespace}: not meshed`)), ...wrap(safe(outsideWords(outside)), columns)];
  return [
    palette.bold(safe(`${namespace}: ${totalsOf(practices)}`)),
    ...(outside === null ? [] : wrap(safe(outsideWords(outside)), columns)),
    ...seen,
    ...practices.flatMap((practice) => ['', ...practiceLines(practice, columns, palette)]),
    ...(plan === null ? [] : ['', ...planLines(namespace, plan, columns, palette)]),
  ];
}

const ONE = 'One namespace with its evidence, its next steps and its plan: denywhy posture -n NAMESPACE';

function outsideWords({ reason, why }: Outside): string {
  return reason === 'not-meshed'
    ? `Linkerd enforces nothing here: ${why}. Who calls from here shows no identity; NetworkPolicy alone refuses who calls in.`
    : `${why}: its policy comes with its chart. Default deny, Servers, grants and accounts there are Linkerd’s to decide, and are not judged.`;
}

function basisWords({ requests, first, last }: Basis): string {
  if (requests === 0)
    return 'No traffic was recorded: whether grants are used is not known. Give --metrics or --logs, or ask a live cluster.';
  const span = first === null || last === null ? '' : ` from ${showInstant(first)} to ${showInstant(last)}`;
  return `Seen: ${requests.toLocaleString('en')} requests and connections${span}.`;
}

const WORDS: Readonly<Record<PostureState, string>> = { holds: 'hold', partly: 'hold in part', not: 'do not', unknown: 'are not known' };

function totalsOf(practices: readonly JudgedPractice[]): string {
  const parts = (['holds', 'partly', 'not', 'unknown'] as const).map((state) => {
    const n = practices.filter((one) => one.state === state).length;
    return n === 0 ? [] : [`${n} ${WORDS[state]}`];
  });
  return `of ${practices.length} practices ${parts.flat().join(', ')}`;
}

function overview(namespaces: readonly NamespacePosture[], columns: number): readonly string[] {
  const head = ['NAMESPACE', ...PRACTICE_IDS.map((_, i) => String(i + 1))];
  const outside = namespaces.flatMap((one) => (one.outside?.reason === 'not-meshed' ? [{ ...one, why: one.outside.why }] : []));
  const rows = namespaces
    .filter((one) => one.outside?.reason !== 'not-meshed')
    .map(({ namespace, practices }) => [
      safe(namespace),
      ...PRACTICE_IDS.map((id) => {
        const found = practices.find((practice) => practice.id === id);
        return found === undefined ? '-' : MARKS[found.state];
      }),
    ]);
  const whys = [...Map.groupBy(outside, ({ why }) => why)];
  return [
    ...(rows.length === 0 ? ['No namespace has pods with a proxy.'] : tableLines([head, ...rows], columns)),
    ...(rows.length === 0 ? [] : ['', ...wrap(PRACTICE_IDS.map((id, i) => `${i + 1} ${id}`).join(', '), columns)]),
    ...(outside.length === 0 ? [] : ['', 'Not meshed, so that Linkerd enforces nothing there:']),
    ...whys.flatMap(([why, all]) => wrap(safe(`${all.map(({ namespace }) => namespace).join(', ')}: ${why}`), columns, '    ', '  ')),
  ];
}

function practiceLines({ id, title, state, judgements }: JudgedPractice, columns: number, palette: Palette): readonly string[] {
  return [
    `${paint(state, palette)(MARKS[state])} ${palette.bold(`${title}`)} (${id})`,
    ...alike(judgements).flatMap((group) => groupLines(group, columns, palette)),
  ];
}

function paint(state: PostureState, { green, yellow, red }: Palette): (text: string) => string {
  return state === 'holds' ? green : state === 'not' ? red : yellow;
}

/** Judgements that say the same. */
function alike(judgements: readonly Judgement[]): readonly (readonly [Judgement, ...Judgement[]])[] {
  return [...Map.groupBy(judgements, ({ state, found }) => `${state} ${found}`).values()].map(
    (group) => group as [Judgement, ...Judgement[]],
  );
}

function groupLines(group: readonly [Judgement, ...Judgement[]], columns: number, palette: Palette): readonly string[] {
  const [{ state, found, next }] = group;
  const names = group.flatMap(({ workload }) => (workload === null ? [] : [workload]));
  const who = names.length === 0 ? '' : `${some(names, 6)}: `;
  const shown = distinct(group.flatMap(({ evidence }) => evidence).map(({ text, source }) => `${text} [${source}]`));
  const lacking = distinct(group.flatMap((one) => one.lacking));
  const line = (text: string, first = '      ') => wrap(safe(text), columns, '        ', first);
  return [
    ...wrap(safe(`${who}${found}`), columns, '      ', `  ${MARKS[state]} `),
    ...shown.slice(0, MOST_EVIDENCE).flatMap((text) => line(text)),
    ...(shown.length > MOST_EVIDENCE ? [palette.dim(`      and ${shown.length - MOST_EVIDENCE} more (-o json)`)] : []),
    ...lacking.slice(0, MOST_EVIDENCE).flatMap((text) => line(`lacking: ${text}`)),
    ...(next === null ? [] : [...line(`next: ${next.text}`), ...commandLines(group, palette)]),
  ];
}

/** That of the first, which may be copied; the others' say the same of another workload. */
function commandLines(group: readonly Judgement[], palette: Palette): readonly string[] {
  const [first, ...others] = distinct(group.flatMap(({ next }) => next?.command ?? []));
  if (first === undefined) return [];
  const more =
    others.length === 0
      ? []
      : [palette.dim(`        and likewise for ${others.length === 1 ? 'the other' : `the ${others.length} others`} (-o json)`)];
  return [`        ${safe(first)}`, ...more];
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}

function planLines(namespace: string, { steps, lacking, notes }: PosturePlan, columns: number, palette: Palette): readonly string[] {
  const para = (text: string, first: string) => wrap(safe(text), columns, '     ', first);
  const title =
    steps.length === 0
      ? 'The way to default deny: nothing is left to do'
      : `The way to default deny, in ${steps.length} steps, each put to simulate`;
  return [
    palette.bold(title),
    ...steps.flatMap((step, i) => [
      ...para(step.title, `  ${i + 1}. `),
      ...para(`newly denied: ${whoOf(step.denied)}; newly allowed: ${whoOf(step.allowed)}; undecided: ${whoOf(step.undecided)}`, '     '),
      ...(step.watch === '' ? [] : para(step.watch, '     ')),
    ]),
    ...(steps.length === 0
      ? []
      : [`  denywhy generate -n ${safe(namespace)} --step 1 | kubectl apply -f -   and so on, one after the other`]),
    ...notes.flatMap((note) => para(note, '  ')),
    ...(lacking.length === 0 ? [] : ['Lacking to be sure:', ...lacking.flatMap((text) => para(text, '  - '))]),
  ];
}

/** GitHub's Markdown. Nothing from outside becomes markup: it stands in code elements, as entities. */
export function showPostureMarkdown({ namespaces, basis, plan }: Posture): string {
  const blocks = namespaces.flatMap(({ namespace, outside, practices }) => [
    `### denywhy posture: ${code(namespace)}`,
    '',
    ...(outside === null ? [] : [code(outsideWords(outside)), '']),
    ...(practices.length === 0 ? [] : tableOf(practices)),
  ]);
  return [...blocks, ...(plan === null ? [] : planMarkdown(plan)), `<sub>${code(basisWords(basis))}</sub>`, ''].join('\n');
}

function tableOf(practices: readonly JudgedPractice[]): readonly string[] {
  return [
    `${totalsOf(practices).replace(/^o/, 'O')}.`,
    '',
    '| | practice | who | found | evidence | next |',
    '| --- | --- | --- | --- | --- | --- |',
    ...practices.flatMap((practice) => alike(practice.judgements).map((group) => rowOf(practice, group))),
    '',
  ];
}

function rowOf({ id }: JudgedPractice, group: readonly [Judgement, ...Judgement[]]): string {
  const [{ state, found, next }] = group;
  const who = group.flatMap(({ workload }) => (workload === null ? [] : [workload])).join(', ');
  const shown = distinct(group.flatMap(({ evidence }) => evidence).map(({ text, source }) => `${text} [${source}]`));
  const lacking = distinct(group.flatMap((one) => one.lacking)).map((text) => `lacking: ${text}`);
  const words = [...shown.slice(0, MOST_EVIDENCE), ...lacking.slice(0, MOST_EVIDENCE)].map(code).join('<br>');
  const step =
    next === null
      ? ''
      : [next.text, next.command ?? '']
          .filter((text) => text !== '')
          .map(code)
          .join('<br>');
  return `| ${[MARKS[state], id, code(who), code(found), words, step].join(' | ')} |`;
}

function planMarkdown({ steps, lacking }: PosturePlan): readonly string[] {
  const lines = steps.map(
    (step, i) => `${i + 1}. ${code(step.title)}: newly denied ${code(whoOf(step.denied))}, newly allowed ${code(whoOf(step.allowed))}`,
  );
  const more = lacking.map((text) => `- ${code(text)}`);
  return [
    '#### The way to default deny',
    '',
    ...(lines.length === 0 ? ['Nothing is left to do.'] : lines),
    '',
    ...(more.length === 0 ? [] : ['Lacking to be sure:', '', ...more, '']),
  ];
}

export function postureData({ namespaces, basis, plan, tightenings }: Posture): Readonly<Record<string, unknown>> {
  const { requests, first, last } = basis;
  return {
    form: 'denywhy.posture/1',
    observed: { requests, first: first === null ? null : showInstant(first), last: last === null ? null : showInstant(last) },
    namespaces,
    tightenings: tighteningsData(tightenings),
    plan:
      plan === null
        ? null
        : { ...plan, steps: plan.steps.map((step) => ({ ...step, objects: step.objects.map(manifestOf), yaml: showStep(step) })) },
  };
}
