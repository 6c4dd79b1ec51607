/** Holds what we offer against the recording: what was allowed after its fix has to be allowed, and nothing else. */

import type { RemedyId } from '../../src/diagnoses/finding.ts';
import { InvalidInput } from '../../src/errors.ts';
import { objectKey, type Resource } from '../../src/policy/resource.ts';
import { withChanges } from '../../src/policy/snapshot.ts';
import type { Remedy } from '../../src/remedies/remedy.ts';
import { changesOf, evaluationOf, firstRemedies, offeredOf, type Pleaded, pleadedOf, type Situation, situationOf } from './remedies.ts';
import type { Entry } from './replay.ts';
import type { Folder } from './report.ts';

/** What a client may be told instead of getting a grant. */
type Instead = 'mesh it' | 'own ServiceAccount' | 'do not allow';

/** Rows of facts §8 that make it right. */
const INSTEAD: Readonly<Record<Instead, readonly number[]>> = {
  'mesh it': [1, 2, 3, 5, 23, 27, 38, 40],
  'own ServiceAccount': [10],
  'do not allow': [1, 4],
};

const INSTEAD_OF: Readonly<Partial<Record<RemedyId, Instead>>> = {
  'mesh-client': 'mesh it',
  'repair-annotation': 'mesh it',
  'own-service-account': 'own ServiceAccount',
};

export interface RemedyLine {
  readonly situation: string;
  readonly client: string;
  readonly answer: { readonly verdict: string } | { readonly remedies: readonly Remedy[] };
}

export interface RemediesReport {
  readonly name: string;
  readonly lines: readonly RemedyLine[];
  readonly judgements: readonly { readonly about: string; readonly difference: string }[];
  /** What is not judged, and why. */
  readonly aside: readonly string[];
}

export function judgeRemedies(folder: Folder): RemediesReport {
  const situation = situationOf(folder);
  const judged = judgedIndexes(situation);
  const pleaded = pleadedOf(folder, situation, judged);
  const byClient = Map.groupBy(pleaded, ({ client }) => client);
  const lines = [...byClient].map(([client, own]) => ({ situation: folder.name, client, answer: answerOf(folder, situation, own) }));
  const rows = rowsOf(folder);
  const silent = judged.filter((index) => !pleaded.some((one) => one.index === index));
  return {
    name: folder.name,
    lines,
    judgements: [
      ...[...byClient].flatMap(([client, own]) =>
        own.map((one) => judgementOf(situation, one, lineOf(lines, client), rows.get(client) ?? [])),
      ),
      ...silent.map((index) => ({ about: situation.replay.before[index]?.request ?? '', difference: 'no way out was looked for' })),
      ...togetherOf(situation, lines),
    ],
    aside: asideOf(folder, situation),
  };
}

/** Denied before the fix and allowed after it, both by what the entries determine. */
export function judgedIndexes({ replay }: Situation): readonly number[] {
  return replay.before.flatMap((entry, i) => (isDenied(entry) && laterOf(replay, entry).some(isAllowed) ? [i] : []));
}

/** The same request after the fix: of the same client to the same port, whatever name or address it dialled and however the proxy read it. */
function laterOf({ after = [] }: Situation['replay'], entry: Entry): readonly Entry[] {
  return after.filter((later) => {
    if (clientOf(later) !== clientOf(entry) || later.target?.port !== entry.target?.port) return false;
    const [a, b] = [later.http, entry.http];
    return a === null || b === null || (a.method === b.method && a.path === b.path);
  });
}

function clientOf({ request }: Entry): string {
  return request.split(' ', 1)[0] ?? '';
}

function isAllowed({ decidable, verdict }: Entry): boolean {
  return decidable && verdict === 'allow';
}

function isDenied({ decidable, verdict }: Entry): boolean {
  return decidable && (verdict === 'deny' || verdict === 'route_not_found');
}

function answerOf(folder: Folder, situation: Situation, pleaded: readonly Pleaded[]): RemedyLine['answer'] {
  const remedies = firstRemedies(folder, situation, pleaded);
  if (remedies.length > 0) return { remedies };
  const { verdict, remedies: offered } = (pleaded[0] as Pleaded).wayOut;
  if (verdict === 'do-not-allow') return { verdict: 'do not allow' };
  const [first] = offered;
  return { verdict: (first === undefined ? undefined : INSTEAD_OF[first.id]) ?? verdict };
}

function lineOf(lines: readonly RemedyLine[], client: string): RemedyLine {
  return lines.find((line) => line.client === client) as RemedyLine;
}

