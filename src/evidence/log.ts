/** Log lines → facts: every dialect of the proxy since Linkerd 2.11 and of the policy controller, behind whatever carried the lines here. */
import type { Instant } from '../policy/resource.ts';
import type { Fact, Reporter } from './facts.ts';
import { readApacheAccess, readJsonAccess } from './log-access.ts';
import { continuesBelow } from './log-controller.ts';
import { readEvent } from './log-dispatch.ts';
import { createEnvelopeReader } from './log-envelope.ts';
import { isObject, type LogEvent, readJsonEvent, readPlainEvent } from './log-event.ts';
import type { LineOrigin } from './log-facts.ts';
import { OVERSIZED_MARK } from './log-lines.ts';
import type { Outcome } from './log-reading.ts';
import { createStormReader } from './log-storm.ts';
import { createStreams, deliver, isOthers, type LineMeta, type Stream } from './log-stream.ts';
import { createTimestampReader, ownCopy } from './log-text.ts';
import { unwrapJson, type WrappedLine } from './log-wrapped.ts';

export interface LogParserOptions {
  /** File name, `stdin` or query: what `Source.name` says. */
  readonly name: string;
  /** Whose log this is, where the lines do not say. */
  readonly reporter?: Partial<Reporter>;
  /** When the proxy started, to turn its uptime into a time where nothing else gives one. */
  readonly startedAt?: Instant | null;
}

export interface LogStats {
  /** Lines of containers: the entries of a Loki answer count one each, the parts of a cut line together. */
  lines: number;
  /** Understood, and about policy or trouble (also where it only completes another line). */
  parsed: number;
  /** On the closed list of events that say nothing about policy, another container's, or empty. */
  irrelevant: number;
  /** Not understood, oversized ones included. */
  unparsed: number;
  /** Longer than 1,048,576 characters and no JSON, or longer than 8 MiB. */
  oversized: number;
  /** The first five unparsed lines, cut at 200 characters. */
  readonly samples: { readonly line: number; readonly text: string }[];
}

export interface LogParser {
  /**
   * A line, or several with line feeds between them (faster), without the last line feed. Gives the facts that are complete now; a denial may wait for
   * lines that belong to it. `line`: 1-based number of the first; without it lines are counted on. Never throws.
   */
  push(text: string, line?: number): readonly Fact[];
  /** The facts that still waited. */
  flush(): readonly Fact[];
  readonly stats: Readonly<LogStats>;
}

type Json = Readonly<Record<string, unknown>>;
/** What `finish` needs of an event or an access log line. */
type Parts = Pick<LogEvent, 'at' | 'uptime' | 'thread' | 'fields' | 'text'> | { readonly at: Instant | null };

const MAX_LINE = 1_048_576;
/** Characters of lines whose last parts have not come yet, of all containers together. */
const MAX_PARTS = 16 * MAX_LINE;
/** A part keeps the line alive that it was cut from. */
const PART_COST = 256;
const MAX_RAW = 2000;
const MAX_SAMPLES = 5;
const MAX_SAMPLE = 200;
const OPEN_BRACE = 123;
const OVERSIZED = OVERSIZED_MARK.charCodeAt(0);
const LETTER_Z = 90;
const SPACE = 32;
const DIGIT_0 = 48;
const DIGIT_9 = 57;
/** Of a time with nine digits behind the point. */
const USUAL_TIME = '2026-11-23T09:04:36.372482263Z'.length;
/** Of an event that was not taken apart. */
const NO_EVENT = { at: null, uptime: null, thread: 0, fields: null, text: '' };
const NONE: readonly Fact[] = [];
const BARE: LineMeta = { at: null, namespace: null, pod: null, container: null };

