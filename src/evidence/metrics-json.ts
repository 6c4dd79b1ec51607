/** Answers of Prometheus' HTTP API: instant and range queries, and the targets page (docs/querying/api.md). */
import { InvalidInput } from '../errors.ts';
import type { Instant } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';
import { LABEL } from './conventions.ts';
import { instantOf, readValue, type Sample } from './metrics-sample.ts';

/** What Prometheus says of one scrape target. */
export interface ScrapeTarget {
  readonly labels: ReadonlyMap<string, string>;
  /** `up`, `down` or `unknown`. */
  readonly health: string;
  /** In Prometheus' words; empty when the last scrape went well. */
  readonly lastError: string;
  readonly lastScrape: Instant | null;
}

export interface PrometheusAnswer {
  /** Series by series, each in order of time. Empty for targets. */
  readonly samples: Iterable<Sample>;
  readonly targets: readonly ScrapeTarget[];
  /** Prometheus' own: a successful answer can be incomplete. */
  readonly warnings: readonly string[];
  /** Series that name no metric (`sum`, `rate`) or are malformed: passed over. */
  readonly skipped: number;
}

type Json = Readonly<Record<string, unknown>>;

const ASK_FOR =
  'Ask /api/v1/query or /api/v1/query_range for the counters themselves, e.g. query=inbound_http_authz_deny_total, and save the whole answer.';

/**
 * Reads one whole answer. Errors: InvalidInput for anything but a successful query of series or of targets: not JSON, cut off,
 * `status: error`, a scalar, a string, an aggregation without metric names.
 */
export function readPrometheusAnswer(text: string, name: string): PrometheusAnswer {
  const body = parseJson(text, name);
  if (!isObject(body) || (body['status'] !== 'success' && body['status'] !== 'error')) {
    throw new InvalidInput(`${name} is JSON, but no answer of Prometheus' HTTP API: it has no status`, ASK_FOR, { file: name });
  }
  if (body['status'] === 'error') {
    throw new InvalidInput(
      `${name} says that Prometheus refused the query, ${textOf(body['errorType'])}: ${textOf(body['error'])}`,
      ASK_FOR,
      {
        file: name,
      },
    );
  }
  const warnings = [...strings(body['warnings']), ...strings(body['infos'])];
  const data = isObject(body['data']) ? body['data'] : {};
  if (Array.isArray(data['activeTargets'])) {
    const targets = data['activeTargets'].filter(isObject).map(readTarget);
    return { samples: [], targets, warnings, skipped: data['activeTargets'].length - targets.length };
  }
  const type = data['resultType'];
  if ((type !== 'vector' && type !== 'matrix') || !Array.isArray(data['result'])) {
    throw new InvalidInput(`${name} is ${describe(type)}, which names no series`, ASK_FOR, { file: name });
  }
  const series = data['result'].map(readSeries).filter((s) => s !== null);
  const skipped = data['result'].length - series.length;
  if (series.length === 0 && skipped > 0) {
    throw new InvalidInput(`${name} has ${skipped} series, none of which names its metric, as after sum() or rate()`, ASK_FOR, {
      file: name,
    });
  }
  return { samples: samplesOf(series), targets: [], warnings, skipped };
}

function describe(resultType: unknown): string {
  return resultType === 'scalar' || resultType === 'string' ? `a ${resultType}` : 'an answer of another kind';
}

interface Series {
  readonly metric: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly points: readonly unknown[];
}

function readSeries(series: unknown): Series | null {
  if (!isObject(series) || !isObject(series['metric'])) return null;
  const labels = readLabels(series['metric']);
  const metric = labels.get(LABEL.metric);
  const points = Array.isArray(series['values']) ? series['values'] : series['value'] === undefined ? [] : [series['value']];
  if (metric === undefined) return null;
  labels.delete(LABEL.metric);
  return { metric, labels, points };
}

function* samplesOf(series: readonly Series[]): Iterable<Sample> {
  for (const { metric, labels, points } of series) {
    for (const point of points) {
      if (!Array.isArray(point) || typeof point[0] !== 'number' || typeof point[1] !== 'string') continue;
      const value = readValue(point[1]);
      if (value !== null) yield { metric, labels, value, at: instantOf(point[0]) };
    }
  }
}

function readTarget(target: Json): ScrapeTarget {
  return {
    labels: isObject(target['labels']) ? readLabels(target['labels']) : new Map(),
    health: textOf(target['health']),
    lastError: textOf(target['lastError']),
    lastScrape: parseInstant(textOf(target['lastScrape'])),
  };
}

function readLabels(labels: Json): Map<string, string> {
  const entries = Object.entries(labels).filter((e): e is [string, string] => typeof e[1] === 'string');
  return new Map(entries);
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const cut = !/[\]}]\s*$/.test(text.slice(-100));
    throw new InvalidInput(cut ? `${name} is JSON that is cut off` : `${name} is not valid JSON`, ASK_FOR, { file: name });
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((v) => typeof v === 'string') : [];
}
