/** Sends what is played to a service over HTTP, as collectors, Prometheus and Alertmanager would: in the order of the times, some seconds at a time. */
import type { RecordedEvent, RecordedLog } from '../drivers/recording.ts';
import { createTimestampReader } from '../evidence/log-text.ts';
import type { Sample } from '../evidence/metrics-sample.ts';
import type { Instant } from '../policy/resource.ts';

export interface Feed {
  take(event: RecordedEvent): Promise<void>;
  /** Sends what is left. */
  end(): Promise<void>;
  /** Bodies that the service refused, and why the first of them: it could not tell whose they are. */
  readonly refused: { count: number; why: string };
}

/** Milliseconds of the recording that one body holds. */
const SLICE = 30_000;
/** A log is cut where it is silent for so long (ms): the lines of one denial belong together. */
const SILENCE = 1000;
/** Characters of a log that are held; it is cut then, wherever that is. */
const MOST_HELD = 8 * 2 ** 20;

/** Errors of its calls: what fetch throws, and Error for an answer that the service should not give. */
export function createFeed(url: string): Feed {
  const refused = { count: 0, why: '' };

  async function post(path: string, contentType: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers: { 'Content-Type': contentType, ...headers }, body });
    const text = await answer.text();
    if (answer.ok) return;
    if (answer.status !== 400) throw new Error(`POST ${path} answered ${answer.status}: ${text}`);
    if (refused.count++ === 0) refused.why = text;
  }

  const logs = new Map<string, LogFeed>();
  const logFeed = (log: RecordedLog): LogFeed => {
    const known = logs.get(log.file) ?? createLogFeed(log, (body, headers) => post('/api/v1/logs', 'text/plain', body, headers));
    logs.set(log.file, known);
    return known;
  };
  const samples = createSampleFeed((body) => post('/api/v1/metrics', 'application/openmetrics-text', body));

  return {
    refused,
    async take(event) {
      switch (event.kind) {
        case 'policy':
          return;
        case 'log':
          return logFeed(event.log).take(event.at, event.text);
        case 'samples':
          return samples.take(event.at, event.samples);
        case 'webhook':
          return post('/api/v1/webhooks/alertmanager', 'application/json', JSON.stringify(event.body));
      }
    },
    async end() {
      for (const log of logs.values()) await log.end();
      await samples.end();
    },
  };
}

interface LogFeed {
  take(at: Instant, text: string): Promise<void>;
  end(): Promise<void>;
}

/** A log that has to say itself whose it is goes as a whole: its first lines say it. */
function createLogFeed(
  { namespace, pod }: RecordedLog,
  post: (body: string, headers: Readonly<Record<string, string>>) => Promise<void>,
): LogFeed {
  const timestamps = createTimestampReader();
  let held: string[] = [];
  let size = 0;
  let [first, last]: [Instant, Instant] = [0, 0];
  const headers = { 'X-Denywhy-Pod': pod, ...(namespace === null ? {} : { 'X-Denywhy-Namespace': namespace }) };

  async function end(): Promise<void> {
    if (held.length === 0) return;
    const body = held.join('\n');
    [held, size] = [[], 0];
    await post(body, headers);
  }

  return {
    async take(at, text) {
      const isPause = namespace !== null && at - first >= SLICE && at - last >= SILENCE && timestamps.read(text, 0) >= 0;
      if (isPause || size > MOST_HELD) await end();
      if (held.length === 0) first = at;
      last = at;
      held.push(text);
      size += text.length;
    },
    end,
  };
}

interface SampleFeed {
  take(at: Instant, samples: readonly Sample[]): Promise<void>;
  end(): Promise<void>;
}

function createSampleFeed(post: (body: string) => Promise<void>): SampleFeed {
  let held: string[] = [];
  let first = 0;
  async function end(): Promise<void> {
    if (held.length === 0) return;
    const body = `${held.join('\n')}\n# EOF\n`;
    held = [];
    await post(body);
  }
  return {
    async take(at, samples) {
      if (at - first >= SLICE) await end();
      if (held.length === 0) first = at;
      for (const sample of samples) held.push(`${showSeries(sample)} ${at / 1000}`);
    },
    end,
  };
}

/** A series and its value as a line of OpenMetrics without a time (https://prometheus.io/docs/specs/om/open_metrics_spec/#text-format). */
export function showSeries({ metric, labels, value }: Pick<Sample, 'metric' | 'labels' | 'value'>): string {
  const shown = [...labels].map(([name, text]) => `${name}="${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`);
  return `${metric}${shown.length === 0 ? '' : `{${shown.join(',')}}`} ${value}`;
}
