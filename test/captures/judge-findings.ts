/** Holds our answers against `truth.json`: who was refused, and why. */
import { InvalidInput } from '../../src/errors.ts';
import { type Answers, answersOf, type Line, type SourceKind } from './findings.ts';
import type { Folder } from './report.ts';

/** What is read of `truth.json`. */
interface Truth {
  readonly clients: Readonly<Record<string, readonly number[]>>;
  readonly other: readonly number[];
  readonly otherParties: Readonly<Record<string, readonly number[]>>;
  readonly clientsEvidence: Readonly<Record<string, readonly string[]>>;
}

export interface Judgement {
  readonly about: string;
  /** Empty: agreed. */
  readonly difference: string;
}

export interface FindingsReport {
  readonly name: string;
  readonly answers: Answers;
  readonly judgements: readonly Judgement[];
}

export function judgeFindings(folder: Folder): FindingsReport {
  const answers = answersOf(folder);
  return { name: folder.name, answers, judgements: judgementsOf(folder, truthOf(folder), answers) };
}

function judgementsOf(folder: Folder, truth: Truth, answers: Answers): readonly Judgement[] {
  const named = new Set(answers.clients.map(({ client }) => client));
  const absent = Object.keys(truth.clients).filter((name) => !named.has(name));
  return [
    ...answers.clients.map((line) => ({ about: `${line.client} by ${line.source}`, difference: differenceOf(line, truth) })),
    ...absent.map((name) => ({ about: name, difference: 'truth.json names it, and no request of it failed' })),
    ...otherJudgements(truth, answers),
    ...partyJudgements(folder, truth),
  ];
}

function otherJudgements({ other, otherParties }: Truth, { standing }: Answers): readonly Judgement[] {
  const aside = new Set(Object.values(otherParties).flat());
  const found = new Set(standing.filter(({ source }) => source === 'both').flatMap(({ findings }) => findings.flatMap(({ rows }) => rows)));
  return other
    .filter((row) => !aside.has(row))
    .map((row) => ({
      about: `other ${row} by both`,
      difference: found.has(row) ? '' : `not found; found: ${[...found].join(', ') || 'nothing'}`,
    }));
}

/** The rows of the other parties stand in `other` as well. */
function partyJudgements({ name }: Folder, { other, otherParties }: Truth): readonly Judgement[] {
  return Object.entries(otherParties).flatMap(([party, rows]) =>
    rows
      .filter((row) => !other.includes(row))
      .map((row) => ({ about: `${name} ${party}`, difference: `truth.json gives it row ${row}, and does not list that row in other` })),
  );
}

const TRACES: Readonly<Record<SourceKind, readonly string[]>> = {
  log: ['server-log', 'client-log', 'pod-status'],
  metrics: ['server-metrics', 'client-metrics'],
  both: ['server-log', 'client-log', 'pod-status', 'server-metrics', 'client-metrics'],
};
/** Of edits: naming the edit is an answer too. */
const EDITS = [41, 42];

function differenceOf({ client, source, findings, changed }: Line, truth: Truth): string {
  const rows = own(truth.clients, client ?? '');
  if (rows === null) return 'truth.json does not say why it failed';
  const evidence = own(truth.clientsEvidence, client ?? '') ?? [];
  const hasTrace = evidence.some((trace) => TRACES[source].includes(trace));
  const got = findings.map(({ id, rows: r, certainty }) => `${id} (${r.join(', ')}; ${certainty})`).join(', ') || 'no evidence';
  if (!hasTrace) return findings.length === 0 ? '' : `expected no evidence, got ${got}`;
  const [first] = findings;
  const isRight = (finding: (typeof findings)[number]) => finding.rows.some((row) => rows.includes(row));
  const isEdit = changed !== null && EDITS.some((row) => rows.includes(row));
  const isPossible = source !== 'both' && findings.some((finding) => finding.certainty === 'possible' && isRight(finding));
  return (first !== undefined && isRight(first)) || isEdit || isPossible ? '' : `expected ${rows.join(' or ')}, got ${got}`;
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | null {
  return Object.hasOwn(record, key) ? (record[key] ?? null) : null;
}

function truthOf(folder: Folder): Truth {
  const place = { file: `${folder.name}/truth.json` };
  const text = folder.read('truth.json');
  if (text === null) throw new InvalidInput('There is no truth.json.', 'Copy the folder whole.', place);
  try {
    const { clients = {}, other = [], otherParties = {}, clientsEvidence = {} } = JSON.parse(text) as Partial<Truth>;
    return { clients, other, otherParties, clientsEvidence };
  } catch (error) {
    throw new InvalidInput(`This is no JSON: ${(error as Error).message}.`, 'Copy the file again.', place);
  }
}

/** One JSON line each, with our answer and nothing of the expectation. */
export function dataLines({ answers }: FindingsReport): readonly string[] {
  return [...answers.clients, ...answers.standing, ...answers.others].map((line) => JSON.stringify(line));
}

export function countOfFindings(reports: readonly FindingsReport[]): { readonly agreed: number; readonly all: number } {
  const all = reports.flatMap(({ judgements }) => judgements);
  return { agreed: all.filter(({ difference }) => difference === '').length, all: all.length };
}

/** Counts, then everybody's answers: ✗ where it disagrees, – where it is not counted. */
export function textLines(report: FindingsReport): readonly string[] {
  const { name, answers, judgements } = report;
  const { agreed, all } = countOfFindings([report]);
  const shown = ({ client, source, findings }: Line) =>
    `${client ?? 'objects'} by ${source}: ${findings.map(({ id, certainty }) => `${id} ${certainty}`).join(', ') || 'nothing'}`;
  const uncounted = [...answers.others, ...answers.standing].filter(({ findings }) => findings.length > 0);
  return [
    `${name}: agree ${agreed} of ${all}`,
    ...judgements.filter(({ difference }) => difference !== '').map(({ about, difference }) => `  ✗ ${about}: ${difference}`),
    ...uncounted.map((line) => `  – ${shown(line)}`),
  ];
}
