/**
 * Prometheus' text formats, read in chunks: a proxy's /metrics page (exposition 0.0.4), a federation page, an OpenMetrics dump.
 * Memory is one line. The proxy writes label values unescaped, so a quote ends a value only where a label list can go on.
 */
import { InvalidInput } from '../errors.ts';
import { instantOf, readValue, type Sample } from './metrics-sample.ts';

/** A longer line is nobody's metric: it is counted as malformed and passed over. */
const MAX_LINE = 65_536;
const MAX_MALFORMED_SHOWN = 5;

export interface MetricsTextStats {
  /** Lines that hold a sample, wanted or not. */
  samples: number;
  malformed: number;
  /** 1-based numbers of the first malformed lines. */
  readonly malformedLines: number[];
  /** True when OpenMetrics' `# EOF` was read: nothing is missing at the end. */
  complete: boolean;
}

export interface MetricsText {
  /** The next piece of the text, cut anywhere. */
  push(chunk: string): void;
  /** The text ended. A last line without its line feed was cut off and counts as malformed. Errors: InvalidInput when there was no sample at all. */
  end(): void;
  readonly stats: Readonly<MetricsTextStats>;
}

/** Hands each sample of a `wanted` metric to `onSample`; `name` is the input's, for messages. */
export function createMetricsText(name: string, wanted: ReadonlySet<string>, onSample: (sample: Sample) => void): MetricsText {
  const stats: MetricsTextStats = { samples: 0, malformed: 0, malformedLines: [], complete: false };
  let rest = '';
  let tooLong = false;
  let lineNumber = 0;

  const malformed = () => {
    stats.malformed++;
    if (stats.malformedLines.length < MAX_MALFORMED_SHOWN) stats.malformedLines.push(lineNumber);
  };

  const readLine = (line: string) => {
    lineNumber++;
    const outcome = tooLong || line.length > MAX_LINE ? 'malformed' : readMetricsLine(line, wanted);
    tooLong = false;
    if (outcome === 'malformed') malformed();
    else if (outcome === 'eof') stats.complete = true;
    else if (outcome !== 'nothing') {
      stats.samples++;
      if (outcome !== 'unwanted') onSample(outcome);
    }
  };

  const keep = (piece: string) => {
    if (tooLong || rest.length + piece.length > MAX_LINE) {
      tooLong = true;
      rest = '';
    } else rest += piece;
  };

  return {
    stats,
    push(chunk) {
      let from = 0;
      for (let feed = chunk.indexOf('\n'); feed >= 0; feed = chunk.indexOf('\n', from)) {
        const piece = chunk.slice(from, feed);
        readLine(rest === '' ? piece : rest + piece);
        rest = '';
        from = feed + 1;
      }
      keep(chunk.slice(from));
    },
    end() {
      if (rest.trim() === '# EOF') stats.complete = true;
      else if (tooLong || rest.trim() !== '') {
        lineNumber++;
        malformed();
      }
      if (stats.samples > 0) return;
      const what = lineNumber === 0 ? 'is empty' : 'holds no metrics in Prometheus text format';
      throw new InvalidInput(
        `${name} ${what}`,
        'Give a page read from the proxy: kubectl exec or port-forward to port 4191, path /metrics; or linkerd diagnostics proxy-metrics.',
        { file: name },
      );
    },
  };
}

