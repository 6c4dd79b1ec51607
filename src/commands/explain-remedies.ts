/** The way out in lines and in data: what to do, what it lets in, or why nothing is to be done. */
import type { Explanation, TargetExplanation } from '../explain.ts';
import { showOrigin } from '../manifests/place.ts';
import { showRef } from '../policy/resource.ts';
import type { Newcomer, Proof, Remedy, WayOut } from '../remedies/remedy.ts';
import { showClient, showKeeper, showNewcomer } from '../remedies/wording.ts';
import { LABEL, paragraph, type Style } from './explain-lines.ts';
import { safe, wrap } from './terminal.ts';

type Numbered = Pick<Explanation, 'clients' | 'troubles'> & Partial<Pick<Explanation, 'repairs' | 'tightenings'>>;

/** Those that change something, each once, in the order of the answer: number N is the Nth of them. */
export function numberedRemedies({ clients, troubles, repairs = [], tightenings = [] }: Numbered): readonly Remedy[] {
  const found = new Map<string, Remedy>();
  const ways = [...clients.flatMap(({ targets }) => targets), ...troubles, ...repairs, ...tightenings].map(({ wayOut }) => wayOut);
  for (const remedy of ways.flatMap((way) => way?.remedies ?? [])) {
    const key = keyOf(remedy);
    if (remedy.changes.length > 0 && !found.has(key)) found.set(key, remedy);
  }
  return [...found.values()];
}

function keyOf({ changes }: Remedy): string {
  return JSON.stringify(changes.map(({ object, manifest }) => [object, manifest]));
}

/** From 1; null: it changes nothing, or stands in another answer. */
export function numberIn(remedies: readonly Remedy[]): (remedy: Remedy) => number | null {
  const byKey = new Map(remedies.map((remedy, i) => [keyOf(remedy), i + 1]));
  return (remedy) => byKey.get(keyOf(remedy)) ?? null;
}

/** Section DO with an empty line before it. */
export function showWayOut(target: Pick<TargetExplanation, 'wayOut' | 'findings'>, style: Style): readonly string[] {
  const { wayOut } = target;
  if (wayOut === null) return showAdvice(target, style);
  switch (wayOut.verdict) {
    case 'nothing-to-do':
      return ['', ...paragraph('DO', 'Nothing.', style)];
    case 'do-not-allow':
      return ['', style.palette.bold('DO NOT ALLOW'), ...wayOut.reasons.flatMap((reason) => wrap(safe(reason), style.columns, INDENT))];
    case 'needs-evidence':
      return showAdvice(target, style);
    default:
      return wayOut.remedies.length === 0 ? showAdvice(target, style) : ['', ...remedyLines(wayOut, style)];
  }
}

/** The advice of the first finding. */
function showAdvice({ findings }: Pick<TargetExplanation, 'findings'>, style: Style): readonly string[] {
  const [first] = findings;
  return first === undefined ? [] : ['', ...paragraph('DO', first.todo, style)];
}

const INDENT = ' '.repeat(LABEL);
const MOST_OTHERS = 3;

function remedyLines({ remedies, reasons }: WayOut, style: Style): readonly string[] {
  const [first, ...others] = remedies as readonly [Remedy, ...Remedy[]];
  const { title, changes, proof, widens, tightens } = first;
  const said = (text: string) => wrap(safe(text), style.columns, INDENT);
  return [
    ...paragraph('DO', title, style),
    ...reasons.flatMap(said),
    ...first.steps.flatMap((step) => stepLines(step, style)),
    ...(proof === null ? [] : proofLines(proof, style)),
    ...(widens === null ? [] : said(`It widens: ${widens}`)),
    ...(tightens === null ? [] : said(`It tightens: ${tightens}`)),
    ...changes.flatMap(({ keeper, object }) => (keeper === null ? [] : said(showKeeper(keeper, showRef(object))))),
    ...commandLine(first, style),
    ...others.slice(0, MOST_OTHERS).flatMap((other) => otherLines(other, style)),
  ];
}

