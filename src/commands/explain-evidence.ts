/** Reads what proxies, Prometheus and Alertmanager say into one tally, line by line. */
import { InvalidInput } from '../errors.ts';
import { type AlertFact, parseWebhook } from '../evidence/alert.ts';
import type { Reporter } from '../evidence/facts.ts';
import { createLogParser, type LogStats } from '../evidence/log.ts';
import { readBlocks } from '../evidence/log-lines.ts';
import { createMetricsInput } from '../evidence/metrics.ts';
import { createMetricsReader, type MetricsReader } from '../evidence/metrics-reader.ts';
import type { Tally } from '../evidence/tally.ts';
import type { Inputs, Notice } from '../ports.ts';

/** One input and whose it is, as far as the command line and the file's name tell. */
export interface EvidenceInput {
  readonly path: string;
  readonly reporter: Reporter;
}

/** What reading a log came to. */
export interface LogRead {
  readonly name: string;
  readonly stats: LogStats;
}

function nameOf(path: string): string {
  return path === '-' ? 'stdin' : path;
}

/** Errors: InvalidInput for what is no proxy's log at all. */
export async function readLog({ path, reporter }: EvidenceInput, inputs: Inputs, tally: Tally): Promise<LogRead> {
  const name = nameOf(path);
  const parser = createLogParser({ name, reporter });
  let blank = 0;
  for await (const lines of readBlocks(inputs.open(path))) {
    if (parser.stats.parsed === 0) blank += lines.match(/^[ \t\r]*$/gm)?.length ?? 0;
    for (const fact of parser.push(lines)) tally.add(fact);
  }
  for (const fact of parser.flush()) tally.add(fact);
  const { stats } = parser;
  const sample = stats.samples[0];
  if (sample !== undefined && stats.parsed === 0 && stats.irrelevant <= blank) {
    const lines = stats.lines === 1 ? 'its one line cannot' : `none of its ${stats.lines.toLocaleString('en')} lines can`;
    throw new InvalidInput(
      `This is no log of a Linkerd proxy: ${lines} be read. It begins: ${sample.text.slice(0, 60)}`,
      'The container is linkerd-proxy: kubectl logs -n NAMESPACE POD -c linkerd-proxy --tail=-1',
      { file: name, line: sample.line },
    );
  }
  return { name, stats };
}

/** All inputs are readings of the same counters, in the order given. Errors: InvalidInput. */
export async function readMetrics(sources: readonly EvidenceInput[], inputs: Inputs, tally: Tally): Promise<readonly Notice[]> {
  const reader = createMetricsReader();
  const notices: Notice[] = [];
  for (const source of sources) {
    for (const message of await readPage(source, inputs, reader)) notices.push({ where: '', message });
    for (const fact of reader.take()) tally.add(fact);
  }
  const { overLimit } = reader.stats;
  if (overLimit > 0) notices.push({ where: '', message: `${overLimit} samples of more series than can be followed were passed over.` });
  return notices;
}

async function readPage({ path, reporter }: EvidenceInput, inputs: Inputs, reader: MetricsReader): Promise<readonly string[]> {
  const name = nameOf(path);
  const input = createMetricsInput(reader, { name, reporter, at: null });
  const decoder = new TextDecoder();
  const chunks = inputs.open(path);
  try {
    for await (const chunk of chunks) input.push(decoder.decode(chunk, { stream: true }));
    return input.end();
  } catch (error) {
    if (!(error instanceof InvalidInput) || !error.message.startsWith(name)) throw error;
    // The place says the name already.
    throw new InvalidInput(`This${error.message.slice(name.length)}.`, error.remedy, { file: name });
  }
}

const MAX_ALERTS = 10_000;

export interface AlertsRead {
  readonly alerts: readonly AlertFact[];
  readonly notices: readonly Notice[];
}

/** Bodies of Alertmanager's webhook: one, an array, one a line, bare or as `body` of a recording. Of one alert the last state counts. Errors: InvalidInput. */
export async function readAlerts(paths: readonly string[], inputs: Inputs): Promise<AlertsRead> {
  const byFingerprint = new Map<string, AlertFact>();
  const notices: Notice[] = [];
  for (const path of paths) {
    let truncated = 0;
    for (const { body, line } of bodiesIn(await inputs.text(path), nameOf(path))) {
      const webhook = parseBody(body, nameOf(path), line);
      truncated += webhook.truncated;
      for (const { index, why } of webhook.quarantined)
        notices.push({ where: `${nameOf(path)}:${line}`, message: `Alert ${index} cannot be read: ${why}.` });
      for (const alert of webhook.alerts) {
        const key = alert.fingerprint ?? JSON.stringify([...alert.labels]);
        byFingerprint.delete(key);
        if (byFingerprint.size < MAX_ALERTS) byFingerprint.set(key, alert);
      }
    }
    if (truncated > 0)
      notices.push({ where: nameOf(path), message: `Alertmanager cut off ${truncated} alerts (max_alerts): nothing is known of them.` });
  }
  return { alerts: [...byFingerprint.values()], notices };
}

const WEBHOOK = 'Give the bodies that Alertmanager posts to a webhook (version 4): one JSON object, or one a line.';

function* bodiesIn(text: string, file: string): Iterable<{ readonly body: unknown; readonly line: number }> {
  if (text.trim() === '') throw new InvalidInput('There is nothing in it.', WEBHOOK, { file });
  const whole = parseJson(text);
  if (whole !== undefined) {
    for (const body of Array.isArray(whole) ? whole : [whole]) yield { body, line: 1 };
    return;
  }
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const body = parseJson(line);
    if (body === undefined) throw new InvalidInput('This is not valid JSON.', WEBHOOK, { file, line: i + 1 });
    yield { body, line: i + 1 };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseBody(body: unknown, file: string, line: number): ReturnType<typeof parseWebhook> {
  const isRecorded = typeof body === 'object' && body !== null && !Object.hasOwn(body, 'alerts') && Object.hasOwn(body, 'body');
  try {
    return parseWebhook(isRecorded ? (body as { body: unknown }).body : body);
  } catch (error) {
    if (error instanceof InvalidInput) throw new InvalidInput(error.message, error.remedy, { file, line });
    throw error;
  }
}