/** What one line of Prometheus text says, without its line feed. */
export function readMetricsLine(line: string, wanted: ReadonlySet<string>): Sample | 'unwanted' | 'nothing' | 'eof' | 'malformed' {
  const start = skipSpaces(line, 0);
  const end = line.endsWith('\r') ? line.length - 1 : line.length;
  if (start >= end) return 'nothing';
  if (line.charCodeAt(start) === HASH) return line.slice(start, end).trimEnd() === '# EOF' ? 'eof' : 'nothing';
  const nameEnd = endOfName(line, start);
  if (nameEnd === start) return 'malformed';
  const metric = line.slice(start, nameEnd);
  if (!wanted.has(metric)) return endsInNumber(line, nameEnd, end) ? 'unwanted' : 'malformed';

  const labels = new Map<string, string>();
  let at = skipSpaces(line, nameEnd);
  if (line.charCodeAt(at) === OPEN) {
    at = readLabels(line, at + 1, labels);
    if (at < 0) return 'malformed';
  } else if (at === nameEnd) return 'malformed';
  return readNumbers(line.slice(at, end), metric, labels);
}

const [HASH, OPEN, CLOSE, COMMA, EQUALS, QUOTE, BACKSLASH, SPACE, TAB] = [35, 123, 125, 44, 61, 34, 92, 32, 9];

/** `value [timestamp] [# exemplar]` */
function readNumbers(text: string, metric: string, labels: ReadonlyMap<string, string>): Sample | 'malformed' {
  const exemplar = text.indexOf(' # ');
  const words = (exemplar < 0 ? text : text.slice(0, exemplar)).trim().split(/[ \t]+/, 3);
  const value = readValue(words[0] as string);
  const timestamp = words[1] === undefined ? null : readValue(words[1]);
  if (value === null || words.length > 2 || (words[1] !== undefined && !Number.isFinite(timestamp))) return 'malformed';
  return { metric, labels, value, at: timestamp === null ? null : instantOf(timestamp) };
}

/** Reads `a="b",…}` into `into`; the position after `}`, or -1. A label named twice forges the first: the line is refused. */
function readLabels(line: string, from: number, into: Map<string, string>): number {
  let at = from;
  while (true) {
    at = skipSpaces(line, at);
    if (line.charCodeAt(at) === CLOSE) return at + 1;
    const nameEnd = endOfName(line, at);
    if (nameEnd === at || line.charCodeAt(nameEnd) !== EQUALS || line.charCodeAt(nameEnd + 1) !== QUOTE) return -1;
    const name = line.slice(at, nameEnd);
    const valueEnd = endOfValue(line, nameEnd + 2);
    if (valueEnd < 0 || into.has(name)) return -1;
    into.set(name, unescapeValue(line.slice(nameEnd + 2, valueEnd)));
    at = skipSpaces(line, valueEnd + 1);
    if (line.charCodeAt(at) === COMMA) at++;
  }
}

/** The quote that closes a value: not escaped, and followed by `,` or `}`. -1 when there is none. */
function endOfValue(line: string, from: number): number {
  for (let quote = line.indexOf('"', from); quote >= 0; quote = line.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (quote - slashes > from && line.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 1) continue;
    const next = line.charCodeAt(skipSpaces(line, quote + 1));
    if (next === COMMA || next === CLOSE) return quote;
  }
  return -1;
}

/** `\\`, `\"` and `\n`; any other backslash stands for itself, as in Prometheus. */
function unescapeValue(value: string): string {
  if (!value.includes('\\')) return value;
  return value.replace(/\\([\\"n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}

function skipSpaces(line: string, from: number): number {
  let at = from;
  while (line.charCodeAt(at) === SPACE || line.charCodeAt(at) === TAB) at++;
  return at;
}

/** End of `[a-zA-Z_:][a-zA-Z0-9_:]*`; `from` when there is none. */
function endOfName(line: string, from: number): number {
  let at = from;
  while (isNameCharacter(line.charCodeAt(at), at > from)) at++;
  return at;
}

function isNameCharacter(code: number, digits: boolean): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95 || code === 58 || (digits && code >= 48 && code <= 57);
}

/** A cheap check that tells a metric we do not want from text that is no metric. */
function endsInNumber(line: string, nameEnd: number, end: number): boolean {
  const space = line.lastIndexOf(' ', end - 1);
  return space >= nameEnd && readValue(line.slice(space + 1, end)) !== null;
}