export function createLogParser(options: LogParserOptions): LogParser {
  const stats: LogStats = { lines: 0, parsed: 0, irrelevant: 0, unparsed: 0, oversized: 0, samples: [] };
  const envelopes = createEnvelopeReader();
  const storm = createStormReader();
  const timestamps = createTimestampReader();
  const streams = createStreams(options.reporter ?? {}, options.startedAt ?? null, { report, close });
  const hasStart = options.startedAt != null;
  let ready: Fact[] | null = null;
  let heldParts = 0;
  let nextLine = 1;

  function report(fact: Fact): void {
    if (ready === null) ready = [fact];
    else ready.push(fact);
  }

  function close(stream: Stream): void {
    const { partial } = stream;
    holdPart(stream, null, 0);
    if (partial !== null) {
      stats.lines++;
      if (partial.charCodeAt(0) === OVERSIZED) countOversized(partial.slice(OVERSIZED_MARK.length), nextLine - 1);
      else countUnparsed(partial, nextLine - 1);
    }
    stream.join.flush();
  }

  function take(): readonly Fact[] {
    const facts = ready ?? NONE;
    ready = null;
    return facts;
  }

  /** One line of `text`, in place: cutting it out costs as much as knowing it. */
  function pushLine(text: string, from: number, end: number, line: number): void {
    stats.lines++;
    if (readKnown(text, from, end, line)) return;
    const raw = ownCopy(text.slice(from, end));
    if (raw.charCodeAt(0) === OVERSIZED) countOversized(raw.slice(OVERSIZED_MARK.length), line);
    else readLine(raw, line);
  }

  /** A line of a denial storm behind nothing but `--timestamps`; that time is read only where a fact needs it. */
  function readKnown(text: string, from: number, end: number, line: number): boolean {
    const first = text.charCodeAt(from);
    const isTimed = first >= DIGIT_0 && first <= DIGIT_9;
    const start = isTimed ? startAfterTime(text, from, end) : from;
    const outcome = start < 0 || (hasStart && !isTimed) ? undefined : storm.read(text, start, end);
    if (outcome === undefined || outcome === null) return false;
    const isFact = outcome !== 'irrelevant' && outcome.type !== 'failure';
    if (isTimed && isFact && timestamps.read(text, from) !== start - 1) return false;
    const stream = streams.of(BARE);
    stream.join.event();
    stream.join.tick();
    stream.continues = false;
    if (outcome === 'irrelevant') {
      stats.irrelevant++;
      return true;
    }
    stats.parsed++;
    if (!isFact) {
      if (stream.join.failure(outcome)) return true;
      timestamps.read(text, from);
    }
    const at = storm.at ?? (isTimed ? timestamps.instant : null);
    deliver(outcome, stream, originOf(at, stream, ownCopy(text.slice(from, end)), line));
    return true;
  }

  function readLine(raw: string, line: number): void {
    const envelope = envelopes.open(raw);
    const content = envelope.start === 0 ? envelope.text : envelope.text.slice(envelope.start);
    if (isOthers(envelope)) stats.irrelevant++;
    else if (envelope.cri === null) readContent(content, envelope, raw, line);
    else readPart(content, envelope.cri === 'P', envelope, raw, line);
  }

  /** Container runtimes cut long lines; the parts count as one line, with the last. */
  function readPart(content: string, isCut: boolean, meta: LineMeta, raw: string, line: number): void {
    const stream = streams.of(meta);
    const before = stream.partial ?? '';
    const isOversized = before.charCodeAt(0) === OVERSIZED;
    const cost = stream.partialCost + content.length + PART_COST;
    const isLost = isOversized || (stream.partial !== null && cost > MAX_LINE) || (isCut && heldParts + content.length > MAX_PARTS);
    const whole = isOversized ? before : before + content;
    const soFar = isLost && !isOversized ? ownCopy(OVERSIZED_MARK + whole.slice(0, MAX_SAMPLE)) : whole;
    holdPart(stream, isCut ? soFar : null, !isCut ? 0 : isLost ? MAX_SAMPLE : cost);
    if (isCut) stats.lines--;
    else if (isLost) countOversized(soFar.slice(OVERSIZED_MARK.length), line);
    else readContent(soFar, meta, raw, line);
  }

  function holdPart(stream: Stream, partial: string | null, cost: number): void {
    heldParts += cost - stream.partialCost;
    stream.partial = partial;
    stream.partialCost = cost;
  }

  function readContent(content: string, meta: LineMeta, raw: string, line: number): void {
    const known = hasStart ? undefined : storm.read(content, 0, content.length);
    if (known !== undefined) {
      finish(known, { ...NO_EVENT, at: storm.at }, streams.of(meta), meta, raw, line);
      return;
    }
    const object = content.charCodeAt(0) === OPEN_BRACE ? parseObject(content) : null;
    if (object !== null) readObject(object, content, meta, raw, line);
    else if (content.length > MAX_LINE) countOversized(content, line);
    else if (content.trim() === '') stats.irrelevant++;
    else readPlain(content, meta, raw, line);
  }

  function readPlain(content: string, meta: LineMeta, raw: string, line: number): void {
    const stream = streams.of(meta);
    const event = readPlainEvent(content, 0);
    if (event !== null) {
      const outcome = readEvent(event);
      storm.learn(content, outcome);
      finish(outcome, event, stream, meta, raw, line);
      return;
    }
    const timed = readApacheAccess(content);
    if (timed === null && stream.continues && (content.startsWith('    ') || content.startsWith('error: '))) {
      stats.irrelevant++;
      stream.join.continuation(content);
    } else finish(timed?.access ?? null, timed, stream, meta, raw, line);
  }

  function readObject(object: Json, json: string, meta: LineMeta, raw: string, line: number): void {
    if (readBare(object, json, meta, raw, line)) return;
    const wrapped = unwrapJson(object);
    if (wrapped === null) {
      finish(null, null, streams.of(meta), meta, raw, line);
      return;
    }
    stats.lines += wrapped.length - 1;
    for (const inner of wrapped) readWrapped(inner, meta, wrapped.length > 1 ? String(inner.content) : raw, line);
  }

  /** An event or an access log line in JSON. false: it is neither. */
  function readBare(object: Json, json: string, meta: LineMeta, raw: string, line: number): boolean {
    const event = readJsonEvent(object, json);
    const timed = event === null ? readJsonAccess(object) : null;
    if (event !== null) {
      const outcome = readEvent(event);
      storm.learn(json, outcome);
      finish(outcome, event, streams.of(meta), meta, raw, line);
    } else if (timed !== null) finish(timed.access, timed, streams.of(meta), meta, raw, line);
    return event !== null || timed !== null;
  }

  /** A wrapped line may have a time stamp of its own in front, but is not wrapped in JSON again. */
  function readWrapped(inner: WrappedLine, outer: LineMeta, raw: string, line: number): void {
    const meta = {
      at: inner.at ?? outer.at,
      namespace: outer.namespace ?? inner.namespace,
      pod: outer.pod ?? inner.pod,
      container: outer.container ?? inner.container,
    };
    if (isOthers(meta)) {
      stats.irrelevant++;
      return;
    }
    if (typeof inner.content !== 'string') {
      if (!readBare(inner.content, '', meta, raw, line)) finish(null, null, streams.of(meta), meta, raw, line);
      return;
    }
    const { text, start, at } = envelopes.open(inner.content);
    const content = text.slice(start);
    const object = content.charCodeAt(0) === OPEN_BRACE && !inner.partial ? parseObject(content) : null;
    const timed = { ...meta, at: meta.at ?? at };
    if (object === null || !readBare(object, content, timed, raw, line)) readPart(content, inner.partial, timed, raw, line);
  }

  function finish(outcome: Outcome, parts: Parts | null, stream: Stream, meta: LineMeta, raw: string, line: number): void {
    const isEvent = parts !== null && 'uptime' in parts;
    if (isEvent) {
      stream.join.event();
      stream.continues = continuesBelow(parts);
    }
    stream.join.tick();
    if (outcome === null) countUnparsed(raw, line);
    else if (outcome === 'irrelevant') stats.irrelevant++;
    else {
      stats.parsed++;
      if (outcome.type === 'failure' && stream.join.failure(outcome)) return;
      const uptime = isEvent ? parts.uptime : null;
      const at = parts?.at ?? meta.at ?? (uptime !== null && stream.startedAt !== null ? stream.startedAt + uptime : null);
      deliver(outcome, stream, originOf(at, stream, raw, line));
    }
  }

  function originOf(at: Instant | null, stream: Stream, raw: string, line: number): LineOrigin {
    const cut = raw.length > MAX_RAW ? raw.slice(0, MAX_RAW) : raw;
    return { at, reporter: stream.reporter, source: { kind: 'log', name: options.name, line, raw: cut } };
  }

  function countUnparsed(text: string, line: number): void {
    stats.unparsed++;
    if (stats.samples.length < MAX_SAMPLES) stats.samples.push({ line, text: ownCopy(text.slice(0, MAX_SAMPLE)) });
  }

  function countOversized(text: string, line: number): void {
    stats.oversized++;
    countUnparsed(text, line);
  }

  return {
    stats,
    push(text, line = nextLine) {
      let number = line;
      let start = 0;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
        pushLine(text, start, end, number++);
        start = end + 1;
      }
      pushLine(text, start, text.length, number);
      nextLine = number + 1;
      return take();
    },
    flush() {
      for (const stream of streams.all()) close(stream);
      return take();
    },
  };
}

/** Where the line goes on behind what may be a time in UTC and a space; -1: nowhere. */
function startAfterTime(text: string, from: number, end: number): number {
  const usual = from + USUAL_TIME;
  const space = text.charCodeAt(usual) === SPACE ? usual : text.indexOf(' ', from);
  return space > from && space < end && text.charCodeAt(space - 1) === LETTER_Z ? space + 1 : -1;
}

/** Text that is no JSON object may still be a plain line. */
function parseObject(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
