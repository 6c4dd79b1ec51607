/** What the proxies of a recording show on their /metrics pages at this moment of it, and how Prometheus finds them. */
import { EXPORTED, LABEL, METRIC } from '../evidence/conventions.ts';
import type { Sample } from '../evidence/metrics-sample.ts';
import type { Instant } from '../policy/resource.ts';
import { showSeries } from './demo-feed.ts';

/** By the key of each pod, the labels that its scrape target had: linkerd-viz' ones in a recording of a linkerd-viz. */
export type PodTargets = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** What a request for a page comes to. */
export interface Page {
  readonly status: 200 | 403 | 404 | 503;
  readonly text: string;
}

/** An entry of Prometheus' HTTP service discovery (https://prometheus.io/docs/prometheus/latest/http_sd/). */
export interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface Pages {
  /** The samples of one scrape or several. `rebase`: from the recording's time to that of now. */
  take(samples: readonly Sample[], rebase: (at: Instant) => Instant): void;
  /** Every proxy is a new process that has counted nothing yet. */
  restart(): void;
  /** `path` as in `targets`. */
  page(path: string): Page;
  /** `address`: where the pages are. */
  targets(address: string): readonly TargetGroup[];
}

export function podKey(namespace: string, pod: string): string {
  return `${namespace}/${pod}`;
}

interface Proxy {
  /** Lines of the page by series, in the order in which they came to be. */
  readonly series: Map<string, { readonly metric: string; readonly line: string }>;
  isRefused: boolean;
}

export function createPages(pods: PodTargets): Pages {
  const proxies = new Map<string, Proxy>();
  const byPath = new Map<string, string>();
  for (const [key, labels] of pods) {
    proxies.set(key, { series: new Map(), isRefused: false });
    byPath.set(pathOf(labels), key);
  }

  function take(sample: Sample, rebase: (at: Instant) => Instant): void {
    const key = keyOf(sample.labels);
    const [proxy, target] = [proxies.get(key), pods.get(key)];
    if (proxy === undefined || target === undefined) return;
    if (sample.metric === METRIC.up) {
      proxy.isRefused = sample.value === 0;
      return;
    }
    const series = { metric: sample.metric, labels: ownLabels(sample.labels, target), value: rebasedValue(sample, rebase) };
    const id = JSON.stringify([series.metric, ...series.labels]);
    if (Number.isNaN(sample.value)) proxy.series.delete(id);
    else proxy.series.set(id, { metric: series.metric, line: showSeries(series) });
  }

  return {
    take(samples, rebase) {
      for (const sample of samples) take(sample, rebase);
    },
    restart() {
      for (const proxy of proxies.values()) {
        proxy.series.clear();
        proxy.isRefused = false;
      }
    },
    page(path) {
      const proxy = proxies.get(byPath.get(path) ?? '');
      if (proxy === undefined) return { status: 404, text: 'There is no such pod: /targets lists them.\n' };
      if (proxy.isRefused) return { status: 403, text: 'When this was recorded the proxy refused to be scraped.\n' };
      if (proxy.series.size === 0) return { status: 503, text: 'The proxy has just started and was not scraped yet.\n' };
      return { status: 200, text: showPage([...proxy.series.values()]) };
    },
    targets: (address) => [...pods.values()].map((labels) => targetOf(labels, address)),
  };
}

export function keyOf(labels: ReadonlyMap<string, string>): string {
  return podKey(labels.get(LABEL.namespace) ?? '', labels.get(LABEL.pod) ?? '');
}

function pathOf(labels: ReadonlyMap<string, string>): string {
  const [namespace = '', pod = ''] = [labels.get(LABEL.namespace), labels.get(LABEL.pod)];
  return `/pods/${encodeURIComponent(namespace)}/${encodeURIComponent(pod)}/metrics`;
}

function targetOf(labels: ReadonlyMap<string, string>, address: string): TargetGroup {
  return { targets: [address], labels: { ...Object.fromEntries(labels), __metrics_path__: pathOf(labels) } };
}

/** Those that Prometheus did not add to them; one that collided with a target's gets its name back. */
function ownLabels(labels: ReadonlyMap<string, string>, target: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const own = new Map<string, string>();
  for (const [name, value] of labels) {
    if (target.has(name)) continue;
    const bare = name.startsWith(EXPORTED) ? name.slice(EXPORTED.length) : name;
    own.set(target.has(bare) ? bare : name, value);
  }
  return own;
}

function rebasedValue({ metric, value }: Sample, rebase: (at: Instant) => Instant): number {
  return metric === METRIC.processStart ? Math.round(rebase(value * 1000)) / 1000 : value;
}

/** Exposition format 0.0.4: the series of a metric stand together below its type. */
function showPage(series: readonly { readonly metric: string; readonly line: string }[]): string {
  const lines = [...Map.groupBy(series, ({ metric }) => metric)].flatMap(([metric, all]) => [
    `# TYPE ${metric} ${metric.endsWith('_total') ? 'counter' : 'gauge'}`,
    ...all.map(({ line }) => line),
  ]);
  return `${lines.join('\n')}\n`;
}
