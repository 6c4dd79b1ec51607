/** Compares the growth of a proxy's counters between two pages with a situation's `metricDelta` (captures, `truth.json`). */
import { METRIC } from '../../src/evidence/conventions.ts';
import type { Fact } from '../../src/evidence/facts.ts';
import { createMetricsInput } from '../../src/evidence/metrics.ts';
import { type CounterTarget, createCounters } from '../../src/evidence/metrics-counter.ts';
import { showSeries } from '../../src/evidence/metrics-facts.ts';
import { createMetricsReader } from '../../src/evidence/metrics-reader.ts';
import { createMetricsText } from '../../src/evidence/metrics-text.ts';

/** Families that `metricDelta` speaks of. */
const FAMILIES: ReadonlySet<string> = new Set(Object.values(METRIC).filter((m) => m !== METRIC.processStart && m !== METRIC.up));
/** Lines of them that make no fact. A detected protocol is one where it surprises a Server. */
function isSilent(line: string): boolean {
  const detected = line.startsWith(METRIC.detectHttp);
  const surprises = line.includes('srv_kind="server"') && /result="(?:not_http|read_timeout|error)"/.test(line);
  return line.startsWith(METRIC.transportHeader) || (detected && !surprises);
}

export interface DeltaDifference {
  /** `counters`: the growth of a series; `facts`: the count of the facts made of it. */
  readonly field: 'counters' | 'facts';
  /** `metric{…} +N`; null: there should be no such line, or there is none. */
  readonly expected: string | null;
  readonly got: string | null;
}

/** `before` and `after`: text of the two pages of one proxy, `expected`: the lines of `metricDelta`. */
export function compareMetricDelta(before: string, after: string, expected: readonly string[]): DeltaDifference[] {
  const factLines = expected.filter((line) => !isSilent(line));
  return [
    ...compareLines('counters', expected, growthLines(before, after)),
    ...compareLines('facts', factLines, factLinesOf(factsBetween(before, after))),
  ];
}

/** The facts of the second page of a proxy whose first page was read before it. */
export function factsBetween(before: string, after: string): Fact[] {
  const reader = createMetricsReader();
  const reporter = { cluster: '', namespace: null, pod: 'server', workload: null };
  for (const [name, text] of Object.entries({ before, after })) {
    const input = createMetricsInput(reader, { name, at: null, reporter });
    input.push(text);
    input.end();
  }
  return reader.take().filter((f) => f.count > 0);
}

function growthLines(before: string, after: string): string[] {
  const counters = createCounters<null>(100_000);
  const target: CounterTarget = { id: 'server', first: { at: null, turn: 0 }, startedAt: null };
  for (const [turn, text] of [before, after].entries()) {
    const page = createMetricsText(`page ${turn}`, FAMILIES, (sample) => counters.add(sample, { at: null, turn }, target, null));
    page.push(text);
    page.end();
  }
  return counters
    .take(null)
    .filter((g) => g.increase > 0)
    .map((g) => `${showSeries(g.series)} +${g.increase}`);
}

function factLinesOf(facts: readonly Fact[]): string[] {
  return facts.map((f) => `${f.source.raw} +${f.count}`).filter((line) => FAMILIES.has(line.split('{', 1)[0] as string));
}

function compareLines(field: 'counters' | 'facts', expected: readonly string[], got: readonly string[]): DeltaDifference[] {
  const [wanted, had] = [new Set(expected), new Set(got)];
  return [
    ...expected.filter((line) => !had.has(line)).map((line) => ({ field, expected: line, got: null })),
    ...got.filter((line) => !wanted.has(line)).map((line) => ({ field, expected: null, got: line })),
  ];
}
