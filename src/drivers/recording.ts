/**
 * A recording: what a cluster's proxies, Prometheus and Alertmanager said in some time, and its policy over that time, in one folder.
 * It is read as events in the order of the times at which they were recorded (docs/demo.md has the form).
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInput } from '../errors.ts';
import { POLICY_CONTAINER, PROXY_CONTAINER } from '../evidence/conventions.ts';
import { readLines } from '../evidence/log-lines.ts';
import { createTimestampReader } from '../evidence/log-text.ts';
import { createSampleOrder, type SampleOrder } from '../evidence/metrics-order.ts';
import { type Sample, WANTED_METRICS } from '../evidence/metrics-sample.ts';
import { createMetricsText } from '../evidence/metrics-text.ts';
import { showOrigin } from '../manifests/place.ts';
import { readManifests } from '../manifests/read.ts';
import { mergeManifests } from '../manifests/record.ts';
import type { Change, Instant } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';
import type { Inputs, Notice } from '../ports.ts';

/** Something that was recorded, and when: a change of an object, a line of a log, the samples of a moment, a body sent by Alertmanager. */
export type RecordedEvent =
  | { readonly kind: 'policy'; readonly at: Instant | null; readonly change: Change }
  | { readonly kind: 'log'; readonly at: Instant; readonly log: RecordedLog; readonly line: number; readonly text: string }
  | { readonly kind: 'samples'; readonly at: Instant; readonly samples: readonly Sample[] }
  | { readonly kind: 'webhook'; readonly at: Instant; readonly file: string; readonly line: number; readonly body: unknown };

/** The log of one container. */
export interface RecordedLog {
  readonly file: string;
  readonly pod: string;
  readonly container: string;
  /** Where the recorded objects have one Pod of that name; null: the log itself has to say. */
  readonly namespace: string | null;
}

export interface Recording {
  readonly directory: string;
  /** The file of the policy. */
  readonly history: string;
  readonly logs: readonly RecordedLog[];
  readonly hasWebhooks: boolean;
  readonly notices: readonly Notice[];
  /** In the order of time, objects without a time first. Memory: the samples, and 64 KiB per log. Errors: InvalidInput. */
  events(): AsyncGenerator<RecordedEvent>;
}

/** 24 bytes each. */
const MAX_SAMPLES = 10_000_000;
/** All are open at once. */
const MAX_LOGS = 500;

const FORM = `A recording is a folder with
  policy-history.jsonl                watch events, each with its observedAt
  logs/POD.linkerd-proxy.log          kubectl logs --timestamps of each proxy
  prometheus/*.om                     an OpenMetrics dump of the counters
  alertmanager-webhooks.jsonl         {receivedAt, body} per line (may be absent)
Any of them may be packed (.gz). Logs or counters alone are enough.`;

interface Files {
  readonly history: string;
  readonly logs: readonly string[];
  readonly dumps: readonly string[];
  readonly webhooks: string | null;
}

/** Reads the policy of the recording, and what else is in it. Errors: InvalidInput when it is none, or half of one. */
export async function openRecording(directory: string, inputs: Inputs): Promise<Recording> {
  const files = await findFiles(directory);
  const history = readManifests(await inputs.text(files.history), files.history);
  if (history.observedFrom === null) {
    throw new InvalidInput('These objects have no times: nobody knows which policy was in force when.', FORM, { file: files.history });
  }
  const { changes, notices } = mergeManifests([history]);
  const namespaces = namespacesOfPods(changes);
  const logs = files.logs.map((file) => describeLog(file, namespaces)).filter((log) => log !== null);
  if (logs.length + files.dumps.length === 0) throw halfOfOne(directory, ['logs/POD.linkerd-proxy.log', 'prometheus/*.om']);
  if (logs.length > MAX_LOGS) {
    throw new InvalidInput(`There are ${logs.length} logs in it.`, `Play at most ${MAX_LOGS}: those of the workloads in question.`, {
      file: directory,
    });
  }
  const others = files.logs.length - logs.length;
  const passedOver = {
    where: join(directory, 'logs'),
    message: `${others} logs of other containers were passed over: POD.${PROXY_CONTAINER}.log and POD.${POLICY_CONTAINER}.log are read.`,
  };
  return {
    directory,
    history: files.history,
    logs,
    hasWebhooks: files.webhooks !== null,
    notices: [...notices.map(({ origin, message }) => ({ where: showOrigin(origin), message })), ...(others > 0 ? [passedOver] : [])],
    events: () =>
      inOrderOfTime([
        policyEvents(changes),
        ...logs.map((log) => logEvents(log, inputs)),
        sampleEvents(files.dumps, inputs),
        ...(files.webhooks === null ? [] : [webhookEvents(files.webhooks, inputs)]),
      ]),
  };
}

