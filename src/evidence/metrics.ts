/** One input of metrics, in any of the forms people have: a proxy's page, an OpenMetrics dump, a saved answer of Prometheus' API. */
import { InvalidInput } from '../errors.ts';
import { METRIC } from './conventions.ts';
import { readPrometheusAnswer } from './metrics-json.ts';
import type { MetricsReader, Reading } from './metrics-reader.ts';
import { isWanted, WANTED_METRICS } from './metrics-sample.ts';
import { isSideMetric } from './metrics-side.ts';
import { createMetricsText, type MetricsTextStats } from './metrics-text.ts';

export interface MetricsInput {
  /** The next piece of the text, decoded and unpacked, cut anywhere. */
  push(chunk: string): void;
  /** The input ended. Returns what a person should know: lines that were no metrics, Prometheus' warnings. Errors: InvalidInput. */
  end(): string[];
}

/** An answer is one JSON value and is held whole; text is not. */
const MAX_ANSWER = 512 * 1024 * 1024;

/** Reads one input into `reader`, as one reading. The first character tells JSON from text. */
export function createMetricsInput(reader: MetricsReader, reading: Reading): MetricsInput {
  reader.begin(reading);
  let counters = 0;
  const text = createMetricsText(reading.name, WANTED_METRICS, (sample) => {
    if (!isWanted(sample)) return;
    if (sample.metric !== METRIC.processStart && sample.metric !== METRIC.up && !isSideMetric(sample.metric)) counters++;
    reader.add(sample);
  });
  let form: 'unknown' | 'text' | 'json' = 'unknown';
  const pieces: string[] = [];
  let size = 0;

  return {
    push(chunk) {
      const piece = form === 'unknown' ? chunk.replace(/^\uFEFF/, '').trimStart() : chunk;
      if (piece === '') return;
      if (form === 'unknown') form = piece.startsWith('{') || piece.startsWith('[') ? 'json' : 'text';
      if (form === 'text') {
        text.push(piece);
        return;
      }
      size += piece.length;
      if (size > MAX_ANSWER) {
        throw new InvalidInput(`${reading.name} is a JSON answer of more than 512 MiB`, 'Ask for fewer series or a shorter time.', {
          file: reading.name,
        });
      }
      pieces.push(piece);
    },
    end() {
      if (form !== 'json') {
        text.end();
        return [...textNotices(reading.name, text.stats), ...(counters === 0 ? [noCounters(reading.name)] : [])];
      }
      const answer = readPrometheusAnswer(pieces.join(''), reading.name);
      for (const sample of answer.samples) reader.add(sample);
      for (const target of answer.targets) reader.addTarget(target);
      const notices = answer.warnings.map((warning) => `${reading.name}: Prometheus warns: ${warning}`);
      if (answer.skipped > 0) notices.push(`${reading.name}: ${answer.skipped} series without a metric's name were passed over`);
      return notices;
    },
  };
}

/** So that another page than the proxy's is not taken for one on which nothing was denied. */
function noCounters(name: string): string {
  return `${name}: no counter of a proxy's inbound traffic is in it: nothing has come in yet, or it is not the page of the proxy (port 4191, /metrics)`;
}

function textNotices(name: string, { malformed, malformedLines }: MetricsTextStats): string[] {
  if (malformed === 0) return [];
  const more = malformed > malformedLines.length ? ', …' : '';
  const lines = malformed === 1 ? '1 line is no metric and was' : `${malformed} lines are no metrics and were`;
  return [`${name}: ${lines} passed over (${malformedLines.join(', ')}${more})`];
}
