/** The whole answer as text: clients first, remarks below. */
import type { ClientExplanation, Explanation, Question } from '../explain.ts';
import type { ClusterSettings } from '../policy/cluster-settings.ts';
import type { Notice } from '../ports.ts';
import type { Io } from './command.ts';
import type { LogRead } from './explain-evidence.ts';
import { showTroubles } from './explain-findings.ts';
import type { Style } from './explain-lines.ts';
import type { SourceRead } from './explain-live.ts';
import { showSources } from './explain-live-text.ts';
import { showAlerts, showNothingDenied, showNotices, showNotKnown, showSettings, showSymptoms } from './explain-remarks.ts';
import { numberedRemedies, numberIn } from './explain-remedies.ts';
import { showClientBlock } from './explain-text.ts';
import { createPalette, wantsColor, wrap } from './terminal.ts';

export interface Answer {
  readonly explanation: Explanation;
  readonly question: Question;
  readonly logs: readonly LogRead[];
  /** What was read of a live cluster, and what was not. */
  readonly sources?: readonly SourceRead[];
  readonly notices: readonly Notice[];
  /** No log and no counter of the asked proxies could be read: that nothing was denied cannot be said. */
  readonly isBlind?: boolean;
  /** null: no cluster was given. */
  readonly settings: ClusterSettings | null;
}

const MOST_BLOCKS = 30;

function restLine(rest: readonly ClientExplanation[], { columns }: Style): readonly string[] {
  const total = rest.reduce((sum, { counts, before }) => sum + before + Object.values(counts).reduce((all, n) => all + n, 0), 0);
  return wrap(
    `And ${rest.length.toLocaleString('en')} more clients, ${total.toLocaleString('en')} denials in all. -o json has them.`,
    columns,
  );
}

const NARROWEST = 50;
const WIDEST = 100;

export function showAnswer(
  { explanation, logs, sources = [], notices, isBlind = false, settings }: Answer,
  question: Pick<Question, 'namespace' | 'workload'>,
  io: Io,
): string {
  const { clients } = explanation;
  const style: Style = { ...styleFor(io, question.namespace), numberOf: numberIn(numberedRemedies(explanation)) };
  const blocks = clients.slice(0, MOST_BLOCKS).map((client, i) => showClientBlock(client, `${i + 1} of ${clients.length}`, style));
  if (clients.length > MOST_BLOCKS) blocks.push(restLine(clients.slice(MOST_BLOCKS), style));
  const asked = question.workload === null ? '' : ` for ${question.workload.kind} ${question.workload.name}`;
  const lines = [
    ...(blocks.length === 0
      ? isBlind
        ? showNotKnown(asked, style)
        : showNothingDenied(explanation, logs, asked, style)
      : blocks.flatMap((block, i) => (i === 0 ? block : ['', '', ...block]))),
    ...showAlerts(explanation, style),
    ...showTroubles(explanation, style),
    ...showSymptoms(explanation, style),
    ...showSettings(explanation, settings, style),
    ...showSources(sources, style),
    ...showNotices(explanation, notices, logs, style),
  ];
  return `${lines.join('\n')}\n`;
}

/** `namespace`: the one asked about; names in it are said without. */
export function styleFor(io: Io, namespace: string | null): Style {
  return {
    columns: Math.min(Math.max(io.columns, NARROWEST), WIDEST),
    palette: createPalette(wantsColor(io.isTTY.stdout, io.env)),
    now: io.now,
    namespace,
  };
}