async function findFiles(directory: string): Promise<Files> {
  const top = await namesIn(directory, true);
  const inFolder = async (folder: string, isWanted: RegExp) =>
    top.includes(folder)
      ? (await namesIn(join(directory, folder), false)).filter((name) => isWanted.test(name)).map((name) => join(directory, folder, name))
      : [];
  const one = (name: string) => [name, `${name}.gz`].find((candidate) => top.includes(candidate));
  const [history, webhooks] = [one('policy-history.jsonl'), one('alertmanager-webhooks.jsonl')];
  const logs = await inFolder('logs', /\.log(?:\.gz)?$/);
  const dumps = await inFolder('prometheus', /\.om(?:\.gz)?$/);
  if (history === undefined) {
    if (logs.length + dumps.length > 0 || webhooks !== undefined) throw halfOfOne(directory, ['policy-history.jsonl']);
    throw new InvalidInput(top.length === 0 ? 'There is nothing in this directory.' : 'There is no recording in this directory.', FORM, {
      file: directory,
    });
  }
  return {
    history: join(directory, history),
    logs,
    dumps,
    webhooks: webhooks === undefined ? null : join(directory, webhooks),
  };
}

async function namesIn(directory: string, isNamedByPerson: boolean): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const place = { file: directory };
    if (code === 'ENOENT' && isNamedByPerson)
      throw new InvalidInput('There is no such directory.', 'Look for a slip in the name; it is taken from the current directory.', place);
    if (code === 'ENOTDIR') throw new InvalidInput('This is no directory.', FORM, place);
    if (code === 'EACCES' || code === 'EPERM')
      throw new InvalidInput('This directory may not be read.', 'Give yourself the permission, or run as someone who has it.', place);
    throw error;
  }
}

function halfOfOne(directory: string, missing: readonly string[]): InvalidInput {
  return new InvalidInput(`This is half a recording: ${missing.join(' or ')} is missing.`, FORM, { file: directory });
}

function namespacesOfPods(changes: readonly Change[]): ReadonlyMap<string, ReadonlySet<string>> {
  const namespaces = new Map<string, Set<string>>();
  for (const { resource } of changes) {
    if (resource.kind !== 'Pod') continue;
    const { name, namespace } = resource.metadata;
    namespaces.set(name, (namespaces.get(name) ?? new Set()).add(namespace));
  }
  return namespaces;
}

/** From the name `POD.CONTAINER.log`; null for other containers. */
function describeLog(file: string, namespaces: ReadonlyMap<string, ReadonlySet<string>>): RecordedLog | null {
  const name = file.slice(join(file, '..', '/').length).replace(/\.log(?:\.gz)?$/, '');
  const dot = name.lastIndexOf('.');
  const [pod, container] = [name.slice(0, Math.max(dot, 0)), name.slice(dot + 1)];
  if (pod === '' || (container !== PROXY_CONTAINER && container !== POLICY_CONTAINER)) return null;
  const [only, ...more] = namespaces.get(pod) ?? [];
  return { file, pod, container, namespace: only !== undefined && more.length === 0 ? only : null };
}

async function* policyEvents(changes: readonly Change[]): AsyncGenerator<RecordedEvent> {
  for (const change of changes) yield { kind: 'policy', at: change.at, change };
}

/** A line without a time of its own belongs to the one before it. */
async function* logEvents(log: RecordedLog, inputs: Inputs): AsyncGenerator<RecordedEvent> {
  const timestamps = createTimestampReader();
  let at: Instant | null = null;
  let line = 0;
  for await (const batch of readLines(inputs.open(log.file))) {
    for (const text of batch) {
      line++;
      if (timestamps.read(text, 0) >= 0) at = Math.max(at ?? timestamps.instant, timestamps.instant);
      if (at === null) {
        throw new InvalidInput('This line does not say when it was written.', 'Take the log with kubectl logs --timestamps.', {
          file: log.file,
          line,
        });
      }
      yield { kind: 'log', at, log, line, text };
    }
  }
}