function judgementOf({ replay }: Situation, { entry, snapshot }: Pleaded, { answer }: RemedyLine, rows: readonly number[]) {
  const about = entry.request;
  if ('verdict' in answer) {
    const right = INSTEAD[answer.verdict as Instead] ?? [];
    const isRight = rows.some((row) => right.includes(row));
    return { about, difference: isRight ? '' : `"${answer.verdict}" is no answer where the causes are ${rows.join(', ') || 'not told'}` };
  }
  const next = withChanges(snapshot, changesOf(answer.remedies));
  // Another protocol of the Server makes the proxy read the same request in other terms: those of the recording after its fix.
  const terms = [
    entry,
    ...laterOf(replay, entry)
      .filter(isAllowed)
      .map(({ http, connection }) => ({ ...entry, http, connection })),
  ];
  const verdicts = terms.map((one) => evaluationOf(next, one)?.verdict);
  const ids = answer.remedies.map(({ id }) => id).join(', ');
  return { about, difference: verdicts.includes('allow') ? '' : `${ids} leaves it at ${verdicts[0] ?? 'nothing'}` };
}

/** All first remedies at once: who was denied in both recordings still is, who was allowed still is unless the fix denies it. */
function togetherOf(situation: Situation, lines: readonly RemedyLine[]) {
  const { replay, requests } = situation;
  const changes = changesOf(lines.flatMap(({ answer }) => ('remedies' in answer ? answer.remedies : [])));
  if (changes.length === 0) return [];
  return replay.before.flatMap((entry, i) => {
    const later = laterOf(replay, entry);
    const snapshot = requests[i]?.snapshot;
    if (snapshot === undefined || !entry.decidable) return [];
    const verdict = evaluationOf(withChanges(snapshot, changes), entry)?.verdict ?? null;
    const about = `together: ${entry.request}`;
    if (isDenied(entry) && later.some(isDenied) && !later.some(isAllowed))
      return [{ about, difference: verdict === 'allow' ? 'was denied before and after the fix, and is allowed' : '' }];
    if (isAllowed(entry) && !later.some(isDenied))
      return [{ about, difference: verdict === 'allow' ? '' : `was allowed, and is ${verdict}` }];
    return [];
  });
}

function asideOf(folder: Folder, situation: Situation): readonly string[] {
  return situation.replay.before.flatMap(({ decidable, request, reason, observed }, i) =>
    decidable || observed === 'allow'
      ? []
      : [`${request}: not decidable: ${reason ?? 'no reason given'}: ${offeredOf(folder, situation, i)}`],
  );
}

function rowsOf(folder: Folder): ReadonlyMap<string, readonly number[]> {
  const text = folder.read('truth.json');
  if (text === null) throw new InvalidInput('There is no truth.json.', 'Copy the folder whole.', { file: `${folder.name}/truth.json` });
  const { clients = {} } = JSON.parse(text) as { readonly clients?: Readonly<Record<string, readonly number[]>> };
  return new Map(Object.entries(clients));
}

/** One JSON line for each judged client: the objects whole, as they are after the change. */
export function remedyData({ lines }: RemediesReport): readonly string[] {
  return lines.map(({ situation, client, answer }) => {
    if ('verdict' in answer) return JSON.stringify({ situation, client, verdict: answer.verdict });
    const changes = new Map(
      answer.remedies.flatMap((remedy) =>
        remedy.changes.map(({ object, before, after, manifest }): [string, object] => {
          const { group, kind, namespace, name } = object;
          const whole =
            after === null
              ? { delete: { apiVersion: before?.apiVersion ?? group, kind, namespace, name } }
              : { ...aged(manifest as Manifest, before), ...(after.status === undefined ? {} : { status: after.status }) };
          return [objectKey(object), whole];
        }),
      ),
    );
    return JSON.stringify({
      situation,
      client,
      remedy: { id: answer.remedies.map(({ id }) => id).join('+'), changes: [...changes.values()] },
    });
  });
}

interface Manifest {
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Of two Servers the older has the port: an edit makes no object younger. */
function aged(manifest: Manifest, before: Resource | null): Manifest {
  const creationTimestamp = before?.metadata.creationTimestamp;
  return creationTimestamp === undefined ? manifest : { ...manifest, metadata: { ...manifest.metadata, creationTimestamp } };
}

export function remedyText({ name, lines, judgements, aside }: RemediesReport): readonly string[] {
  const agreed = judgements.filter(({ difference }) => difference === '').length;
  return [
    `${name}: agree ${agreed} of ${judgements.length}`,
    ...judgements.filter(({ difference }) => difference !== '').map(({ about, difference }) => `  ✗ ${about}: ${difference}`),
    ...lines.map(
      ({ client, answer }) =>
        `  ${client}: ${'verdict' in answer ? answer.verdict : answer.remedies.map(({ title }) => title).join(' + ')}`,
    ),
    ...aside.map((text) => `  – ${text}`),
  ];
}

export function countOfRemedies(reports: readonly RemediesReport[]): { readonly agreed: number; readonly all: number } {
  const all = reports.flatMap(({ judgements }) => judgements);
  return { agreed: all.filter(({ difference }) => difference === '').length, all: all.length };
}
