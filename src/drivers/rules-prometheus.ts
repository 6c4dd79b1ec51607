/** What a Prometheus tells of itself: its version, the labels of its series, the rules it evaluates (prometheus.io/docs/prometheus/latest/querying/api). */
import { Unavailable } from '../errors.ts';
import type { RuleServer } from '../ports.ts';
import type { Upstream } from './upstream.ts';
import { fields, liar, parseAnswer } from './upstream-json.ts';

export function createRuleServer(upstream: Upstream): RuleServer {
  const { place } = upstream;

  /** `data` of the answer. */
  async function ask(path: string, form?: ReadonlyMap<string, string>): Promise<unknown> {
    const { text } = await upstream.ask({ method: 'get', path, ...(form === undefined ? {} : { form }) });
    const { status, error, data } = fields(parseAnswer(text, place));
    if (status === 'success') return data;
    throw new Unavailable(`${place} refuses ${path}: ${String(error).slice(0, 300)}.`, 'Look at its log.');
  }
  async function texts(path: string, selector: string): Promise<readonly string[]> {
    const data = await ask(path, new Map([['match[]', selector]]));
    if (!Array.isArray(data)) throw liar(place, 'answered with something else than a list');
    return data.filter((text) => typeof text === 'string');
  }

  return {
    place,
    async version() {
      const version = fields(await ask('/api/v1/status/buildinfo'))['version'];
      return typeof version === 'string' ? version : '';
    },
    labelNames: (selector) => texts('/api/v1/labels', selector),
    labelValues: (label, selector) => texts(`/api/v1/label/${encodeURIComponent(label)}/values`, selector),
    rules: () => ask('/api/v1/rules'),
    close: () => upstream.close(),
  };
}
