/** Prometheus' HTTP API (prometheus.io/docs/prometheus/latest/querying/api), and that of Thanos and Mimir. */
import { InvalidInput, Unavailable } from '../errors.ts';
import { type PrometheusAnswer, readPrometheusAnswer } from '../evidence/metrics-json.ts';
import { readRetention } from '../evidence/metrics-retention.ts';
import { readValue } from '../evidence/metrics-sample.ts';
import { parseYaml } from '../manifests/yaml-text.ts';
import type { Instant } from '../policy/resource.ts';
import type { LabelledNumber, Prometheus } from '../ports.ts';
import type { Upstream, UpstreamAnswer } from './upstream.ts';
import { errorOf } from './upstream-faults.ts';
import { assertJson, fields, liar, parseAnswer } from './upstream-json.ts';

/** Statuses with which its API itself answers: bad_data, execution, internal, timeout, canceled. A 404 stands for an API it does not have. */
const OWN_STATUSES = [400, 404, 422, 499, 500, 503];

export function createPrometheus(upstream: Upstream): Prometheus {
  const { place } = upstream;

  async function ask(path: string, form: ReadonlyMap<string, string>): Promise<string> {
    const answer = await upstream.ask({ method: 'post', path, form }, OWN_STATUSES);
    if (answer.status >= 300) throw refusal(answer, place);
    assertJson(answer.text, place);
    return answer.text;
  }
  async function series(path: string, form: ReadonlyMap<string, string>): Promise<PrometheusAnswer> {
    return readable(await ask(path, form), place);
  }
  async function numbers(expression: string, at: Instant | null): Promise<readonly LabelledNumber[]> {
    const text = await ask('/api/v1/query', new Map([['query', expression], ...(at === null ? [] : [['time', seconds(at)] as const])]));
    return readNumbers(text, place);
  }
  /** null: it has no such API. */
  async function get(path: string, form?: ReadonlyMap<string, string>): Promise<string | null> {
    const answer = await upstream.ask({ method: 'get', path, ...(form === undefined ? {} : { form }) }, OWN_STATUSES);
    if (answer.status === 404) return null;
    if (answer.status >= 300) throw refusal(answer, place);
    assertJson(answer.text, place);
    return answer.text;
  }

  return {
    place,
    async now() {
      const [{ value } = { value: Number.NaN }] = await numbers('vector(time())', null);
      if (!(value > 0)) throw liar(place, 'does not know what time it is');
      return Math.round(value * 1000);
    },
    query: (query, at) =>
      series(
        '/api/v1/query',
        new Map([
          ['query', query],
          ['time', seconds(at)],
        ]),
      ),
    queryRange: (query, { start, end, step }) =>
      series(
        '/api/v1/query_range',
        new Map([
          ['query', query],
          ['start', seconds(start)],
          ['end', seconds(end)],
          ['step', seconds(step)],
        ]),
      ),
    numbers,
    async targets() {
      const text = await get('/api/v1/targets', new Map([['state', 'active']]));
      return text === null ? null : readable(text, place).targets;
    },
    async externalLabels() {
      const text = await get('/api/v1/status/config');
      return text === null ? null : externalLabelsOf(text);
    },
    async retention() {
      const [config, runtimeinfo, flags] = await Promise.all(
        ['config', 'runtimeinfo', 'flags'].map((page) => get(`/api/v1/status/${page}`)),
      );
      return readRetention({
        config: config == null ? null : configOf(config),
        runtimeinfo: runtimeinfo == null ? null : dataOf(runtimeinfo),
        flags: flags == null ? null : dataOf(flags),
      });
    },
    close: () => upstream.close(),
  };
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

function readable(text: string, place: string): PrometheusAnswer {
  try {
    return readPrometheusAnswer(text, 'its answer');
  } catch (error) {
    if (error instanceof InvalidInput) throw liar(place, `cannot be understood: ${error.message}`);
    throw error;
  }
}

const REFUSALS: ReadonlyMap<number, string> = new Map([
  [400, 'Its version may be too old for this query, or what stands between changes it.'],
  [422, 'Raise --query.max-samples, or poll fewer series.'],
  [499, 'It was stopped in the middle: look at its log.'],
  [503, 'It is starting or overloaded: raise --query.timeout or poll less often.'],
]);

function refusal({ status, text }: UpstreamAnswer, place: string): Unavailable {
  const words = errorOf(text);
  if (words === '' && status === 404)
    return new Unavailable(`${place} has no such API (404).`, 'Is a path missing in the address, such as /prometheus?');
  return new Unavailable(
    `${place} refuses the query (${status})${words === '' ? '' : `: ${words}`}.`,
    REFUSALS.get(status) ?? 'Look at its log.',
  );
}

/** A vector without names of metrics. */
function readNumbers(text: string, place: string): readonly LabelledNumber[] {
  const data = fields(fields(parseAnswer(text, place))['data']);
  const result = data['result'];
  if (data['resultType'] !== 'vector' || !Array.isArray(result)) throw liar(place, 'answered with something else than numbers');
  return result.flatMap((entry): LabelledNumber[] => {
    const { metric, value } = fields(entry);
    const number = Array.isArray(value) && typeof value[1] === 'string' ? readValue(value[1]) : null;
    if (number === null) return [];
    const labels = Object.entries(fields(metric)).filter((e): e is [string, string] => typeof e[1] === 'string');
    return [{ labels: new Map(labels), value: number }];
  });
}

/** null: the configuration is not shown, or not to be read. */
function externalLabelsOf(text: string): ReadonlyMap<string, string> | null {
  const config = configOf(text);
  if (config === null) return null;
  const labels = fields(fields(fields(config)['global'])['external_labels']);
  return new Map(Object.entries(labels).map(([name, value]) => [name, String(value)]));
}

function configOf(text: string): unknown {
  const yaml = fields(dataOf(text))['yaml'];
  if (typeof yaml !== 'string') return null;
  try {
    return parseYaml(yaml, 'the configuration of Prometheus').documents[0]?.value ?? null;
  } catch {
    return null;
  }
}

/** null: it is no JSON, or carries none. */
function dataOf(text: string): unknown {
  try {
    return fields(JSON.parse(text))['data'] ?? null;
  } catch {
    return null;
  }
}
