/** JSON around a log line: Docker, stern, Loki, Fluent Bit, Vector, Filebeat. */

import type { Instant } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';
import { isObject } from './log-event.ts';

type Json = Readonly<Record<string, unknown>>;

export interface WrappedLine {
  /** The line, or the parsed event where the collector unpacked it. */
  readonly content: string | Json;
  readonly at: Instant | null;
  readonly namespace: string | null;
  readonly pod: string | null;
  readonly container: string | null;
  /** Docker: the line goes on in the next object. */
  readonly partial: boolean;
}

const DOCKER_KEYS = new Set(['log', 'stream', 'time', 'attrs']);

/** The lines of a JSON object, one for all but Loki; null: it wraps nothing. */
export function unwrapJson(object: Json): readonly WrappedLine[] | null {
  const streams = lokiStreams(object);
  if (streams !== null) return streams.flatMap(lokiLines);
  const content = ['log', 'message', 'line', 'msg']
    .map((key) => own(object, key))
    .find((value) => typeof value === 'string' || isObject(value));
  if (content === undefined) return null;
  const labels = asObject(own(object, 'labels'));
  const kubernetes = asObject(own(object, 'kubernetes'));
  const at =
    ['time', 'timestamp', '@timestamp', 'date', 'ts'].map((key) => instant(own(object, key))).find((value) => value !== null) ?? null;
  const isDocker = typeof content === 'string' && Object.keys(object).every((key) => DOCKER_KEYS.has(key));
  return [
    {
      content: typeof content === 'string' ? content.replace(/\r?\n$/, '') : (content as Json),
      at,
      namespace: firstText(
        [kubernetes, 'namespace_name'],
        [kubernetes, 'pod_namespace'],
        [kubernetes, 'namespace'],
        [labels, 'namespace'],
        [object, 'namespace'],
      ),
      pod: firstText(
        [kubernetes, 'pod_name'],
        [asObject(own(kubernetes, 'pod')), 'name'],
        [labels, 'pod'],
        [object, 'podName'],
        [object, 'pod'],
      ),
      container: firstText(
        [kubernetes, 'container_name'],
        [asObject(own(kubernetes, 'container')), 'name'],
        [labels, 'container'],
        [object, 'containerName'],
        [object, 'container'],
      ),
      partial: isDocker && 'log' in object && !content.endsWith('\n'),
    },
  ];
}

/** `query_range`: `{data: {result: [{stream, values}]}}`; a push or tail message: `{streams: [{stream, values}]}`. */
function lokiStreams(object: Json): readonly Json[] | null {
  const result = own(asObject(own(object, 'data')), 'result') ?? own(object, 'streams');
  return Array.isArray(result) ? result.filter(isObject) : null;
}

/** Loki answers newest first unless asked otherwise. */
function lokiLines(stream: Json): WrappedLine[] {
  const labels = asObject(own(stream, 'stream'));
  const values = own(stream, 'values');
  const meta = {
    namespace: firstText([labels, 'namespace']),
    pod: firstText([labels, 'pod']),
    container: firstText([labels, 'container']),
  };
  const lines: { readonly nanoseconds: string; readonly line: WrappedLine }[] = [];
  for (const value of Array.isArray(values) ? values : []) {
    const [nanoseconds, content] = Array.isArray(value) ? value : [];
    if (typeof nanoseconds !== 'string' || typeof content !== 'string' || !/^\d{1,19}$/.test(nanoseconds)) continue;
    const at = Math.floor(Number(nanoseconds.slice(0, -6)));
    lines.push({
      nanoseconds: nanoseconds.padStart(19, '0'),
      line: { content: content.replace(/\r?\n$/, ''), at, ...meta, partial: false },
    });
  }
  const first = lines[0]?.nanoseconds ?? '';
  const isNewestFirst = first > (lines.at(-1)?.nanoseconds ?? '');
  // Equal timestamps keep their order, which newest-first has reversed too.
  const inOrder = isNewestFirst ? lines.toReversed() : lines;
  return inOrder.toSorted((a, b) => (a.nanoseconds < b.nanoseconds ? -1 : a.nanoseconds > b.nanoseconds ? 1 : 0)).map(({ line }) => line);
}

/** RFC 3339, or seconds (Fluent Bit's `date`). */
function instant(value: unknown): Instant | null {
  if (typeof value === 'number') return Number.isFinite(value) && value > 0 ? Math.floor(value * 1000) : null;
  return typeof value === 'string' ? parseInstant(value) : null;
}

function firstText(...places: readonly (readonly [Json | null, string])[]): string | null {
  for (const [object, key] of places) {
    const value = own(object, key);
    if (typeof value === 'string' && value !== '') return value;
  }
  return null;
}

function own(object: Json | null, key: string): unknown {
  return object !== null && Object.hasOwn(object, key) ? object[key] : undefined;
}

function asObject(value: unknown): Json | null {
  return isObject(value) ? value : null;
}