async function* sampleEvents(dumps: readonly string[], inputs: Inputs): AsyncGenerator<RecordedEvent> {
  const order = createSampleOrder(MAX_SAMPLES);
  for (const file of dumps) await readDump(file, inputs, order);
  for (const { at, samples } of order.inOrder()) yield { kind: 'samples', at, samples };
}

async function readDump(file: string, inputs: Inputs, order: SampleOrder): Promise<void> {
  const outcomes = new Set<ReturnType<SampleOrder['add']>>();
  const text = createMetricsText(file, WANTED_METRICS, (sample) => outcomes.add(order.add(sample)));
  const decoder = new TextDecoder();
  for await (const chunk of inputs.open(file)) text.push(decoder.decode(chunk, { stream: true }));
  text.end();
  const { complete, malformed, malformedLines } = text.stats;
  const [line] = malformedLines;
  if (malformed > 0 && line !== undefined)
    throw new InvalidInput('This line is no sample of a metric.', 'Dump it again: promtool tsdb dump-openmetrics.', { file, line });
  if (!complete) throw new InvalidInput('This dump is cut off: # EOF is missing at its end.', 'Copy it again.', { file });
  if (outcomes.has('no-time'))
    throw new InvalidInput('These samples have no times.', 'Give a dump of Prometheus, not the /metrics page of a proxy.', { file });
  if (outcomes.has('over-limit')) {
    const most = `${MAX_SAMPLES / 1_000_000} million`;
    throw new InvalidInput(`There are more than ${most} samples in it.`, 'Dump a shorter time, or fewer metrics (--match).', { file });
  }
}

async function* webhookEvents(file: string, inputs: Inputs): AsyncGenerator<RecordedEvent> {
  let line = 0;
  for await (const batch of readLines(inputs.open(file))) {
    for (const text of batch) {
      line++;
      if (text.trim() !== '') yield readWebhookLine(text, file, line);
    }
  }
}

function readWebhookLine(text: string, file: string, line: number): RecordedEvent {
  const value = parseJson(text);
  const record: Readonly<Record<string, unknown>> = typeof value === 'object' && value !== null ? { ...value } : {};
  const { receivedAt, body } = record;
  const at = typeof receivedAt === 'string' ? parseInstant(receivedAt) : null;
  if (at === null || body === undefined) {
    const what = value === undefined ? 'This line is not JSON.' : 'This line is no recorded webhook.';
    throw new InvalidInput(what, 'Each line is {"receivedAt": "2026-11-23T09:23:38.447Z", "body": {…}}.', { file, line });
  }
  return { kind: 'webhook', at, file, line, body };
}

/** undefined: it is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Merges sources that are in order each. Of events of one moment, those of the earlier source come first. */
async function* inOrderOfTime(sources: readonly AsyncGenerator<RecordedEvent>[]): AsyncGenerator<RecordedEvent> {
  interface Head {
    readonly event: RecordedEvent;
    readonly at: number;
    readonly rank: number;
    readonly source: AsyncGenerator<RecordedEvent>;
  }
  /** The latest first, so that the next one is taken from the end. */
  const heads: Head[] = [];
  const advance = async (source: AsyncGenerator<RecordedEvent>, rank: number) => {
    const next = await source.next();
    if (next.done === true) return;
    const head = { event: next.value, at: next.value.at ?? Number.NEGATIVE_INFINITY, rank, source };
    let [low, high] = [0, heads.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = heads[middle] as Head;
      if (other.at > head.at || (other.at === head.at && other.rank > rank)) low = middle + 1;
      else high = middle;
    }
    heads.splice(low, 0, head);
  };
  try {
    for (const [rank, source] of sources.entries()) await advance(source, rank);
    for (let head = heads.pop(); head !== undefined; head = heads.pop()) {
      yield head.event;
      await advance(head.source, head.rank);
    }
  } finally {
    for (const source of sources) await source.return(undefined);
  }
}