/** A command is never broken: it is there to be copied. */
function stepLines({ text, command }: Remedy['steps'][number], { columns }: Style): readonly string[] {
  const lines = text === '' ? [] : wrap(safe(text), columns, INDENT);
  return command === null ? lines : [...lines, `${INDENT}  ${safe(command)}`];
}

function commandLine(remedy: Remedy, { numberOf }: Style): readonly string[] {
  const number = numberOf?.(remedy) ?? null;
  return number === null ? [] : [`${INDENT}denywhy explain … --remedy ${number} > fix.yaml`, ...trialLine(remedy)];
}

/** What it does to all that was recorded, before anybody applies it; none where a step says so, or the YAML is not the whole change. */
function trialLine({ changes, steps }: Remedy): readonly string[] {
  const isSaid = steps.some(({ command }) => command?.startsWith('denywhy simulate') === true);
  const isPartial = changes.some(({ action, manifest }) => action !== 'delete' && manifest === null);
  const names = changes.flatMap(({ action, object: { kind, name } }) => (action === 'delete' ? [`${kind.toLowerCase()}/${name}`] : []));
  if (isSaid || isPartial || !names.every((name) => PLAIN.test(name))) return [];
  const parts = [...(names.length < changes.length ? ['--change fix.yaml'] : []), ...names.map((name) => `--delete ${name}`)];
  return [`${INDENT}denywhy simulate … ${parts.join(' ')}   # try it first`];
}
/** Needs no quotes in a shell. */
const PLAIN = /^[a-z0-9/.-]+$/;

function otherLines(remedy: Remedy, { columns, numberOf }: Style): readonly string[] {
  const number = numberOf?.(remedy) ?? null;
  const head = number === null ? 'or: ' : `or --remedy ${number}: `;
  return wrap(safe(remedy.title), columns, `${INDENT}  `, `${INDENT}${head}`);
}

function proofLines({ clientToo, newlyIn, shutOut }: Proof, style: Style): readonly string[] {
  const row = (label: string, list: readonly Newcomer[], nobody: string) => {
    const texts = list.length === 0 ? [nobody] : list.slice(0, MOST_NAMED).map(showNewcomer);
    const more = list.length > MOST_NAMED ? [`and ${list.length - MOST_NAMED} more; -o json has them`] : [];
    return [...texts, ...more].flatMap((text, i) =>
      wrap(safe(text), style.columns, `${INDENT}${' '.repeat(WIDTH)}`, `${INDENT}${(i === 0 ? label : '').padEnd(WIDTH)}`),
    );
  };
  return [
    ...(clientToo.length === 0 ? [] : row('lets it in too', clientToo, '')),
    ...row('newly lets in', newlyIn, 'nobody else'),
    ...row('shuts out', shutOut, 'nobody'),
  ];
}
const WIDTH = 16;
const MOST_NAMED = 4;

export function wayOutData(wayOut: WayOut | null, numberOf: (remedy: Remedy) => number | null) {
  if (wayOut === null) return null;
  const { verdict, reasons, remedies } = wayOut;
  return {
    verdict,
    reasons,
    remedies: remedies.map(({ changes, proof, ...said }) => ({
      number: changes.length === 0 ? null : numberOf({ changes, proof, ...said }),
      ...said,
      changes: changes.map(({ before: _, after: __, origin, diff, ...change }) => ({
        ...change,
        place: origin === null ? null : showOrigin(origin),
        diff,
      })),
      proof: proof === null ? null : proofData(proof),
    })),
  };
}

export function proofData({ verdict, route, clientToo, newlyIn, shutOut }: Proof) {
  const named = (list: readonly Newcomer[]) => list.map(({ who, ...rest }) => ({ client: showClient({ who, ...rest }), ...rest }));
  return { verdict, route, clientToo: named(clientToo), newlyIn: named(newlyIn), shutOut: named(shutOut) };
}
